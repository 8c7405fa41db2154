"""Dates and times of a column, from the numbers and bytes that are stored.

If there are some that the type cannot hold, all are strings: what the file says, as ISO 8601 writes it, with any year.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal, TypeAlias

import polars as pl

Unit: TypeAlias = Literal["ms", "us", "ns"]

_PER_SECOND: Final = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY: Final = 86_400
_DAY_NANOSECONDS: Final = _DAY * 10**9
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


def dates(days: pl.Series, *, julian: bool) -> pl.Series:
    """Dates from the days since 1970; `julian`: old ones are those of another calendar, which a date cannot hold."""
    return _typed(days, pl.Date(), 1, _GREGORIAN_DAY if julian else _MIN_DAY)


def timestamps(counts: pl.Series, dtype: pl.Datetime, *, julian: bool) -> pl.Series:
    """Timestamps from the units of the type since 1970; `julian`: old ones are those of another calendar."""
    return _typed(counts, dtype, _DAY * _PER_SECOND[dtype.time_unit], _first_time(julian))


def int96(values: pl.Series, dtype: pl.Datetime, *, julian: bool) -> pl.Series:
    """Timestamps from 12 bytes each: the nanoseconds of a day, and its Julian number; `julian`: see `timestamps`."""
    first = _first_time(julian)
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


def times_of_day(counts: pl.Series, unit: Unit) -> pl.Series:
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


def _first_time(julian: bool) -> int:
    """The first day of timestamps that are certain."""
    return _STANDARD_TIME_DAY if julian else _MIN_DAY


def _typed(counts: pl.Series, dtype: pl.DataType, per_day: int, first: int) -> pl.Series:
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
