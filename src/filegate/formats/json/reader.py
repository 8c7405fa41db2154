"""JSON: the records of one chunk, one per line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import compress
from typing import Any, Final

import polars as pl

from filegate.formats.csv.grammar import line_grammar
from filegate.formats.encoding import next_invalid_utf8, undecodable
from filegate.formats.json.plain import plain_lines
from filegate.formats.json.record import MalformedRecord, excerpt, parse_record, scalar_type, to_string
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
from filegate.runs.manifests import Chunk

_LINE: Final = re.compile(rb"[^\r\n]++")

UNKNOWN: Final = "*:unknown"
"""The rule that a record with unknown keys breaks: one for all of them, as their names are data."""

_ALLOWED: Final[dict[Scalar, str]] = {
    "text": "a string",
    "number": "a number",
    "boolean": "true or false",
    "temporal": "a string with a date or time",
}


class JsonReader(TextReader):
    """Reads chunks of JSON lines: strings as they are, numbers as they are written, true and false in lower case.

    Plain lines are read together by polars, the others one by one.
    """

    def __init__(
        self,
        source: Json,
        columns: Sequence[ExpectedColumn],
        on_unknown_columns: UnknownColumns,
        encoding: str,
    ) -> None:
        self._source = source
        self._encoding = encoding
        self._nulls = frozenset(source.null_values)
        self._expected = {column.name: column for column in columns}
        self._type_rules = {name: f"{name}:type" for name in self._expected}
        self._on_unknown = on_unknown_columns
        rescued = [RESCUED] if on_unknown_columns == "rescue" else []
        super().__init__(line_grammar(), [*self._expected, *rescued])

    def _records(self, data: bytes, chunk: Chunk) -> Records:
        lines = _lines(data)
        rows = pl.int_range(chunk.first_row, chunk.first_row + len(lines), dtype=pl.Int64, eager=True).alias(ROW)
        frames = []
        others = pl.repeat(True, len(lines), dtype=pl.Boolean, eager=True)
        for plain, columns in plain_lines(lines, self._expected, self._on_unknown, self._grammar.limit):
            frames.append(self._selected(columns.with_columns(rows.filter(plain))))
            others &= ~plain
        parsed = RowBuffer(self._columns)
        originals: list[tuple[int, bytes]] = []
        broken: list[tuple[int, BrokenRule]] = []
        malformed = []
        if others.any():
            for row, line in compress(enumerate(_LINE.finditer(data), chunk.first_row), others):
                try:
                    values, rules = self._values(parse_record(line[0], self._grammar.limit))
                except MalformedRecord as error:
                    malformed.append(Malformed(row, line[0][:KEPT_BYTES], error.broken))
                    continue
                except UnicodeDecodeError:
                    rule = undecodable(line[0], self._encoding, self._source)
                    malformed.append(Malformed(row, line[0][:KEPT_BYTES], rule))
                    continue
                parsed.add(row, values)
                if rules:
                    broken += ((row, rule) for rule in rules)
                    originals.append((row, line[0][:KEPT_BYTES]))

        def byte_offsets(rows: pl.Series) -> pl.Series:
            """Of the records' first bytes that are not blank."""
            starts = [line.end() - len(line[0].lstrip()) for line in _LINE.finditer(data)]
            offsets = [chunk.origin + starts[row - chunk.first_row] for row in rows.to_list()]
            return pl.Series(rows.name, offsets, pl.Int64)

        frame = pl.concat([*frames, parsed.frame()]).sort(ROW)
        kept = pl.DataFrame([*zip(*originals, strict=True)] or None, schema=ORIGINALS, orient="col")
        return Records(frame, tuple(broken), tuple(malformed), byte_offsets, kept)

    def _selected(self, plain: pl.DataFrame) -> pl.DataFrame:
        """The columns of `Records.frame` from those of plain lines."""
        found = {name: null_if_in(pl.col(name), self._nulls) for name in plain.columns if name in self._expected}
        null = pl.lit(None, pl.String)
        return plain.select(ROW, *(found.get(name, null).alias(name) for name in self._columns))

    def _values(self, record: dict[str, Any]) -> tuple[list[str | None], list[BrokenRule]]:
        """The columns of a record as strings, and the rules that it breaks."""
        values: list[str | None] = []
        broken: list[BrokenRule] = []
        for column in self._expected.values():
            value = record.pop(column.name, None)
            scalar = scalar_type(value)
            string = None if scalar is None else to_string(value)
            if value is None or string in self._nulls:
                values.append(None)
                continue
            values.append(string)
            is_date = (scalar, column.scalar) == ("text", "temporal")
            if scalar is None or not (column.coerce or scalar == column.scalar or is_date):
                allowed = _allowed(scalar, column)
                broken.append(BrokenRule(self._type_rules[column.name], column.name, excerpt(value), allowed))
        if self._on_unknown == "reject" and record:
            broken.append(BrokenRule(UNKNOWN, None, excerpt(list(record)), "only the contract's columns"))
        elif self._on_unknown == "rescue":
            strings = {key: to_string(value) for key, value in record.items()}
            values.append(json.dumps(strings, ensure_ascii=False) if strings else None)
        return values, broken


def _allowed(scalar: Scalar | None, column: ExpectedColumn) -> str:
    """What is accepted instead of a value of another type."""
    if scalar is None and column.coerce:
        return "one value, not nested"
    if scalar is not None and column.scalar == "text":
        return f"a string; declare coerce=True to accept a {scalar} as it is written"
    return _ALLOWED[column.scalar]


def _lines(data: bytes) -> pl.Series:
    """All lines but empty ones; in bytes that are not UTF-8, replacement characters prevent a line from being plain."""
    data = data.replace(b"\r", b"\n")
    if next_invalid_utf8(data, 0, len(data)) < len(data):
        data = data.decode(errors="replace").encode()
    text = pl.Series([data], dtype=pl.Binary).cast(pl.String)
    lines = text.str.split("\n").explode()
    return lines.filter(lines != "")
