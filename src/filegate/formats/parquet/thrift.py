"""Thrift's compact protocol, as far as Parquet's metadata needs it: bounded to read, plain to write.

Reading allocates no more than the bytes at hand justify, whatever lengths they announce, and keeps only the fields
that are asked for. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

MAX_DEPTH: Final = 16
"""Parquet's own structs nest eight deep."""

MAX_ITEMS: Final = 32_768
"""Elements of a list that is kept: the schema's elements, a file's row groups, a row group's columns."""

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = range(1, 14)
_FIXED: Final = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8, _UUID: 16}
_VARINTS: Final = (_I16, _I32, _I64)
_SHORT: Final = (*_VARINTS, _BINARY)
"""The kinds that begin with a number, which is often of one byte."""
_KINDS: Final = {int: (*_VARINTS, _BYTE), bytes: (_BINARY,), bool: (_TRUE, _FALSE)}
_MAX_VARINT_BYTES: Final = 10

AT: Final = object()
"""In place of a field's type: only where its value begins is wanted."""

Fields: TypeAlias = dict[int, Any]
"""The fields that are wanted, by id: `int`, `bytes`, `bool`, the fields of a struct, or a list of one of these."""

Struct: TypeAlias = dict[int, Any]
"""Those of the wanted fields that are there, by id."""


class InvalidThrift(Exception):
    """Why the bytes are not a struct of the compact protocol, or exceed a bound."""


class Decoder:
    """Reads values from bytes.

    Attributes:
        position: of the next byte.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    def struct(self, wanted: Fields) -> Struct:
        """The struct at the position.

        Raises:
            InvalidThrift: there is none, or it exceeds a bound.
        """
        try:
            return self._struct(wanted, 0)
        except IndexError:
            raise InvalidThrift("it ends within a value") from None

    def structs(self, wanted: Fields) -> list[Struct]:
        """The list of structs at the position.

        Raises:
            InvalidThrift: there is none, or it exceeds a bound.
        """
        try:
            found: list[Struct] = self._value(_LIST, [wanted], 0)
        except IndexError:
            raise InvalidThrift("it ends within a value") from None
        return found

    def _struct(self, wanted: Fields, depth: int) -> Struct:
        if depth > MAX_DEPTH:
            raise InvalidThrift(f"it nests deeper than {MAX_DEPTH} levels")
        data, field, found = self._data, 0, {}
        while header := data[self.position]:
            self.position += 1
            kind, delta = header & 15, header >> 4
            field = field + delta if delta else self._zigzag()
            type_ = wanted.get(field)
            if type_ is None:
                self._skip(kind, depth)
            elif type_ is int and kind in _VARINTS:
                found[field] = self._zigzag()
            elif type_ is AT:
                found[field] = self.position
                self._skip(kind, depth)
            else:
                found[field] = self._value(kind, type_, depth)
        self.position += 1
        return found

    def _value(self, kind: int, wanted: Any, depth: int) -> Any:
        if isinstance(wanted, dict):
            self._check(kind == _STRUCT)
            return self._struct(wanted, depth + 1)
        if isinstance(wanted, list):
            self._check(kind in (_LIST, _SET))
            size, kind = self._list_header()
            if size > MAX_ITEMS:
                raise InvalidThrift(f"a list has {size:,} elements, at most {MAX_ITEMS:,} are read")
            return [self._value(kind, wanted[0], depth + 1) for _ in range(size)]
        self._check(kind in _KINDS[wanted])
        if wanted is bytes:
            return self._bytes(self._varint())
        if wanted is bool:
            return kind == _TRUE
        return self._zigzag() if kind != _BYTE else int.from_bytes(self._bytes(1), "little", signed=True)

    @staticmethod
    def _check(is_right: bool) -> None:
        if not is_right:
            raise InvalidThrift("a field has another type than Parquet gives it")

    def _skip(self, kind: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InvalidThrift(f"it nests deeper than {MAX_DEPTH} levels")
        if kind in _VARINTS:
            self._varint()
        elif kind == _BINARY:
            self._advance(self._varint())
        elif kind in _FIXED:
            self._advance(_FIXED[kind])
        elif kind == _STRUCT:
            self._skip_fields(depth + 1)
        else:
            self._skip_elements(kind, depth)

    def _skip_fields(self, depth: int) -> None:
        """Passes over a struct, as most of a footer is: short fields, on the shortest way."""
        data, position = self._data, self.position
        while header := data[position]:
            position += 1
            kind = header & 15
            if header > 15 and kind in _SHORT and data[position] < 128:
                position += 1 + (data[position] if kind == _BINARY else 0)
                continue
            self.position = position
            if header < 16:
                self._varint()
            self._skip(kind, depth)
            position = self.position
        self.position = position + 1

    def _skip_elements(self, kind: int, depth: int) -> None:
        if kind in (_LIST, _SET):
            size, element = self._list_header()
            kinds = [element]
        elif kind == _MAP:
            size = self._count()
            kinds = [self._data[self.position] >> 4, self._data[self.position] & 15] if size else []
            self.position += bool(size)
        else:
            raise InvalidThrift(f"it has a value of the unknown type {kind}")
        for _ in range(size):
            for element in kinds:
                if element in _VARINTS:
                    self._varint()
                elif element in (_TRUE, _FALSE):  # a byte each, other than a field's
                    self._advance(1)
                else:
                    self._skip(element, depth + 1)

    def _list_header(self) -> tuple[int, int]:
        header = self._data[self.position]
        self.position += 1
        size = header >> 4
        return (size if size < 15 else self._count()), header & 15

    def _count(self) -> int:
        """The number of elements that follow, each of at least one byte."""
        size = self._varint()
        if size > len(self._data) - self.position:
            raise InvalidThrift(f"it announces {size:,} elements, and ends before them")
        return size

    def _bytes(self, size: int) -> bytes:
        start = self.position
        self._advance(size)
        return self._data[start : self.position]

    def _advance(self, size: int) -> None:
        self.position += size
        if self.position > len(self._data):
            raise InvalidThrift(f"it announces {size:,} bytes, and ends before them")

    def _varint(self) -> int:
        value = self._data[self.position]
        self.position += 1
        if value < 128:
            return value
        value &= 127
        for shift in range(7, 7 * _MAX_VARINT_BYTES, 7):
            byte = self._data[self.position]
            self.position += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise InvalidThrift("it has a number of more than 64 bits")

    def _zigzag(self) -> int:
        value = self._data[self.position]
        if value < 128:  # on the shortest way: most are
            self.position += 1
        else:
            value = self._varint()
        return value >> 1 ^ -(value & 1)


Value: TypeAlias = "bool | int | bytes | Sequence[Value] | Mapping[int, Value]"
"""What is written: an `int` as i32, which Parquet's other numbers cannot be told from but by `I64` and `I8`."""


