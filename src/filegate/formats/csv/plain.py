r"""CSV chunks that polars reads with types.

A field is *plain* if it is written in the common way for its column's type, `-12.5` or `2013-01-31`: such that polars'
reader and the contract's casts give the same value. One regular expression proves of a whole chunk that each record is
a line with the right number of fields, and that each field with a type is plain or null. That takes no longer than the
proof that polars reads a chunk exactly, and makes it unnecessary to read the chunk as strings first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

import polars as pl

from filegate.formats.csv.grammar import Grammar
from filegate.formats.csv.index import byte_column, positions
from filegate.formats.records import ROW, Records
from filegate.formats.sources import Csv
from filegate.formats.utf8 import as_csv
from filegate.runs.manifests import Chunk

MAX_FIELDS: Final = 300
"""For many more, the regular expression engine cannot cache its states, and takes ten times as long."""

_BLOCK_BYTES: Final = 1 << 18
"""Bytes that are matched together, or fewer if no record may be as long."""

_ALPHABET: Final = frozenset("+-.0123456789Ee")
"""The characters of plain fields."""

_DATE: Final = (
    "(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|[2468][048]|[3579][26])00)-02-29)"
)
_NUMBER: Final = r"-?[0-9]{1,17}(?:\.[0-9]+)?"
_EXPONENT: Final = "(?:[Ee][+-]?[0-9]{1,2})?"
_INTEGERS: Final[dict[type[pl.DataType], str]] = {
    pl.Int8: "-?[0-9]{1,2}",
    pl.Int16: "-?[0-9]{1,4}",
    pl.Int32: "-?[0-9]{1,9}",
    pl.Int64: "-?[0-9]{1,18}",
    pl.UInt8: "[0-9]{1,2}",
    pl.UInt16: "[0-9]{1,4}",
    pl.UInt32: "[0-9]{1,9}",
    pl.UInt64: "[0-9]{1,19}",
}


class PlainReader:
    """Reads chunks of one dialect whose records are all plain.

    Args:
        source: the dialect.
        grammar: of its records.
        names: of the file's columns.
        columns: expressions on the fields, named by their places in a record: the resulting columns.
        types: of fields, by place.
    """

    def __init__(
        self,
        source: Csv,
        grammar: Grammar,
        names: Sequence[str],
        columns: Sequence[pl.Expr],
        types: Mapping[int, pl.DataType],
    ) -> None:
        patterns = {place: pattern for place, dtype in types.items() if (pattern := plain_pattern(dtype)) is not None}
        words = [source.null_words(name) for name in names]
        self._source = source
        self._columns = columns
        self._fields = range(grammar.fields)
        self._types = {place: types[place] for place in patterns}
        self._block_bytes = min(_BLOCK_BYTES, grammar.limit)
        applies = (
            bool(patterns)
            and 1 < grammar.fields <= MAX_FIELDS  # a record of one field may be a blank line
            and _ALPHABET.isdisjoint((source.delimiter, source.quote, source.escape))
            # polars does not find such a value in a field, where its quotes are doubled
            and not any((source.quote or "\0") in word for each in words for word in each)
            # polars takes one list for all columns, or one word by column
            and not (isinstance(source.null_values, Mapping) and any(len(each) > 1 for each in words))
            # else a repeated header, in whatever order, might be plain
            and not all(
                any(name in words[place] or re.fullmatch(f"(?:{pattern})?", name) for name in names)
                for place, pattern in patterns.items()
            )
        )
        self._pattern = _lines_pattern(source, words, patterns) if applies else None
        self._null_values = (
            # in a column without a word polars would take quoted empty fields for null; no plain field has a NUL
            {f"{place}": (*each, "\0")[0] for place, each in enumerate(words)}
            if isinstance(source.null_values, Mapping)
            else list(source.null_values)
        )

    def read(self, data: bytes, chunk: Chunk) -> Records | None:
        """The records of a chunk; columns whose type can be plain have that type, the others are strings.

        None if a field with a type is not plain, or a record is not well-formed, or not a line.
        """
        if self._pattern is None:
            return None
        try:
            if not all(_string(block).str.contains(self._pattern).item() for block in self._blocks(data)):
                return None
            frame = self._scan(data, self._types)
        except pl.exceptions.PolarsError:  # it is not UTF-8
            return None
        first, lines = chunk.first_row, _Lines(data)
        numbers = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias(ROW)
        return Records(
            frame.insert_column(0, numbers),
            (),
            (),
            lambda rows: (lines.starts.gather(rows - first).cast(pl.Int64) + chunk.origin).alias(rows.name),
            strings=lambda rows: self._scan(lines.join(rows[ROW] - first), {}).insert_column(0, rows[ROW]),
        )

    def _blocks(self, data: bytes) -> Iterator[bytes]:
        """All lines, many at a time; a line that is too long for a block comes without its end."""
        size, start = self._block_bytes, 0
        while start < len(data):
            end = data.rfind(b"\n", start, start + size) + 1 or start + size
            yield data[start:end]
            start = end

    def _scan(self, data: bytes, types: Mapping[int, pl.DataType]) -> pl.DataFrame:
        scan = pl.scan_csv(
            as_csv(data),
            has_header=False,
            schema={f"{place}": types.get(place, pl.String()) for place in self._fields},
            separator=self._source.delimiter,
            quote_char=self._source.quote,
            null_values=self._null_values or None,
        )
        return scan.select(self._columns).collect()


class _Lines:
    """The lines of a text, by their indexes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @cached_property
    def starts(self) -> pl.Series:
        """Where each line starts, and where the last one ends."""
        line_ends = positions(byte_column(self._data) == ord("\n"))
        return pl.concat([pl.Series([0], dtype=pl.UInt32), line_ends + 1])

    def join(self, indexes: pl.Series) -> bytes:
        """The lines with these indexes, ascending; consecutive ones are sliced together."""
        gaps = indexes.diff() != 1
        first = gaps.fill_null(True)
        last = gaps.shift(-1, fill_value=True)
        starts, ends = self.starts.gather(indexes.filter(first)), self.starts.gather(indexes.filter(last) + 1)
        return b"".join([self._data[start:end] for start, end in zip(starts.to_list(), ends.to_list(), strict=True)])


