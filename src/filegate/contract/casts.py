"""Strict casts: a string is either exactly one value of the type, or its cast fails.

polars' own casts guess where a contract must not: `to_date` accepts " 2020-1-5", a timestamp in nanoseconds outside
1677 to 2262 wraps around, digits beyond the precision of a Decimal or a time unit are dropped, 1e999 is infinite. Each
cast here is polars' cast, preceded by a test that only admits strings for which the cast is right.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from filegate.contract.rules import CAST_FAILED, Column, is_null
from filegate.formats.records import ROW
from filegate.formats.utf8 import utf8

INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_FLOATS = (pl.Float32, pl.Float64)
TEXTS = (pl.String, pl.Categorical, pl.Enum)
"""The types whose values are strings, which are cast like those of text files."""
TEMPORALS = (pl.Date, pl.Datetime, pl.Time)
"""The types that a date format applies to."""
SUPPORTED = (*INTEGERS, *_FLOATS, *TEXTS, *TEMPORALS, pl.Boolean, pl.Decimal)
"""The types a contract's columns may have."""

_TRUE = ["true", "t", "1", "yes"]
_FALSE = ["false", "f", "0", "no"]

_ISO_DATE = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
_ISO_TIME = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_ISO_OFFSET = "(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_FRACTION_DIGITS = {"ms": 3, "us": 6, "ns": 9}
_WHOLE_SECONDS_LENGTH = len("2013-01-31T09:30:00")

_RAW = "\0raw "
"""Prefix of a column as it was before its cast."""

# The first and last microsecond within the range of 64 bits of nanoseconds.
_NS_FIRST = dt.datetime(1677, 9, 21, 0, 12, 43, 145225)  # noqa: DTZ001 - compared with local times
_NS_LAST = dt.datetime(2262, 4, 11, 23, 47, 16, 854775)  # noqa: DTZ001


def cast_cells(frame: pl.DataFrame, columns: Sequence[Column], date_formats: Mapping[str, str]) -> pl.DataFrame:
    """The contract's columns, typed, and after all of them their `CAST_FAILED` columns.

    Args:
        frame: `__row__` and any of the contract's columns, as the file has them.
        columns: the contract's; one that the frame lacks has its default, or null.
        date_formats: strptime-like format by column.
    """
    schema = frame.schema
    raw, values, failed, defaulted = [], [], [], []
    for column in columns:
        name, source, default = column.name, schema.get(column.name), pl.lit(column.default, dtype=column.dtype)
        cell = pl.col(name)
        if source is None or source == column.dtype:
            values.append(default.alias(name) if source is None else cell)
            failed.append(pl.lit(False).alias(CAST_FAILED + name))
        else:
            raw.append(cell.alias(_RAW + name))
            value = _cast(cell, source, column.dtype, date_formats.get(name))
            values.append(value.alias(name))
            failed.append(_cast_failed(column, source).alias(CAST_FAILED + name))
        if source is not None and column.default is not None:
            defaulted.append(pl.when(is_null(column)).then(default).otherwise(cell).alias(name))
    cells = frame.lazy().select(ROW, *raw, *values)  # `__row__` gives the literals of missing columns their height
    cells = cells.with_columns(failed).with_columns(defaulted)
    return cells.drop(ROW, *(each.meta.output_name() for each in raw)).collect()


def _cast_failed(column: Column, source: pl.DataType) -> pl.Expr:
    """Whether the cast failed: the cell is not null, but its value is. An empty string counts as null."""
    raw = pl.col(_RAW + column.name)
    not_null = raw.is_not_null()
    if isinstance(source, TEXTS) and column.dtype != pl.String:
        not_null = (raw.cast(pl.String) != "").fill_null(False)
    if isinstance(source, pl.Binary) and column.dtype != pl.String:
        not_null = (raw.bin.size() > 0).fill_null(False)
    if source.is_float() and not column.dtype.is_float():  # NaN is null to pandas, which has no other in such a column
        not_null &= raw.is_not_nan().fill_null(False)
    return pl.col(column.name).is_null() & not_null


def _cast(value: pl.Expr, source: pl.DataType, dtype: pl.DataType, date_format: str | None) -> pl.Expr:
    """A value of type `source` as `dtype`; null if it cannot be represented: 1.5 as Int64, 300 as Int8."""
    if isinstance(source, pl.Binary):
        return _cast_text(value.map_batches(utf8, return_dtype=pl.String), dtype, date_format)
    if isinstance(source, TEXTS):
        return _cast_text(value.cast(pl.String), dtype, date_format)
    result = value.cast(dtype, strict=False)
    if isinstance(dtype, _FLOATS):  # floats may round, but not overflow
        return pl.when(result.is_finite() | ~value.cast(pl.Float64, strict=False).is_finite()).then(result)
    if isinstance(dtype, TEXTS):
        return result
    return pl.when(result.cast(source, strict=False).eq_missing(value)).then(result)


