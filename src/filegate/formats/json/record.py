"""One JSON record: parsed without loss of digits, and its values as strings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from filegate.formats.records import MAX_VALUE_LENGTH, TOO_LONG, Scalar
from filegate.runs.broken_rule import BrokenRule

MAX_NESTING: Final = 100
"""More deeply nested values are not data, and would exhaust the stack."""

_ALLOWED_NESTING: Final = f"at most {MAX_NESTING} nested arrays and objects"


class MalformedRecord(Exception):
    """A line is not a record; `broken`: the rule that it breaks."""

    def __init__(self, rule: str, value: str, allowed: str) -> None:
        self.broken = BrokenRule(rule, None, value, allowed)
        super().__init__(rule, value, allowed)


class _Number(str):
    """A number as it is written: no digit is lost or added."""

    __slots__ = ()


def parse_record(line: bytes, limit: int) -> dict[str, Any]:
    """The object in a line.

    Raises:
        MalformedRecord: the line is longer than `limit` bytes, or is not one JSON object.
        UnicodeDecodeError: it is not UTF-8.
    """
    if len(line) > limit:
        raise MalformedRecord(TOO_LONG, f"{len(line)} bytes", f"at most {limit} bytes in UTF-8")
    text = line.decode()
    try:
        record = _DECODER.decode(text)
    except RecursionError:
        raise MalformedRecord("record:json", text[:MAX_VALUE_LENGTH], _ALLOWED_NESTING) from None
    except json.JSONDecodeError as error:
        message = f"{error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at").removesuffix(" starting")
        allowed = f"a JSON object (character {error.pos + 1}: {message})"
        raise MalformedRecord("record:json", _around(text, error.pos), allowed) from None
    if line.count(b"[") + line.count(b"{") > MAX_NESTING and _depth(record) > MAX_NESTING:
        raise MalformedRecord("record:json", text[:MAX_VALUE_LENGTH], _ALLOWED_NESTING)
    if b"\\u" in line:
        try:
            to_json(record).encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise MalformedRecord("record:json", half, "both halves of a surrogate pair") from None
    if not isinstance(record, dict):
        raise MalformedRecord("record:not_an_object", excerpt(record), "a JSON object")
    return record


def scalar_type(value: object) -> Scalar | None:
    """The type of a JSON value; None if it is nested or null."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, _Number):
        return "number"
    return "text" if isinstance(value, str) else None


def to_string(value: object) -> str | None:
    """A string itself; any other value but null as JSON."""
    if value is None or isinstance(value, str):
        return value
    return to_json(value)


def rescued(members: Mapping[str, object]) -> str:
    """Keys and values as one JSON object: scalars as strings, nested values as they are."""
    return to_json(
        {key: value if scalar_type(value) is None else str(to_string(value)) for key, value in members.items()}
    )


def to_json(value: object) -> str:
    """The value as JSON, its numbers as they were written."""
    if type(value) is str:
        return _ENCODER.encode(value)
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_json(key)}: {to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return _ENCODER.encode(value)


def excerpt(value: object) -> str:
    """The first characters of a value as JSON, for the quarantine."""
    return to_json(value)[:MAX_VALUE_LENGTH]


def _around(text: str, position: int) -> str:
    """The characters of a text around a position."""
    start = max(0, min(position - MAX_VALUE_LENGTH // 2, len(text) - MAX_VALUE_LENGTH))
    return text[start : start + MAX_VALUE_LENGTH]


def _depth(value: object) -> int:
    depth = 0
    level = [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [item for nest in level for item in (nest.values() if isinstance(nest, dict) else nest)]
    return depth


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                value = f"{repr(key)[:MAX_VALUE_LENGTH]} twice"
                raise MalformedRecord("record:duplicate_key", value, "each key once in an object")
            seen.add(key)
    return found


def _refuse_constant(literal: str) -> None:
    raise MalformedRecord("record:json", literal, "a JSON object (NaN and Infinity are not JSON)")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant
)