def _lines_pattern(source: Csv, null_words: Sequence[Sequence[str]], patterns: Mapping[int, str]) -> str:
    """Matches a text of plain records only; `null_words` and `patterns`: of each column, by place."""
    delimiter, quote, escape = source.delimiter, source.quote or "", source.escape or ""
    d, q, e = map(_literal, (delimiter, quote, escape))
    special = {delimiter, quote, escape, "\r", "\n", "\0"}
    outside = rf"[^{d}{q}{e}\r\n\x00]*"
    inside = rf"(?:[^{q}{e}\r\n\x00]|{q}{q})*"

    def field(place: int) -> str:
        if place in patterns:
            nulls = [_literal(word) for word in null_words[place] if special.isdisjoint(word)]
            value = f"(?:{'|'.join([patterns[place], *nulls])})?"
            return f"(?:{value}|{q}{value}{q})" if quote else value
        return f"(?:{q}{inside}{q}|{outside})" if quote else outside

    record = d.join(map(field, range(len(null_words)))) + d * source.trailing_delimiter
    return rf"\A(?:{record}\r?\n)*\z"


def plain_pattern(dtype: pl.DataType) -> str | None:
    """Matches the plain values of a type, all of which are within its range; None if the type has none."""
    if (integer := _INTEGERS.get(type(dtype))) is not None:
        return integer
    if isinstance(dtype, pl.Float32):
        return _NUMBER
    if isinstance(dtype, pl.Float64):
        return _NUMBER + _EXPONENT
    if isinstance(dtype, pl.Decimal):
        whole = f"-?[0-9]{{1,{dtype.precision - dtype.scale}}}" if dtype.scale < dtype.precision else "-?0"
        return whole + (rf"(?:\.[0-9]{{1,{dtype.scale}}})?" if dtype.scale else "")
    return _DATE if isinstance(dtype, pl.Date) else None


def _string(data: bytes) -> pl.Series:
    return pl.Series([data], dtype=pl.Binary).cast(pl.String)


def _literal(text: str) -> str:
    return "".join(rf"\x{{{ord(character):x}}}" for character in text)
