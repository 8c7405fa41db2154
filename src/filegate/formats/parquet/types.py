"""What the values of a column mean: Parquet's physical and logical types as polars' types.

polars decodes what is stored, whole numbers and bytes; what they mean is decided here, so that a value which the type
cannot hold stays what the file says.
https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import polars as pl

from filegate.formats.parquet import temporal
from filegate.formats.parquet.footer import BOOLEAN, BYTE_ARRAY, DOUBLE, FIXED, FLOAT, INT32, INT64, INT96, Column
from filegate.formats.parquet.temporal import Unit
from filegate.formats.parquet.thrift import I8, Struct
from filegate.formats.utf8 import utf8

_PLAIN: Final[dict[int, pl.DataType]] = {
    BOOLEAN: pl.Boolean(),
    INT32: pl.Int32(),
    INT64: pl.Int64(),
    FLOAT: pl.Float32(),
    DOUBLE: pl.Float64(),
    BYTE_ARRAY: pl.Binary(),
    FIXED: pl.Binary(),
}
_LOGICAL: Final = (
    *[None, "STRING", "MAP", "LIST", "ENUM", "DECIMAL", "DATE", "TIME", "TIMESTAMP", None, "INTEGER", "UNKNOWN"],
    *["JSON", "BSON", "UUID", "FLOAT16", "VARIANT", "GEOMETRY", "GEOGRAPHY"],
)
"""The logical types, by their fields in the union that they are."""

_LOCAL_MS: Final[Struct] = {1: False, 2: {1: {}}}
_LOCAL_US: Final[Struct] = {1: False, 2: {2: {}}}
_CONVERTED: Final[tuple[tuple[str, Struct], ...]] = (
    ("STRING", {}),
    *[("MAP", {})] * 2,
    ("LIST", {}),
    ("ENUM", {}),
    ("DECIMAL", {}),
    ("DATE", {}),
    *[("TIME", _LOCAL_MS), ("TIME", _LOCAL_US)],
    *[("TIMESTAMP", _LOCAL_MS), ("TIMESTAMP", _LOCAL_US)],
    *[("INTEGER", {1: bits, 2: signed}) for signed in (False, True) for bits in (8, 16, 32, 64)],
    ("JSON", {}),
    ("BSON", {}),
    ("INTERVAL", {}),
)
"""The older annotation, `converted_type`, as logical types and their fields."""

_SIGNED: Final[dict[int, pl.DataType]] = {8: pl.Int8(), 16: pl.Int16(), 32: pl.Int32(), 64: pl.Int64()}
_UNSIGNED: Final[dict[int, pl.DataType]] = {8: pl.UInt8(), 16: pl.UInt16(), 32: pl.UInt32(), 64: pl.UInt64()}
_UNITS: Final[dict[int, Unit]] = {1: "ms", 2: "us", 3: "ns"}
_MAX_PRECISION: Final = 38

_POLARS_KNOWS: Final = {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15}


class UnsupportedType(Exception):
    """What values a column has that cannot be read: "GEOMETRY values"."""


@dataclass(frozen=True)
class ColumnType:
    """How a column that is not nested is read.

    Attributes:
        dtype: the type of its values.
        element: its element of the schema, as polars is to read it.
        typed: the values as `dtype`, of which polars decoded what is stored. If there are some that the type cannot
            hold, all are strings: dates and times as ISO 8601 writes them, with any year; or whole numbers of a wider
            type; or bytes, where they should be text and are not UTF-8. Of an Enum they are always strings. Raises
            ValueError if the column is corrupt.
    """

    dtype: pl.DataType
    element: Struct
    typed: Callable[[pl.Series], pl.Series]


def column_type(column: Column, wanted: pl.DataType | None, *, julian: bool) -> ColumnType:
    """How to read a column that is not nested.

    Args:
        column: the column.
        wanted: the contract's type; None of a column that is not in it, whose values are read as they are stored if
            nothing else is known about them.
        julian: whether old dates are those of another calendar: they cannot be held.

    Raises:
        UnsupportedType: it cannot be read.
    """
    element = column.elements[0]
    logical, details = _logical(element)
    bare: Struct = {field: element[field] for field in (1, 2, 3, 4) if field in element}
    if logical == "DECIMAL":  # the older annotation has its digits beside it
        details = {1: element.get(7), 2: element.get(8)} | details
    leaf = _Leaf(element.get(1, -1), bare, details, wanted, julian)
    try:
        return _READ.get(logical, _unknown)(leaf)
    except UnsupportedType:
        if wanted is None and leaf.stored in _PLAIN:
            return ColumnType(_PLAIN[leaf.stored], bare, _as_it_is)
        raise UnsupportedType(f"{logical or 'fixed-length bytes as'} values") from None


def nested_elements(column: Column) -> tuple[Struct, ...]:
    """The elements of a nested column, without the logical types that polars does not know."""
    return tuple(
        {field: _logical_type(value) if field == 10 else value for field, value in element.items()}
        if _POLARS_KNOWS.issuperset(element.get(10) or {0})
        else {field: value for field, value in element.items() if field != 10}
        for element in column.elements
    )


def _logical_type(union: Struct) -> Struct:
    """As it is written: the bits of an INTEGER are a number of 8 bits."""
    return {member: details | {1: I8(details[1])} if member == 10 else details for member, details in union.items()}


def _logical(element: Struct) -> tuple[str | None, Struct]:
    """The name of the logical type, the older `converted_type` included, and its fields."""
    if 10 in element:
        union = element[10]
        member = next(iter(union), -1)
        name = _LOGICAL[member] if 0 <= member < len(_LOGICAL) else None
        return name or "unknown", union.get(member, {})
    if (converted := element.get(6)) is not None:
        return _CONVERTED[converted] if 0 <= converted < len(_CONVERTED) else ("unknown", {})
    return None, {}


@dataclass(frozen=True)
class _Leaf:
    """What a column's type is decided by.

    Attributes:
        stored: its physical type.
        element: its element of the schema, without any logical type.
        details: the fields of its logical type.
        wanted: the contract's type, or None.
        julian: whether old dates are those of another calendar.
    """

    stored: int
    element: Struct
    details: Struct
    wanted: pl.DataType | None
    julian: bool


def _unknown(leaf: _Leaf) -> ColumnType:  # noqa: ARG001
    raise UnsupportedType


def _plain(leaf: _Leaf) -> ColumnType:
    """Without a logical type. Writers before there were any wrote text so, and timestamps as INT96."""
    if leaf.stored == INT96:
        wanted = leaf.wanted if isinstance(leaf.wanted, pl.Datetime) else pl.Datetime("us")
        # Spark and Hive write instants, Impala local times, and none of them says so: in UTC, both are one time.
        dtype = wanted if wanted.time_zone in (None, "UTC") else pl.Datetime(wanted.time_unit)
        twelve_bytes = leaf.element | {1: FIXED, 2: 12}  # polars' own reading replaces what nanoseconds cannot hold
        return ColumnType(dtype, twelve_bytes, partial(temporal.int96, dtype=dtype, julian=leaf.julian))
    if leaf.stored == BYTE_ARRAY and leaf.wanted is not None:
        return _text(leaf)
    if leaf.stored not in _PLAIN or (leaf.stored == FIXED and leaf.wanted is not None):
        raise UnsupportedType
    return ColumnType(_PLAIN[leaf.stored], leaf.element, _as_it_is)


def _text(leaf: _Leaf) -> ColumnType:
    if leaf.stored != BYTE_ARRAY:
        raise UnsupportedType
    dtype = leaf.wanted if isinstance(leaf.wanted, (pl.Categorical, pl.Enum)) else pl.String()
    return ColumnType(dtype, leaf.element, partial(_decoded_text, dtype=dtype))


def _decimal(leaf: _Leaf) -> ColumnType:
    scale, precision = leaf.details.get(1) or 0, leaf.details.get(2) or 0
    if leaf.stored not in (INT32, INT64, FIXED) or not 0 <= scale <= precision <= _MAX_PRECISION or not precision:
        raise UnsupportedType
    return ColumnType(pl.Decimal(precision, scale), leaf.element | {6: 5, 7: scale, 8: precision}, _as_it_is)


def _integer(leaf: _Leaf) -> ColumnType:
    bits = leaf.details.get(1, 0)
    dtype = (_SIGNED if leaf.details.get(2) else _UNSIGNED).get(bits)
    if dtype is None or leaf.stored != (INT64 if bits == 64 else INT32):
        raise UnsupportedType
    return ColumnType(dtype, leaf.element, partial(_whole_numbers, dtype=dtype))


def _date(leaf: _Leaf) -> ColumnType:
    if leaf.stored != INT32:
        raise UnsupportedType
    return ColumnType(pl.Date(), leaf.element, partial(temporal.dates, julian=leaf.julian))


def _time(leaf: _Leaf) -> ColumnType:
    unit = _unit(leaf.details)
    if leaf.stored != (INT32 if unit == "ms" else INT64):
        raise UnsupportedType
    return ColumnType(pl.Time(), leaf.element, partial(temporal.times_of_day, unit=unit))


def _timestamp(leaf: _Leaf) -> ColumnType:
    unit = _unit(leaf.details)
    if leaf.stored != INT64:
        raise UnsupportedType
    zone = "UTC" if leaf.details.get(1) else None
    if zone and isinstance(leaf.wanted, pl.Datetime) and leaf.wanted.time_zone:  # in which an instant is shown
        zone = leaf.wanted.time_zone
    dtype = pl.Datetime(unit, zone)
    return ColumnType(dtype, leaf.element, partial(temporal.timestamps, dtype=dtype, julian=leaf.julian))


def _nulls(leaf: _Leaf) -> ColumnType:
    return ColumnType(pl.Null(), leaf.element, _only_nulls)


def _float16(leaf: _Leaf) -> ColumnType:
    if leaf.stored != FIXED:
        raise UnsupportedType
    return ColumnType(pl.Float32(), leaf.element | {10: {15: {}}}, lambda values: values.cast(pl.Float32))


_READ: Final[dict[str | None, Callable[[_Leaf], ColumnType]]] = {
    None: _plain,
    "STRING": _text,
    "ENUM": _text,
    "JSON": _text,
    "DECIMAL": _decimal,
    "INTEGER": _integer,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _timestamp,
    "UNKNOWN": _nulls,
    "FLOAT16": _float16,
}


def _unit(details: Struct) -> Unit:
    try:
        return _UNITS[next(iter(details[2]))]
    except (KeyError, TypeError, StopIteration):
        raise UnsupportedType from None


def _as_it_is(values: pl.Series) -> pl.Series:
    return values


def _only_nulls(values: pl.Series) -> pl.Series:
    if values.null_count() != len(values):
        raise ValueError("it has values, though its type is null")
    return pl.Series(values.name, [None], pl.Null).new_from_index(0, len(values))


def _decoded_text(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    text = utf8(values)
    if text.null_count() != values.null_count():
        return values
    return text.cast(dtype, strict=False) if isinstance(dtype, pl.Categorical) else text


def _whole_numbers(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    if dtype in (pl.UInt32, pl.UInt64):  # the same bits
        return values.reinterpret(signed=False)
    numbers = values.cast(dtype, strict=False)
    return numbers if numbers.null_count() == values.null_count() else values