class I64(int):
    """A number of 64 bits."""


class I8(int):
    """A number of 8 bits."""


def encoded(struct: Mapping[int, Value]) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _write_struct(out, struct)
    return bytes(out)


def _write_struct(out: bytearray, struct: Mapping[int, Value]) -> None:
    last = 0
    for field, value in sorted(struct.items()):
        kind = _KIND_OF[type(value)]
        if kind == _TRUE:
            out.append(field - last << 4 | (_TRUE if value else _FALSE))
        else:
            out.append(field - last << 4 | kind)
            _WRITE[kind](out, value)
        last = field
    out.append(0)


def _write_byte(out: bytearray, value: int) -> None:
    out.append(value & 255)


def _write_number(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 ^ value >> 63)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _write_bytes(out: bytearray, value: bytes) -> None:
    _write_varint(out, len(value))
    out += value


def _write_list(out: bytearray, values: Sequence[Value]) -> None:
    kind = _KIND_OF[type(values[0])] if values else _STRUCT
    if len(values) < 15:
        out.append(len(values) << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _write_varint(out, len(values))
    write = _WRITE[kind]
    for value in values:
        write(out, value)


_KIND_OF: Final[dict[type, int]] = {
    bool: _TRUE,
    I8: _BYTE,
    int: _I32,
    I64: _I64,
    bytes: _BINARY,
    list: _LIST,
    tuple: _LIST,
    dict: _STRUCT,
}
_WRITE: Final[dict[int, Callable[[bytearray, Any], None]]] = {
    _BYTE: _write_byte,
    _I32: _write_number,
    _I64: _write_number,
    _BINARY: _write_bytes,
    _LIST: _write_list,
    _STRUCT: _write_struct,
}
