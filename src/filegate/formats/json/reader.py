"""JSON: the records of one chunk, one per line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any, Final

import polars as pl

from filegate.formats.columns import listed, spelling
from filegate.formats.csv.grammar import line_grammar
from filegate.formats.encoding import next_invalid_utf8, undecodable
from filegate.formats.json.plain import plain_lines
from filegate.formats.json.record import MalformedRecord, excerpt, parse_record, rescued, scalar_type, to_string
from filegate.formats.json.splitter import JOINT
from filegate.formats.reader import RowBuffer, TextReader, null_if_in
from filegate.formats.records import (
    KEPT_BYTES,
    ORIGINALS,
    RESCUED,
    ROW,
    ExpectedColumn,
    Malformed,
    Records,
    Scalar,
    UnknownColumns,
)
from filegate.formats.sources import Json
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import STAGED_AS, Chunk, Layout

_LINE: Final = re.compile(rb"[^\r\n]++")
_JOINED_LINE: Final = re.compile(rb"[^\r\n" + JOINT + rb"]++")
_MANY_LINE_ENDS: Final = re.compile(rb"\n\n\n\n+")
_BLANKS: Final = b" \t"

UNKNOWN: Final = "*:unknown"
"""The rule that a record with unknown keys breaks: one for all of them, as their names are data."""

NO_COLUMNS: Final = "record:columns"
"""The rule that a record without any of the contract's keys breaks: it is something else, no row of nulls."""

MAX_RESPELT: Final = 200
"""Characters of a key that may be a column in another spelling."""

_spelling = lru_cache(maxsize=1024)(spelling)

_ALLOWED: Final[dict[Scalar, str]] = {
    "text": "a string",
    "number": "a number",
    "boolean": "true or false",
    "temporal": "a string with a date or time",
}


