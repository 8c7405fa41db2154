"""What the values of a column mean: Parquet's physical and logical types as polars' types.

polars decodes what is stored, whole numbers and bytes; what they mean is decided here, so that a value which the type
cannot hold stays what the file says.
https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import polars as pl

from filegate.formats.parquet.footer import BOOLEAN, BYTE_ARRAY, DOUBLE, FIXED, FLOAT, INT32, INT64, INT96, Column
from filegate.formats.parquet.thrift import I8, Struct
from filegate.formats.utf8 import utf8

_Unit: TypeAlias = Literal["ms", "us", "ns"]

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
_UNITS: Final[dict[int, _Unit]] = {1: "ms", 2: "us", 3: "ns"}
_PER_SECOND: Final = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY: Final = 86_400
_DAY_NANOSECONDS: Final = _DAY * 10**9
_MAX_PRECISION: Final = 38
_UNIX_EPOCH: Final = 2_440_588
"""The Julian day of 1970-01-01."""

_MIN_DAY: Final = -96_465_292
_MAX_DAY: Final = 95_026_236
"""From the year -262143 to 262142, which is the calendar that polars knows: it panics where others are shown."""

_GREGORIAN_DAY: Final = -141_427
"""1582-10-15. Before it, Spark 2 and its successors' legacy mode count days in the Julian calendar."""
_STANDARD_TIME_DAY: Final = -25_567
"""1900-01-01. Before it, they also count from the local time of a place that the file does not name."""

_JULIAN: Final = " or thereabouts: written by Spark in the Julian calendar"

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

    @property
    def first_day(self) -> int:
        """The first date that is certain, in days since 1970."""
        return _GREGORIAN_DAY if self.julian else _MIN_DAY

    @property
    def first_time(self) -> int:
        """The first day of timestamps that are certain."""
        return _STANDARD_TIME_DAY if self.julian else _MIN_DAY


def _unknown(leaf: _Leaf) -> ColumnType:  # noqa: ARG001
    raise UnsupportedType


def _plain(leaf: _Leaf) -> ColumnType:
    """Without a logical type. Writers before there were any wrote text so, and timestamps as INT96."""
    if leaf.stored == INT96:
        wanted = leaf.wanted if isinstance(leaf.wanted, pl.Datetime) else pl.Datetime("us")
        # Spark and Hive write instants, Impala local times, and none of them says so: in UTC, both are one time.
        dtype = wanted if wanted.time_zone in (None, "UTC") else pl.Datetime(wanted.time_unit)
        twelve_bytes = leaf.element | {1: FIXED, 2: 12}  # polars' own reading replaces what nanoseconds cannot hold
        return ColumnType(dtype, twelve_bytes, partial(_int96, dtype=dtype, first=leaf.first_time))
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
    return ColumnType(pl.Date(), leaf.element, partial(_temporal, dtype=pl.Date(), per_day=1, first=leaf.first_day))


def _time(leaf: _Leaf) -> ColumnType:
    unit = _unit(leaf.details)
    if leaf.stored != (INT32 if unit == "ms" else INT64):
        raise UnsupportedType
    return ColumnType(pl.Time(), leaf.element, partial(_time_of_day, unit=unit))


def _timestamp(leaf: _Leaf) -> ColumnType:
    unit = _unit(leaf.details)
    if leaf.stored != INT64:
        raise UnsupportedType
    zone = "UTC" if leaf.details.get(1) else None
    if zone and isinstance(leaf.wanted, pl.Datetime) and leaf.wanted.time_zone:  # in which an instant is shown
        zone = leaf.wanted.time_zone
    dtype = pl.Datetime(unit, zone)
    per_day = _DAY * _PER_SECOND[unit]
    return ColumnType(dtype, leaf.element, partial(_temporal, dtype=dtype, per_day=per_day, first=leaf.first_time))


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


def _unit(details: Struct) -> _Unit:
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