def _cast_text(text: pl.Expr, dtype: pl.DataType, date_format: str | None) -> pl.Expr:
    """The value of a string as `dtype`; null if it is not one. Without a date format, dates and times are ISO 8601."""
    if isinstance(dtype, pl.String):
        return text
    if isinstance(dtype, _FLOATS):
        value = text.cast(dtype, strict=False)
        # Overflow: the value is infinite although the string is not a form of "inf" or "Infinity".
        return pl.when(value.is_finite() | text.str.contains("[nN]")).then(value)
    if isinstance(dtype, pl.Boolean):
        word = text.str.to_lowercase()
        return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)
    if isinstance(dtype, pl.Decimal):
        # No exponent, and only zeros beyond the scale.
        return _where(text, rf"[+-]?(?:[0-9]+\.?|[0-9]*\.[0-9]{{0,{dtype.scale}}}0*)").cast(dtype, strict=False)
    if isinstance(dtype, TEMPORALS):
        return _cast_temporal(text, dtype, date_format)
    return text.cast(dtype, strict=False)


def _cast_temporal(text: pl.Expr, dtype: pl.DataType, date_format: str | None) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        if date_format is not None:
            return _formatted_datetime(_untrimmed(text), dtype, date_format)
        return _iso_datetime(text, dtype)
    if isinstance(dtype, pl.Date):
        if date_format is not None:
            return _untrimmed(text).str.to_date(date_format, strict=False)
        # polars' cache of parsed dates costs more than parsing such a short one again.
        return _where(text, _ISO_DATE).str.to_date("%Y-%m-%d", strict=False, cache=False)
    if date_format is not None:
        return _untrimmed(text).str.to_time(date_format, strict=False)
    return _where(text, rf"{_ISO_TIME}(?:\.[0-9]{{1,9}}0*)?").str.to_time("%H:%M:%S%.f", strict=False)


def _iso_datetime(text: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    fraction = rf"(?:\.[0-9]{{1,{_FRACTION_DIGITS[dtype.time_unit]}}}0*)?"
    local = rf"{_ISO_DATE}[T ]{_ISO_TIME}{fraction}"
    naive = _where(text, local)
    # polars parses whole seconds five times faster than fractions; a null costs nothing.
    whole = naive.str.len_bytes() == _WHOLE_SECONDS_LENGTH
    short, long = pl.when(whole).then(naive), pl.when(~whole).then(naive)
    value = pl.coalesce(
        _parse(short, dtype.time_unit, "%Y-%m-%dT%H:%M:%S"),
        _parse(short, dtype.time_unit, "%Y-%m-%d %H:%M:%S"),
        _parse(long, dtype.time_unit, "%Y-%m-%dT%H:%M:%S%.f"),
        _parse(long, dtype.time_unit, "%Y-%m-%d %H:%M:%S%.f"),
    )
    if dtype.time_zone is None:
        return value
    instant = _where(text, local + _ISO_OFFSET)
    return pl.coalesce(
        _in_zone(value, dtype.time_zone),
        _parse(instant, dtype.time_unit, "%Y-%m-%dT%H:%M:%S%.f%#z", zone=dtype.time_zone),
        _parse(instant, dtype.time_unit, "%Y-%m-%d %H:%M:%S%.f%#z", zone=dtype.time_zone),
    )


def _formatted_datetime(text: pl.Expr, dtype: pl.Datetime, date_format: str) -> pl.Expr:
    if dtype.time_zone is None:
        return _parse(text, dtype.time_unit, date_format)
    if "z" in date_format or "%+" in date_format:
        return _parse(text, dtype.time_unit, date_format, zone=dtype.time_zone)
    return _in_zone(_parse(text, dtype.time_unit, date_format), dtype.time_zone)


def _parse(text: pl.Expr, unit: Literal["ms", "us", "ns"], date_format: str, zone: str | None = None) -> pl.Expr:
    """The timestamp; with a zone, the format must have an offset, and the instant is converted to that zone."""
    utc = None if zone is None else "UTC"
    value = text.str.to_datetime(date_format, time_unit=unit, time_zone=utc, strict=False)
    if unit == "ns":
        coarse = text.str.to_datetime(date_format, time_unit="us", time_zone=utc, strict=False)
        value = pl.when(coarse.dt.replace_time_zone(None).is_between(_NS_FIRST, _NS_LAST)).then(value)
    return value if zone is None else value.dt.convert_time_zone(zone)


def _in_zone(local: pl.Expr, zone: str) -> pl.Expr:
    """A wall-clock time in its zone; null if it is skipped or ambiguous there."""
    return local.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")


def _where(text: pl.Expr, pattern: str) -> pl.Expr:
    return pl.when(text.str.contains(f"^(?:{pattern})$")).then(text)


def _untrimmed(text: pl.Expr) -> pl.Expr:
    """The strings without surrounding whitespace, which strptime formats would skip silently."""
    return pl.when(text == text.str.strip_chars()).then(text)


def castable(source: pl.DataType, dtype: pl.DataType) -> bool:
    """Whether values of type `source` can be cast to `dtype` at all."""
    if isinstance(source, (*TEXTS, pl.Binary, pl.Null)) or source == dtype:
        return True
    if isinstance(dtype, pl.String):
        return isinstance(source, SUPPORTED)
    if source.is_numeric() and dtype.is_numeric():
        return True
    if isinstance(source, pl.Datetime) and isinstance(dtype, pl.Datetime):
        return (source.time_zone is None) == (dtype.time_zone is None)
    midnight = {type(source), type(dtype)} == {pl.Date, pl.Datetime}
    return midnight and getattr(source, "time_zone", None) is None and getattr(dtype, "time_zone", None) is None
