"""Strict casts: a string is either exactly one value of the type, or its cast fails.

polars' own casts guess where a contract must not: `to_date` accepts " 2020-1-5", a timestamp in nanoseconds outside
1677 to 2262 wraps around, digits beyond the precision of a Decimal or a time unit are dropped, 1e999 is infinite. Each
cast here is polars' cast, preceded by a test that only admits strings for which the cast is right.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import polars as pl

from filegate.contract.date_formats import DateFormat, fraction_digits, where_matching
from filegate.contract.directives import OFFSET, YEAR
from filegate.contract.rules import CAST_FAILED, Column, is_null
from filegate.formats.records import ROW, in_text
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

ISO_DATE = f"{YEAR}-[0-9]{{2}}-[0-9]{{2}}"
ISO_TIME = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_WHOLE_SECONDS_LENGTH = len("2013-01-31T09:30:00")

_RAW = "\0raw "
"""Prefix of a column as it was before its cast."""

_DAYS_OF_400_YEARS = 146_097
LAST_YEAR_OF_CLOCKS = 2099
"""Of polars' tables of the zones' clocks: later ones stay as they are at its end, whatever the zone's rule says."""


def cast_cells(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """The contract's columns, typed, and after all of them their `CAST_FAILED` columns.

    Args:
        frame: `__row__` and any of the contract's columns, as the file has them.
        columns: the contract's; one that the frame lacks has its default, or null.
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
            value = _cast(cell, source, column.dtype, column.date_format)
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


def _cast(value: pl.Expr, source: pl.DataType, dtype: pl.DataType, date_format: DateFormat | None) -> pl.Expr:
    """A value of type `source` as `dtype`; null if it cannot be represented: 1.5 as Int64, 300 as Int8."""
    if isinstance(source, pl.Binary):
        return cast_string(value.map_batches(utf8, return_dtype=pl.String), dtype, date_format)
    if isinstance(source, TEXTS):
        return cast_string(value.cast(pl.String), dtype, date_format)
    if isinstance(dtype, TEXTS):
        return in_text(value, source).cast(dtype)
    result = value.cast(dtype, strict=False)
    if isinstance(dtype, pl.Decimal) and source.is_float():  # polars' own cast multiplies, and rounds what is large
        whole = pl.when(value == value.floor()).then(value.cast(pl.Decimal(38), strict=False)).cast(dtype, strict=False)
        result = pl.coalesce(whole, value.cast(pl.String).cast(dtype, strict=False))
    if isinstance(dtype, _FLOATS) and not _is_whole(source):  # fractions may be rounded, but not overflow
        return pl.when(result.is_finite() | ~value.cast(pl.Float64, strict=False).is_finite()).then(result)
    return pl.when(result.cast(source, strict=False).eq_missing(value)).then(result)


def _is_whole(dtype: pl.DataType) -> bool:
    """Whether all values of a type are whole numbers."""
    return dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0)


def cast_string(text: pl.Expr, dtype: pl.DataType, date_format: DateFormat | None) -> pl.Expr:
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
        return where_matching(text, rf"[+-]?(?:[0-9]+\.?|[0-9]*\.[0-9]{{0,{dtype.scale}}}0*)").cast(dtype, strict=False)
    if isinstance(dtype, TEMPORALS):
        return _cast_temporal(text, dtype, date_format)
    return text.cast(dtype, strict=False)


def _cast_temporal(text: pl.Expr, dtype: pl.DataType, date_format: DateFormat | None) -> pl.Expr:
    if date_format is not None:
        return _cast_formatted(date_format.parsable(text), dtype, date_format)
    if isinstance(dtype, pl.Datetime):
        return _iso_datetime(text, dtype)
    if isinstance(dtype, pl.Date):
        # polars' cache of parsed dates costs more than parsing such a short one again.
        return where_matching(text, ISO_DATE).str.to_date("%Y-%m-%d", strict=False, cache=False)
    return where_matching(text, rf"{ISO_TIME}(?:\.[0-9]{{1,9}}0*)?").str.to_time("%H:%M:%S%.f", strict=False)


def _iso_datetime(text: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    fraction = rf"(?:\.[0-9]{{1,{fraction_digits(dtype)}}}0*)?"
    local = rf"{ISO_DATE}[T ]{ISO_TIME}{fraction}"
    naive = where_matching(text, local)
    # polars parses whole seconds five times faster than fractions, and is slow to find that a format does not match;
    # a null costs nothing.
    whole, with_t = naive.str.len_bytes() == _WHOLE_SECONDS_LENGTH, naive.str.contains("T", literal=True)
    value = pl.coalesce(
        _parse(pl.when(whole & with_t).then(naive), dtype.time_unit, "%Y-%m-%dT%H:%M:%S"),
        _parse(pl.when(whole & ~with_t).then(naive), dtype.time_unit, "%Y-%m-%d %H:%M:%S"),
        _parse(pl.when(~whole & with_t).then(naive), dtype.time_unit, "%Y-%m-%dT%H:%M:%S%.f"),
        _parse(pl.when(~whole & ~with_t).then(naive), dtype.time_unit, "%Y-%m-%d %H:%M:%S%.f"),
    )
    if dtype.time_zone is None:
        return value
    instant = where_matching(text, local + OFFSET)
    return pl.coalesce(
        _in_zone(value, dtype),
        _parse(instant, dtype.time_unit, "%Y-%m-%dT%H:%M:%S%.f%#z", zone=dtype.time_zone),
        _parse(instant, dtype.time_unit, "%Y-%m-%d %H:%M:%S%.f%#z", zone=dtype.time_zone),
    )


def _cast_formatted(text: pl.Expr, dtype: pl.DataType, date_format: DateFormat) -> pl.Expr:
    if isinstance(dtype, pl.Time):
        return text.str.to_time(date_format.parsed_as, strict=False)
    value = _cast_date(text, dtype, date_format)
    # The last days of the ISO year 9999 are in the year 10000.
    return pl.when(value.dt.year() <= dt.MAXYEAR).then(value) if "%G" in date_format.parsed_as else value


def _cast_date(text: pl.Expr, dtype: pl.DataType, date_format: DateFormat) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None or date_format.is_instant:
            return _parse(text, dtype.time_unit, date_format.parsed_as, zone=dtype.time_zone)
        return _in_zone(_parse(text, dtype.time_unit, date_format.parsed_as), dtype)
    if not date_format.has_time:
        return text.str.to_date(date_format.parsed_as, strict=False)
    value = _parse(text, "us", date_format.parsed_as)
    return pl.when(value.dt.truncate("1d") == value).then(value.dt.date())  # a Date can hold midnight only


def _parse(text: pl.Expr, unit: Literal["ms", "us", "ns"], date_format: str, zone: str | None = None) -> pl.Expr:
    """The timestamp; with a zone, the format must have an offset, and the instant is converted to that zone."""
    # polars' cache of parsed timestamps costs more than parsing a short one again, and less where there is an offset.
    options: dict[str, Any] = {
        "time_zone": None if zone is None else "UTC",
        "strict": False,
        "cache": zone is not None,
    }
    value = text.str.to_datetime(date_format, time_unit=unit, **options)
    if unit == "ns":
        coarse = text.str.to_datetime(date_format, time_unit="us", **options)
        value = pl.when(value.dt.cast_time_unit("us") == coarse).then(value)  # else 64 bits did not hold it
    return value if zone is None else value.dt.convert_time_zone(zone)


def _in_zone(local: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """A wall-clock time in the type's zone; null if it is skipped or ambiguous, or polars gets another one."""
    if dtype.time_zone == "UTC":
        return local.dt.replace_time_zone("UTC")
    return local.map_batches(lambda times: _instants(times, dtype), return_dtype=dtype)


def _instants(local: pl.Series, dtype: pl.Datetime) -> pl.Series:
    value = _replace_zone(local, dtype)
    if dtype.time_unit == "ns":  # 64 bits may hold the wall-clock time, and not the instant
        exact = _replace_zone(local.dt.cast_time_unit("us"), dtype)
        value = value.set(value.dt.cast_time_unit("us").ne_missing(exact), None)
    years = local.dt.year()
    if local.is_empty() or not (years > LAST_YEAR_OF_CLOCKS).any():
        return value
    days = {year: _days_since_twin(year) for year in years.unique().drop_nulls()}
    since_twin = pl.select(pl.duration(days=pl.lit(years.replace_strict(days, default=None)))).to_series()
    right = _replace_zone(local - since_twin, dtype).dt.convert_time_zone("UTC") + since_twin
    return value.set(right.ne_missing(value.dt.convert_time_zone("UTC")), None)


def _replace_zone(local: pl.Series, dtype: pl.Datetime) -> pl.Series:
    return local.dt.replace_time_zone(dtype.time_zone, ambiguous="null", non_existent="null")


def _days_since_twin(year: int) -> int:
    """How long ago the last year was whose clocks polars knows, and that has the same calendar: one rule sets both."""
    if year <= LAST_YEAR_OF_CLOCKS:
        return 0
    cycles, rest = divmod(year - 2000, 400)  # the calendar repeats itself
    first = dt.date(2000 + rest, 1, 1)
    years = (dt.date(LAST_YEAR_OF_CLOCKS - ago, 1, 1) for ago in range(28))
    twin = next(each for each in years if _calendar(each) == _calendar(first))
    return cycles * _DAYS_OF_400_YEARS + (first - twin).days


def _calendar(first: dt.date) -> tuple[int, bool]:
    """Of the year with this first day."""
    return first.weekday(), calendar.isleap(first.year)


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