def _temporal(counts: pl.Series, dtype: pl.DataType, per_day: int, first: int) -> pl.Series:
    """Dates or timestamps, of which `counts` are the days, or the units, since 1970; none before the day `first`."""
    count, days = pl.col("count"), pl.col("days")
    bounds: list[Any] = [counts.min(), counts.max()]
    if all(bound is None or first <= bound // per_day <= _MAX_DAY for bound in bounds):
        return counts.cast(dtype)
    rows = counts.cast(pl.Int64).to_frame("count").with_columns(days=count // per_day)
    return _strings(
        rows.select(
            pl.when(days.is_between(first, _MAX_DAY)).then(count.cast(counts.dtype)).cast(dtype).alias("typed"),
            days,
            nanoseconds=count % per_day * (_DAY_NANOSECONDS // per_day),
        ),
        counts.name,
        first,
    )


def _int96(values: pl.Series, dtype: pl.Datetime, first: int) -> pl.Series:
    """Timestamps, which are the nanoseconds of a day, and its Julian number; none before the day `first`."""
    per_day = _DAY * _PER_SECOND[dtype.time_unit]
    step = _DAY_NANOSECONDS // per_day
    stored = pl.col("stored").bin
    parts = values.to_frame("stored").select(
        days=stored.slice(8, 4).bin.reinterpret(dtype=pl.Int32).cast(pl.Int64) - _UNIX_EPOCH,
        nanoseconds=stored.slice(0, 8).bin.reinterpret(dtype=pl.Int64),
    )
    days, nanoseconds = pl.col("days"), pl.col("nanoseconds")
    parts = parts.with_columns(days=days + nanoseconds // _DAY_NANOSECONDS, nanoseconds=nanoseconds % _DAY_NANOSECONDS)
    count = days * per_day + nanoseconds // step  # wraps around beyond 64 bits: hence the way back
    exact = (count // per_day == days) & (count % per_day * step == nanoseconds) & days.is_between(first, _MAX_DAY)
    rows = parts.with_columns(typed=pl.when(exact).then(count).cast(dtype))
    if rows["typed"].null_count() == values.null_count():
        return rows["typed"].alias(values.name)
    return _strings(rows, values.name, first)


def _time_of_day(counts: pl.Series, unit: _Unit) -> pl.Series:
    """Times of day, of which `counts` are the units since midnight."""
    per_day = _DAY * _PER_SECOND[unit]
    inside = counts.is_between(0, per_day - 1)
    step = 10**9 // _PER_SECOND[unit]
    typed = pl.select(pl.when(inside).then(counts.cast(pl.Int64) * step).cast(pl.Time).alias(counts.name)).to_series()
    if typed.null_count() == counts.null_count():
        return typed
    strings = typed.dt.to_string("%T%.f").to_list()
    return pl.Series(
        counts.name,
        [
            string if string is not None or count is None else f"{count} {unit} since midnight"
            for string, count in zip(strings, counts, strict=True)
        ],
        pl.String,
    )


def _strings(rows: pl.DataFrame, name: str, first: int) -> pl.Series:
    """Dates or timestamps as strings of ISO 8601.

    Args:
        rows: `typed`, null of those that the type cannot hold; of these the `days` since 1970 and the `nanoseconds` of
            the day.
        name: of the result.
        first: the first day that is certain; what is before is marked.
    """
    dtype = rows.schema["typed"]
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    typed = pl.col("typed")
    local = typed.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else typed
    suffix = "Z" if zoned else ""
    strings = rows.select(local.cast(pl.String) + suffix).to_series()
    beyond = (rows["typed"].is_null() & rows["days"].is_not_null()).arg_true()
    written = []
    for days, nanoseconds in rows.select(pl.col("days", "nanoseconds").gather(beyond)).iter_rows():
        time = "" if isinstance(dtype, pl.Date) else f" {_clock(nanoseconds)}{suffix}"
        written.append(f"{_written_date(days)}{time}{_JULIAN if _MIN_DAY <= days < first else ''}")
    return strings.scatter(beyond, pl.Series(written, dtype=pl.String)).alias(name)


def _written_date(days: int) -> str:
    """A date of any year, from its days since 1970: the calendar repeats itself every 400 years."""
    cycles, ordinal = divmod(days + dt.date(1970, 1, 1).toordinal() - 1, 146_097)
    date = dt.date.fromordinal(ordinal + 1)
    return f"{date.year + 400 * cycles:04}-{date.month:02}-{date.day:02}"


def _clock(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 10**9)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:09}"
