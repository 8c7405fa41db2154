"""Reference readers: how Python's own csv and json modules read a text, in the terms of the formats.

They are asked where both sides call a text well-formed; what Filegate alone rejects is never published as a value.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from filegate.formats.encoding import UTF8_BOM
from filegate.formats.sources import Csv
from filegate.runs.manifests import FileFormat
from tests.unit.formats.support import Outcome

Row = tuple[str | None, ...]

_BLANKS = re.compile(r"[ \t]*")


def csv_rows(body: bytes, source: Csv, columns: int) -> list[Row] | None:
    """The records of a text without header as the csv module reads them; None if it calls the text malformed.

    A field without a character is null, since the module does not say whether it was quoted.
    """
    try:
        text = body.removesuffix(b"\x1a").decode()
    except UnicodeDecodeError:
        return None
    if source.escape is not None and f"{source.escape}\r" in text:
        return None  # an escaped CRLF is one line end here, and an escaped CR before a line end there
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=source.delimiter,
        quotechar=source.quote,
        escapechar=source.escape,
        quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        strict=True,
    )
    fields = columns + source.trailing_delimiter
    try:
        found = [row or [""] for row in reader if row or columns == 1]
    except csv.Error:
        return None
    return [tuple(value or None for value in row[:columns]) for row in found if fields == 1 or not _is_blank(row)]


def _is_blank(row: Sequence[str]) -> bool:
    """Whether it is a line of nothing but blanks, which is no record of several fields."""
    return len(row) == 1 and _BLANKS.fullmatch(row[0]) is not None


def assert_read_as_csv(outcome: Outcome, body: bytes, source: Csv, columns: int) -> None:
    """Its rows are those of the csv module, if both call the whole text well-formed."""
    if outcome.malformed or (rows := csv_rows(body, source, columns)) is None:
        return
    assert [tuple(value or None for value in row[:columns]) for row in outcome.rows] == rows  # type: ignore[index]


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class NotJson(ValueError):
    """The text is not JSON by RFC 8259, or leaves open what it means."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotJson("a key twice")
    return found


def _constant(literal: str) -> None:
    raise NotJson(literal)


def json_value(text: bytes) -> Any:
    """The value, with its numbers as they are written.

    Raises:
        ValueError: the json module refuses it; or it holds a key twice, NaN or Infinity, or half a character.
    """
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
        )
    except RecursionError:
        raise NotJson("nested too deeply") from None
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no character
    return value


def json_records(text: bytes, form: FileFormat) -> list[object] | None:
    """What the json module makes of each record of a text, a `ValueError` where it refuses it; None if of all."""
    text = text.removeprefix(UTF8_BOM).removesuffix(b"\x1a")
    if form == "ndjson":
        return [_value_or_error(line) for line in re.split(rb"[\r\n]", text) if line.strip(b" \t")]
    if form == "json_array":
        array = _value_or_error(text)
        return array if isinstance(array, list) else None
    return None


def _value_or_error(text: bytes) -> object:
    try:
        return json_value(text)
    except ValueError as error:
        return error


def assert_read_as_json(outcome: Outcome, records: Sequence[Any], names: Sequence[str]) -> None:
    """Each well-formed record's values are those of the json module.

    Args:
        outcome: its frame has the columns `names`.
        records: what the json module makes of each record; a `ValueError` where it refuses it.
    """
    rows = {row[0]: row[1:] for row in outcome.frame.select("__row__", *names).rows()}
    broken = {(row, rule.column) for row, rule in outcome.broken}
    refused = {record.row: record.broken for record in outcome.malformed}
    assert sorted([*rows, *refused]) == list(range(1, len(records) + 1))
    for number, value in enumerate(records, 1):
        if number in refused:
            rule = refused[number].rule
            assert rule != "record:json" or isinstance(value, ValueError) or _is_deep(value), (value, refused[number])
            assert rule != "record:not_an_object" or not isinstance(value, dict), (value, refused[number])
            continue
        assert isinstance(value, dict), value
        for name, found in zip(names, rows[number], strict=True):
            if (number, name) in broken:
                continue
            assert _same(found, value.get(name)), (name, found, value)


def _is_deep(value: object) -> bool:
    return json.dumps(value).count("[") + json.dumps(value).count("{") > 100


def _same(found: str | None, value: object) -> bool:
    """Whether a string is what a JSON value is read as: nested ones are read as JSON."""
    if value is None or isinstance(value, str):
        return found == value
    if found is None:
        return False
    if isinstance(value, bool):
        return found == ("true" if value else "false")
    return bool(json_value(found.encode()) == value)
