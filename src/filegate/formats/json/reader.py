"""JSON: the records of one chunk, one a line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import compress
from typing import Any, Final

import polars as pl

from filegate.formats.encoding import next_invalid_utf8
from filegate.formats.json.lines import line_grammar
from filegate.formats.json.plain import plain_lines
from filegate.formats.records import (
    KEPT_BYTES,
    ORIGINALS,
    RESCUED,
    ROW,
    TOO_LONG,
    ExpectedColumn,
    Fault,
    Malformed,
    Records,
    Scalar,
    UnknownColumns,
)
from filegate.formats.rows import OddRows, present
from filegate.formats.sources import Json
from filegate.formats.text import end_of_text, malformed

_LINE: Final = re.compile(rb"[^\r\n]++")
_SHOWN: Final = 200

MAX_NESTING: Final = 100
"""Deeper values are no data, and would exhaust the stack."""

_NESTED: Final = f"at most {MAX_NESTING} arrays and objects in each other"

UNKNOWN: Final = "*:unknown"
"""The rule that a record with keys unknown to the contract breaks: one for all of them, as their names are data."""

_WANTED: Final[dict[Scalar, str]] = {
    "text": "a string",
    "number": "a number",
    "boolean": "true or false",
    "temporal": "a string with a date or time",
}


class _Number(str):
    """A number as its text in the file: no digit is lost, none is added."""

    __slots__ = ()


class _RefusedError(Exception):
    """A line is no record: the rule it breaks, what was received, what is allowed."""

    def __init__(self, rule: str, value: str, allowed: str) -> None:
        self.parts = (rule, value, allowed)
        super().__init__(*self.parts)


def read_json(
    data: bytes,
    *,
    first_row: int,
    source: Json,
    columns: Sequence[ExpectedColumn],
    on_unknown_columns: UnknownColumns,
    origin: int,
) -> Records:
    """The records of one chunk: values as text, numbers as they are written, true and false in lower case.

    Args:
        data: whole lines.
        first_row: the number of the first record.
        source: says which texts mean "no value".
        columns: the contract's columns.
        on_unknown_columns: "reject" makes keys that the contract does not name a fault of their record.
        origin: where `data` starts in the text.
    """
    chunk = _Chunk(data, source, columns, on_unknown_columns)
    chunk.parse(first_row)
    return Records(
        chunk.frame(),
        tuple(chunk.faults),
        tuple(chunk.malformed),
        lambda rows: chunk.offsets(rows - first_row).alias(rows.name) + origin,
        chunk.originals.frame(),
    )


class _Chunk:
    """One chunk's records: plain lines are read at once, the others one by one."""

    def __init__(
        self, data: bytes, source: Json, columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
    ) -> None:
        self._data = data
        self._grammar = line_grammar()
        self._size = end_of_text(data, self._grammar)
        self._nulls = frozenset(source.null_values)
        self._columns = {column.name: column for column in columns}
        self._type_rules = {name: f"{name}:type" for name in self._columns}
        self._on_unknown = on_unknown_columns
        self._plain: list[pl.DataFrame] = []
        self._odd = OddRows([*self._columns, *([RESCUED] if on_unknown_columns == "rescue" else [])])
        self.originals = OddRows((name for name in ORIGINALS if name != ROW), pl.Binary)
        self.faults: list[Fault] = []
        self.malformed: list[Malformed] = []

    def parse(self, first_row: int) -> None:
        lines = self._lines()
        rows = pl.int_range(first_row, first_row + len(lines), dtype=pl.Int64, eager=True).alias(ROW)
        odd = pl.repeat(True, len(lines), dtype=pl.Boolean, eager=True)
        for plain, texts in plain_lines(lines, self._columns, self._on_unknown, self._grammar.limit):
            self._plain.append(self._kept(texts.with_columns(rows.filter(plain))))
            odd &= ~plain
        if odd.any():
            for row, line in compress(enumerate(_LINE.finditer(self._data, 0, self._size), first_row), odd):
                self._parse_line(row, line[0])

    def frame(self) -> pl.DataFrame:
        """The well-formed records, as `Records.frame`."""
        return pl.concat([*self._plain, self._odd.frame()]).sort(ROW)

    def offsets(self, indexes: pl.Series) -> pl.Series:
        """Where the records with these places in the chunk start: at their first byte that is no blank."""
        starts = [line.end() - len(line[0].lstrip()) for line in _LINE.finditer(self._data, 0, self._size)]
        return pl.Series([starts[index] for index in indexes.to_list()], dtype=pl.Int64)

    def _lines(self) -> pl.Series:
        """All lines but empty ones; bytes that are not UTF-8 make a line no plain one."""
        data = self._data[: self._size].replace(b"\r", b"\n")
        if next_invalid_utf8(data, 0, len(data)) < len(data):
            data = data.decode(errors="replace").encode()
        text = pl.Series([data], dtype=pl.Binary).cast(pl.String)
        lines = text.str.split("\n").explode()
        return lines.filter(lines != "")

    def _kept(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Plain lines' numbers and the contract's columns."""
        missing = pl.lit(None, pl.String)
        columns = (
            (present(pl.col(name), self._nulls) if name in texts.columns else missing).alias(name)
            for name in self._columns
        )
        return texts.select(ROW, *columns, *([missing.alias(RESCUED)] * (self._on_unknown == "rescue")))

    def _parse_line(self, row: int, line: bytes) -> None:
        try:
            record = _parse(line, self._grammar.limit)
        except _RefusedError as refused:
            self.malformed.append(malformed(row, line, *refused.parts))
        else:
            found = len(self.faults)
            self._add(row, record)
            if len(self.faults) > found:
                self.originals.add(row, [line[:KEPT_BYTES]])

    def _add(self, row: int, record: dict[str, Any]) -> None:
        values = [self._text(row, column, record.pop(name, None)) for name, column in self._columns.items()]
        if self._on_unknown == "reject" and record:
            self.faults.append(Fault(row, UNKNOWN, None, _shown(list(record)), "only the contract's columns"))
        elif self._on_unknown == "rescue":
            texts = {key: _as_text(value) for key, value in record.items()}
            values.append(json.dumps(texts, ensure_ascii=False) if texts else None)
        self._odd.add(row, values)

    def _text(self, row: int, column: ExpectedColumn, value: object) -> str | None:
        if value is None:
            return None
        kind = _scalar(value)
        text = None if kind is None else _as_text(value)
        if text in self._nulls:
            return None
        fits = kind is not None and (
            column.coerce or kind == column.scalar or (kind, column.scalar) == ("text", "temporal")
        )
        if not fits:
            allowed = _WANTED[column.scalar] if kind is not None or not column.coerce else "one value, not nested"
            self.faults.append(Fault(row, self._type_rules[column.name], column.name, _shown(value), allowed))
        return text


def _parse(line: bytes, limit: int) -> dict[str, Any]:
    if len(line) > limit:
        raise _RefusedError(TOO_LONG, f"{len(line)} bytes", f"at most {limit} bytes")
    if (invalid := next_invalid_utf8(line, 0, len(line))) < len(line):
        value = f"0x{line[invalid]:02x} at byte {invalid} of the record"
        raise _RefusedError("record:encoding", value, "text in the file's encoding")
    try:
        record = _DECODER.decode(line.decode())
    except RecursionError:
        raise _RefusedError("record:json", "values nested too deeply", _NESTED) from None
    except ValueError as error:
        raise _RefusedError("record:json", str(error), "a JSON object") from None
    if line.count(b"[") + line.count(b"{") > MAX_NESTING and _depth(record) > MAX_NESTING:
        raise _RefusedError("record:json", "values nested too deeply", _NESTED)
    if b"\\u" in line:
        try:
            _json(record).encode()
        except UnicodeEncodeError:
            raise _RefusedError("record:json", "half of a surrogate pair", "escapes of whole characters") from None
    if not isinstance(record, dict):
        raise _RefusedError("record:not_an_object", _shown(record), "a JSON object")
    return record


def _depth(value: object) -> int:
    depth = 0
    level = [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [item for nest in level for item in (nest.values() if isinstance(nest, dict) else nest)]
    return depth


def _scalar(value: object) -> Scalar | None:
    """What a JSON value is; None if it is nested."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, _Number):
        return "number"
    return "text" if isinstance(value, str) else None


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _shown(value: object) -> str:
    return _json(value)[:_SHOWN]


def _json(value: object) -> str:
    """The value as JSON, its numbers as they were written."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(str(key))}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                shown = repr(key)[:_SHOWN]
                raise _RefusedError("record:duplicate_key", f"{shown} twice", "each key once in an object")
            seen.add(key)
    return found


def _refuse_constant(literal: str) -> None:
    raise ValueError(f"{literal} is no JSON value")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant
)
