"""What the values of a column mean: Parquet's physical and logical types as polars' types.

polars decodes what is stored (whole numbers, bytes); what they mean is decided here, so that a value which the type
cannot hold stays what the file says.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import polars as pl

from filegate.formats.parquet.footer import Column
from filegate.formats.parquet.thrift import Struct

_BOOLEAN, _INT32, _INT64, _INT96, _FLOAT, _DOUBLE, _BYTES, _FIXED = range(8)
_PHYSICAL: Final = {_BOOLEAN: pl.Boolean(), _INT32: pl.Int32(), _INT64: pl.Int64(), _FLOAT: pl.Float32()} | {
    _DOUBLE: pl.Float64(),
    _BYTES: pl.Binary(),
    _FIXED: pl.Binary(),
}
_LOGICAL: Final = {1: "STRING", 4: "ENUM", 5: "DECIMAL", 6: "DATE", 7: "TIME", 8: "TIMESTAMP", 10: "INTEGER"} | {
    11: "UNKNOWN",
    12: "JSON",
    13: "BSON",
    14: "UUID",
    15: "FLOAT16",
    16: "VARIANT",
    17: "GEOMETRY",
    18: "GEOGRAPHY",
}
_CONVERTED: Final = (
    ("STRING", {}),  # UTF8
    ("MAP", {}),
    ("MAP", {}),
    ("LIST", {}),
    ("ENUM", {}),
    ("DECIMAL", {}),
    ("DATE", {}),
    ("TIME", {2: {1: {}}}),
    ("TIME", {2: {2: {}}}),
    ("TIMESTAMP", {1: False, 2: {1: {}}}),
    ("TIMESTAMP", {1: False, 2: {2: {}}}),
    *(("INTEGER", {1: bits, 2: False}) for bits in (8, 16, 32, 64)),
    *(("INTEGER", {1: bits, 2: True}) for bits in (8, 16, 32, 64)),
    ("JSON", {}),
    ("BSON", {}),
    ("INTERVAL", {}),
)
_TEXTS: Final = ("STRING", "ENUM", "JSON")
_INTEGERS: Final = {
    (8, True): pl.Int8(),
    (16, True): pl.Int16(),
    (32, True): pl.Int32(),
    (64, True): pl.Int64(),
    (8, False): pl.UInt8(),
    (16, False): pl.UInt16(),
    (32, False): pl.UInt32(),
    (64, False): pl.UInt64(),
}
_Unit: TypeAlias = Literal["ms", "us", "ns"]
_UNITS: Final[dict[int, _Unit]] = {1: "ms", 2: "us", 3: "ns"}
_PER_SECOND: Final = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY: Final = 86_400
_MAX_PRECISION: Final = 38
_UNIX_EPOCH: Final = 2_440_588
"""The Julian day of 1970-01-01."""

# What polars can show of the calendar. Beyond it, dates and timestamps are but numbers.
_MAX_DAY: Final = (dt.date.max - dt.date(1970, 1, 1)).days
_MIN_DAY: Final = (dt.date.min - dt.date(1970, 1, 1)).days


@dataclass(frozen=True)
class Unsupported:
    """Why values of a column cannot be read: "GEOMETRY values"."""

    what: str


@dataclass(frozen=True)
class ColumnType:
    """How a column that is not nested is read.

    Attributes:
        dtype: the type of its values.
        element: its element of the schema, as polars is to read it.
        logical: the name of its logical type, or none.
        unit: of a time or timestamp.
        stored: the physical type.
    """

    dtype: pl.DataType
    element: Struct
    logical: str | None = None
    unit: _Unit | None = None
    stored: int = _BYTES

    def typed(self, values: pl.Series) -> pl.Series:
        """The values as `dtype`, of which polars decoded what is stored.

        If there are some that the type cannot hold, all are strings: dates and times of ISO 8601, with any year. Text
        that is not UTF-8 is left as bytes.

        Raises:
            ValueError: a column of nulls has values.
        """
        if self.logical == "UNKNOWN":
            if values.null_count() != len(values):
                raise ValueError("it has values, though its type is null")
            return pl.Series(values.name, dtype=pl.Null).extend_constant(None, len(values))
        if isinstance(self.dtype, pl.String):
            text = values.cast(pl.String, strict=False)
            return text if text.null_count() == values.null_count() else values
        if self.stored == _INT96:
            return _int96(values, self.dtype)
        if isinstance(self.dtype, pl.Time):
            return _time(values, self.unit or "ms")
        if isinstance(self.dtype, pl.Date):
            return _temporal(values, self.dtype, 1)
        if isinstance(self.dtype, pl.Datetime):
            return _temporal(values, self.dtype, _DAY * _PER_SECOND[self.dtype.time_unit])
        if self.dtype in (pl.UInt32, pl.UInt64):
            return values.reinterpret(signed=False)
        return values if values.dtype == pl.Int32 else values.cast(self.dtype)


def column_type(column: Column, wanted: pl.DataType | None) -> ColumnType | Unsupported:
    """How to read a column that is not nested.

    Args:
        column: the column.
        wanted: the contract's type; None of a column that is not in it, whose bytes may be any.
    """
    element = column.elements[0]
    stored = int(element.get(1, -1))
    logical, details = _logical(element)
    bare = {field: element[field] for field in (1, 2, 3, 4) if field in element}
    if logical == "UNKNOWN":
        return ColumnType(pl.Null(), bare, logical)
    if stored == _INT96:  # twelve bytes to polars, whose own reading saturates
        naive = isinstance(wanted, pl.Datetime) and wanted.time_zone is None
        unit = wanted.time_unit if naive and isinstance(wanted, pl.Datetime) else "us"
        return ColumnType(pl.Datetime(unit), bare | {1: _FIXED, 2: 12}, stored=stored)
    if stored == _BYTES and (logical in _TEXTS or (logical is None and wanted is not None)):
        return ColumnType(pl.String(), bare, logical)
    if logical == "DECIMAL" and stored != _BYTES:
        precision, scale = element.get(8) or details.get(2) or 0, element.get(7) or details.get(1) or 0
        if not 0 <= scale <= precision <= _MAX_PRECISION or precision == 0:
            return Unsupported(f"decimals of {precision} digits, at most {_MAX_PRECISION} are read")
        return ColumnType(pl.Decimal(precision, scale), bare | {6: 5, 7: scale, 8: precision}, logical)
    if (found := _number(stored, logical, details)) is not None:
        dtype, unit_ = found
        return ColumnType(dtype, bare, logical, unit_, stored)
    if stored == _FIXED and logical == "FLOAT16":
        return ColumnType(pl.Float32(), bare | {10: {15: {}}}, logical)
    if wanted is None and stored in _PHYSICAL:
        return ColumnType(_PHYSICAL[stored], bare, None, stored=stored)
    return Unsupported(f"{logical or 'fixed-length bytes'} values" if stored in _PHYSICAL else "values of a new type")


def stored_as(column: Column) -> tuple[Struct, ...]:
    """The elements of a nested column, without the logical types that polars does not know."""
    known = {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13}
    return tuple(
        {field: value for field, value in element.items() if field != 10 or (value and value.keys() <= known)}
        for element in column.elements
    )


def _logical(element: Struct) -> tuple[str | None, Struct]:
    """The name of the logical type, the older `converted_type` included, and its fields."""
    if 10 in element:
        union = element[10] or {}
        member = next(iter(union), -1)
        return _LOGICAL.get(member, "an unknown type of"), union.get(member) or {}
    if (converted := element.get(6)) is not None:
        return _CONVERTED[converted] if 0 <= converted < len(_CONVERTED) else ("an unknown type of", {})
    return None, {}


def _number(stored: int, logical: str | None, details: Struct) -> tuple[pl.DataType, _Unit | None] | None:
    """The type of stored whole numbers and floats; None if they have no such."""
    if logical is None:
        return None if stored in (_BYTES, _FIXED) or stored not in _PHYSICAL else (_PHYSICAL[stored], None)
    if logical == "INTEGER" and stored in (_INT32, _INT64):
        dtype = _INTEGERS.get((details.get(1, 0), bool(details.get(2))))
        return None if dtype is None or (_bits(details) == 64) != (stored == _INT64) else (dtype, None)
    if logical == "DATE" and stored == _INT32:
        return pl.Date(), None
    unit = _UNITS.get(next(iter(details.get(2) or {}), 0))
    if unit is not None and logical == "TIME" and stored == (_INT32 if unit == "ms" else _INT64):
        return pl.Time(), unit
    if unit is not None and logical == "TIMESTAMP" and stored == _INT64:
        return pl.Datetime(unit, "UTC" if details.get(1) else None), None
    return None


def _bits(details: Struct) -> int:
    return int(details.get(1, 0))


def _temporal(counts: pl.Series, dtype: pl.DataType, per_day: int) -> pl.Series:
    """Dates or timestamps, of which `counts` are the days, or the units, since 1970."""
    low, high = counts.min(), counts.max()
    if low is None or (low >= _MIN_DAY * per_day and high < (_MAX_DAY + 1) * per_day):  # type: ignore[operator]
        return counts.cast(dtype)
    shown = counts.is_between(_MIN_DAY * per_day, (_MAX_DAY + 1) * per_day - 1)
    rows = counts.to_frame("counts").select(
        typed=pl.when(shown).then(pl.col("counts")).cast(dtype),
        days=pl.col("counts").cast(pl.Int64) // per_day,
        nanoseconds=pl.col("counts").cast(pl.Int64) % per_day * (_DAY * 10**9 // per_day),
    )
    return _strings(rows, counts.name)


def _int96(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Timestamps, which are the nanoseconds of a day, and its Julian number."""
    assert isinstance(dtype, pl.Datetime)
    per_day = _DAY * _PER_SECOND[dtype.time_unit]
    step = _DAY * 10**9 // per_day
    stored = pl.col("stored").bin
    parts = values.to_frame("stored").select(
        days=stored.slice(8, 4).bin.reinterpret(dtype=pl.Int32).cast(pl.Int64) - _UNIX_EPOCH,
        nanoseconds=stored.slice(0, 8).bin.reinterpret(dtype=pl.Int64),
    )
    days, nanoseconds = pl.col("days"), pl.col("nanoseconds")
    parts = parts.with_columns(days=days + nanoseconds // (_DAY * 10**9), nanoseconds=nanoseconds % (_DAY * 10**9))
    count = days * per_day + nanoseconds // step  # wraps around beyond 64 bits: hence the way back
    exact = (count // per_day == days) & (count % per_day * step == nanoseconds) & days.is_between(_MIN_DAY, _MAX_DAY)
    rows = parts.with_columns(typed=pl.when(exact).then(count).cast(dtype))
    if rows["typed"].null_count() == values.null_count():
        return rows["typed"].alias(values.name)
    return _strings(rows, values.name)


def _time(counts: pl.Series, unit: _Unit) -> pl.Series:
    """Times of day, of which `counts` are the units since midnight."""
    per_day = _DAY * _PER_SECOND[unit]
    inside = counts.is_between(0, per_day - 1)
    step = 10**9 // _PER_SECOND[unit]
    typed = pl.select(pl.when(inside).then(counts.cast(pl.Int64) * step).cast(pl.Time).alias(counts.name)).to_series()
    if typed.null_count() == counts.null_count():
        return typed
    strings = typed.cast(pl.String).to_list()
    return pl.Series(
        counts.name,
        [
            string if string is not None or count is None else f"{count} {unit} since midnight"
            for string, count in zip(strings, counts, strict=True)
        ],
        pl.String,
    )


def _strings(rows: pl.DataFrame, name: str) -> pl.Series:
    """Dates or timestamps as strings of ISO 8601.

    Args:
        rows: `typed`, null of those that the type cannot hold; of these the `days` since 1970 and the `nanoseconds` of
            the day.
        name: of the result.
    """
    dtype = rows.schema["typed"]
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    local = pl.col("typed").dt.replace_time_zone(None) if zoned else pl.col("typed")
    suffix = "Z" if zoned else ""
    strings = rows.select(local.cast(pl.String) + suffix).to_series()
    beyond = (rows["typed"].is_null() & rows["days"].is_not_null()).arg_true()
    if isinstance(dtype, pl.Date):
        written = [_date(days) for days in rows["days"].gather(beyond)]
    else:
        gathered = rows.select(pl.col("days", "nanoseconds").gather(beyond)).iter_rows()
        written = [f"{_date(days)} {_clock(nanoseconds)}{suffix}" for days, nanoseconds in gathered]
    return strings.scatter(beyond, pl.Series(written, dtype=pl.String)).alias(name)


def _date(days: int) -> str:
    """A date of any year, from its days since 1970: the calendar repeats itself every 400 years."""
    cycles, ordinal = divmod(days + dt.date(1970, 1, 1).toordinal() - 1, 146_097)
    date = dt.date.fromordinal(ordinal + 1)
    return f"{date.year + 400 * cycles:04}-{date.month:02}-{date.day:02}"


def _clock(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 10**9)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:09}"
