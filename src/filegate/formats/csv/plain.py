r"""CSV chunks that are read with types at once.

A field is *plain* if its text is the ordinary way to write a value of its column's type, `-12.5` or `2013-01-31`: so
ordinary that polars' reader and the contract's casts must take it alike. One regular expression proves of a whole chunk
that each record is a line of the right number of fields, and that each field with a type is plain, or no value. That
proof takes no longer than another that polars may be trusted with a chunk, and saves it from being read as texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

import polars as pl

from filegate.formats.csv.grammar import Grammar
from filegate.formats.csv.index import byte_column, positions
from filegate.formats.encoding import UTF8_BOM
from filegate.formats.records import ROW
from filegate.formats.sources import Csv

MAX_FIELDS: Final = 300
"""Of many more, the engine of regular expressions cannot remember its states, and takes ten times as long."""

_BLOCK: Final = 1 << 18
"""So many bytes are looked at together, or fewer if no record may be as long."""

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


class PlainChunk:
    """The records of one chunk, each a line.

    Args:
        data: whole records.
        first_row: the number of the first one.
        source: the dialect.
        grammar: its grammar.
        kept: the columns to be read, with their places.
        types: the types that columns may be read with.
    """

    def __init__(
        self,
        data: bytes,
        *,
        first_row: int,
        source: Csv,
        grammar: Grammar,
        kept: Mapping[str, int],
        types: Mapping[str, pl.DataType | None],
    ) -> None:
        self._data = data
        self._first_row = first_row
        self._source = source
        self._grammar = grammar
        self._kept = kept
        self._types = {
            place: (dtype, pattern)
            for name, place in kept.items()
            if (dtype := types.get(name)) is not None and (pattern := plain_pattern(dtype)) is not None
        }

    def frame(self) -> pl.DataFrame | None:
        """`__row__` and the kept columns: with its type, where a column has one of those that can be plain, else texts.

        None if a field with a type is not plain, or a record is not well-formed, or not a line.
        """
        if not self._may_be_plain():
            return None
        try:
            if not all(_text(block).str.contains(self._pattern).item() for block in self._blocks()):
                return None
            frame = self._read(self._data, {place: dtype for place, (dtype, _) in self._types.items()})
        except pl.exceptions.PolarsError:  # it is no UTF-8
            return None
        numbers = pl.int_range(self._first_row, self._first_row + frame.height, dtype=pl.Int64, eager=True)
        return frame.insert_column(0, numbers.alias(ROW))

    def texts(self, rows: pl.Series) -> pl.DataFrame:
        """The records with these numbers, ascending, with texts in all columns."""
        return self._read(self._lines(rows - self._first_row), {}).insert_column(0, rows)

    def offsets(self, rows: pl.Series) -> pl.Series:
        """Where the records with these numbers start in the chunk."""
        return self._starts.gather(rows - self._first_row).cast(pl.Int64).alias(rows.name)

    def _may_be_plain(self) -> bool:
        return (
            bool(self._types)
            and 1 < self._grammar.fields <= MAX_FIELDS  # of one field, a record may be a blank line
            and _ALPHABET.isdisjoint((self._source.delimiter, self._source.quote, self._source.escape))
            and not self._data.startswith(UTF8_BOM)
            # polars finds no such value in a field, where its quotes are doubled
            and not any((self._source.quote or "\0") in value for value in self._source.null_values)
        )

    def _blocks(self) -> Iterator[bytes]:
        """All lines, many at a time; a line that is too long for a block comes without its end."""
        size, start = min(_BLOCK, self._grammar.limit), 0
        while start < len(self._data):
            end = self._data.rfind(b"\n", start, start + size) + 1 or start + size
            yield self._data[start:end]
            start = end

    @cached_property
    def _pattern(self) -> str:
        """A text of nothing but such records."""
        delimiter, quote, escape = self._source.delimiter, self._source.quote or "", self._source.escape or ""
        d, q, e = map(_literal, (delimiter, quote, escape))
        special = {delimiter, quote, escape, "\r", "\n", "\0"}
        nulls = [_literal(text) for text in self._source.null_values if special.isdisjoint(text)]
        outside = rf"[^{d}{q}{e}\r\n\x00]*"
        inside = rf"(?:[^{q}{e}\r\n\x00]|{q}{q})*"

        def field(place: int) -> str:
            if place in self._types:
                _, plain = self._types[place]
                value = f"(?:{'|'.join([plain, *nulls])})?"
                return f"(?:{value}|{q}{value}{q})" if quote else value
            return f"(?:{q}{inside}{q}|{outside})" if quote else outside

        trailing = self._source.trailing_delimiter
        record = d.join(map(field, range(self._grammar.fields - trailing))) + d * trailing
        return rf"\A(?:{record}\r?\n)*\z"

    @cached_property
    def _starts(self) -> pl.Series:
        """Where each line starts, and where the last one ends."""
        line_ends = positions(byte_column(self._data) == ord("\n"))
        return pl.concat([pl.Series([0], dtype=pl.UInt32), line_ends + 1])

    def _lines(self, numbers: pl.Series) -> bytes:
        """The lines with these numbers, ascending; those that follow each other are cut out at once."""
        leaps = numbers.diff() != 1
        first = leaps.fill_null(True)
        last = leaps.shift(-1, fill_value=True)
        starts, ends = self._starts.gather(numbers.filter(first)), self._starts.gather(numbers.filter(last) + 1)
        return b"".join([self._data[start:end] for start, end in zip(starts.to_list(), ends.to_list(), strict=True)])

    def _read(self, data: bytes, types: Mapping[int, pl.DataType]) -> pl.DataFrame:
        scan = pl.scan_csv(
            data,
            has_header=False,
            schema={f"{place}": types.get(place, pl.String()) for place in range(self._grammar.fields)},
            separator=self._source.delimiter,
            quote_char=self._source.quote,
            null_values=list(self._source.null_values) or None,
        )
        return scan.select(pl.col(f"{place}").alias(name) for name, place in self._kept.items()).collect()


def plain_pattern(dtype: pl.DataType) -> str | None:
    """The plain texts of a type, none of which is beyond its range; None if there are none."""
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


def _text(data: bytes) -> pl.Series:
    return pl.Series([data], dtype=pl.Binary).cast(pl.String)


def _literal(text: str) -> str:
    return "".join(rf"\x{{{ord(character):x}}}" for character in text)
