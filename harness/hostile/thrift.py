"""Writes Thrift's compact protocol, as far as a Parquet footer needs it.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
STOP = b"\0"

Value = tuple[int, bytes]
"""A value: its type, and its bytes."""


def i32(number: int) -> Value:
    return I32, _zigzag(number)


def i64(number: int) -> Value:
    return I64, _zigzag(number)


def text(string: str) -> Value:
    data = string.encode()
    return BINARY, _varint(len(data)) + data


def struct(fields: Mapping[int, Value]) -> Value:
    """A struct; its fields by their ids, ascending and at most 15 apart."""
    data, last = b"", 0
    for number, (kind, value) in fields.items():
        data += bytes([(number - last) << 4 | kind]) + value
        last = number
    return STRUCT, data + STOP


def sequence(values: Sequence[Value], times: int = 1) -> Value:
    """A list of values of one type, all of them `times` over."""
    return LIST, list_header(len(values) * times, values[0][0]) + b"".join(value for _, value in values) * times


def list_header(size: int, kind: int) -> bytes:
    return bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + _varint(size)


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])