class JsonReader(TextReader):
    """Reads chunks of JSON lines: strings as they are, numbers as they are written, true and false in lower case.

    Plain lines are read together by polars, the others one by one.

    Args:
        layout: of the object.
        source: as declared.
        columns: the contract's.
        on_unknown_columns: what keys of no column mean.
    """

    def __init__(
        self, layout: Layout, source: Json, columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
    ) -> None:
        self._layout = layout
        self._source = source
        self._expected = {column.name: column for column in columns}
        self._nulls = {name: frozenset(source.null_words(name)) for name in self._expected}
        self._type_rules = {name: f"{name}:type" for name in self._expected}
        self._on_unknown = on_unknown_columns
        self._spellings = {name: spelling(name) for name in self._expected}
        extra = [RESCUED] if on_unknown_columns == "rescue" else []
        super().__init__(line_grammar(), [*self._expected, *extra])

    def _records(self, data: bytes, chunk: Chunk) -> Records:
        joined = self._layout.format == "concatenated_json"
        text = data.replace(JOINT, b"}\n") if joined else data
        lines = self._lines(text, chunk.rows)
        rows = pl.int_range(chunk.first_row, chunk.first_row + len(lines), dtype=pl.Int64, eager=True).alias(ROW)
        frames = []
        others = pl.repeat(True, len(lines), dtype=pl.Boolean, eager=True)
        for plain, columns in plain_lines(lines, self._expected, self._are_plain, self._grammar.limit):
            frames.append(self._selected(columns.with_columns(rows.filter(plain))))
            others &= ~plain
        parsed = RowBuffer(self._columns)
        originals: list[tuple[int, bytes]] = []
        broken: list[tuple[int, BrokenRule]] = []
        malformed = []
        if others.any():
            for row, line in compress(enumerate(self._found(text, _LINE), chunk.first_row), others):
                try:
                    values, rules = self._values(parse_record(line[0], self._grammar.limit))
                except MalformedRecord as error:
                    malformed.append(Malformed(row, line[0][:KEPT_BYTES], error.broken))
                    continue
                except UnicodeDecodeError:
                    rule = undecodable(line[0], self._layout.encoding, self._source)
                    malformed.append(Malformed(row, line[0][:KEPT_BYTES], rule))
                    continue
                parsed.add(row, values)
                if rules:
                    broken += ((row, rule) for rule in rules)
                    originals.append((row, line[0][:KEPT_BYTES]))

        def byte_offsets(rows: pl.Series) -> pl.Series:
            """Of the records' first bytes that are not blank."""
            records = self._found(data, _JOINED_LINE if joined else _LINE)
            starts = [record.end() - len(record[0].lstrip()) for record in records]
            offsets = [chunk.origin + starts[row - chunk.first_row] for row in rows.to_list()]
            return pl.Series(rows.name, offsets, pl.Int64)

        frame = pl.concat([*frames, parsed.frame()]).sort(ROW)
        kept = pl.DataFrame([*zip(*originals, strict=True)] or None, schema=ORIGINALS, orient="col")
        return Records(frame, tuple(broken), tuple(malformed), byte_offsets, kept)

    def _lines(self, data: bytes, rows: int) -> pl.Series:
        """So many records, one per line; a replacement character, for invalid UTF-8, keeps one from being plain."""
        data = data.replace(b"\r", b"\n")
        if self._layout.format in STAGED_AS:
            data = _MANY_LINE_ENDS.sub(b"\n", data)
        if next_invalid_utf8(data, 0, len(data)) < len(data):
            data = data.decode(errors="replace").encode()
        text = pl.Series([data], dtype=pl.Binary).cast(pl.String)
        lines = text.str.split("\n").explode()
        lines = lines.filter(lines != "")
        if len(lines) == rows:
            return lines
        too_long = lines.str.len_bytes() > self._grammar.limit
        return lines.filter((lines.str.strip_chars(_BLANKS.decode()) != "") | too_long)

    def _found(self, data: bytes, line: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        """The records' lines: all but blank ones, which are none unless they are too long."""
        found = line.finditer(data)
        return (match for match in found if match[0].strip(_BLANKS) or len(match[0]) > self._grammar.limit)

    def _are_plain(self, keys: Collection[str]) -> bool:
        """Whether records with these keys break no rule by them, and have nothing to rescue."""
        unknown = [key for key in keys if key not in self._expected]
        if not unknown:
            return True
        return self._on_unknown == "ignore" and len(unknown) < len(keys) and not self._respelt(unknown, keys)

    def _respelt(self, unknown: Iterable[str], found: Collection[str]) -> dict[str, str]:
        """Keys that are another spelling of columns that are not found, with these columns: the record means them."""
        columns = {spelt: name for name, spelt in self._spellings.items() if name not in found}
        short = (key for key in unknown if columns and len(key) <= MAX_RESPELT)
        return {key: columns[_spelling(key)] for key in short if _spelling(key) in columns}

    def _selected(self, plain: pl.DataFrame) -> pl.DataFrame:
        """The columns of `Records.frame` from those of plain lines."""
        found = {name: null_if_in(pl.col(name), self._nulls[name]) for name in plain.columns if name in self._expected}
        null = pl.lit(None, pl.String)
        return plain.select(ROW, *(found.get(name, null).alias(name) for name in self._columns))

    def _values(self, record: dict[str, Any]) -> tuple[list[str | None], list[BrokenRule]]:
        """The columns of a record as strings, and the rules that it breaks.

        Raises:
            MalformedRecord: it has none of the contract's columns.
        """
        unknown = {key: value for key, value in record.items() if key not in self._expected}
        if len(unknown) == len(record):
            raise MalformedRecord(NO_COLUMNS, excerpt([*record]), "at least one of the contract's columns")
        values: list[str | None] = []
        broken: list[BrokenRule] = []
        for column in self._expected.values():
            value = record.get(column.name)
            scalar = scalar_type(value)
            string = None if scalar is None else to_string(value)
            if value is None or string in self._nulls[column.name]:
                values.append(None)
                continue
            values.append(string)
            is_date = (scalar, column.scalar) == ("text", "temporal")
            if scalar is None or not (column.coerce or scalar == column.scalar or is_date):
                allowed = _allowed(scalar, column)
                broken.append(BrokenRule(self._type_rules[column.name], column.name, excerpt(value), allowed))
        if unknown:
            broken += self._broken_by_keys(unknown, record)
        if self._on_unknown == "rescue":
            values.append(rescued(unknown) if unknown else None)
        return values, broken

    def _broken_by_keys(self, unknown: Collection[str], found: Collection[str]) -> Iterator[BrokenRule]:
        """The rules that a record's unknown keys break."""
        if self._on_unknown == "reject":
            yield BrokenRule(UNKNOWN, None, excerpt([*unknown]), "only the contract's columns")
        elif respelt := self._respelt(unknown, found):
            allowed = f"the columns as they are spelt: {listed([*respelt.values()])}"
            yield BrokenRule(UNKNOWN, None, excerpt([*respelt]), allowed)


def _allowed(scalar: Scalar | None, column: ExpectedColumn) -> str:
    """What is accepted instead of a value of another type."""
    if scalar is None and column.coerce:
        return "one value, not nested"
    if scalar is not None and column.scalar == "text":
        return f"a string; declare coerce=True to accept a {scalar} as it is written"
    return _ALLOWED[column.scalar]
