"""Why a string is not a value of its type, where its form shows that, and what to declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from filegate.contract import casts, messages
from filegate.contract.date_formats import DateFormat, date_format, fraction_digits, matches
from filegate.contract.directives import OFFSET
from filegate.contract.rules import CAST_FAILED, Column, CompiledRule, Reason, Rule

_VALUE = pl.col("value")
_ANY_DIGITS = 99
_WITH_COMMAS = r"[+-]?[0-9.]*(?:,[0-9.]+)+"
_PLAIN = ", with a decimal point and no thousands separators; else declare str and convert it in the transform"
_POINT = ", with a point before the decimals of a second; else declare a date format"
_NO_OFFSET = ", without Z or an offset from UTC"
_AS_UTC = "declare pl.Datetime('us', 'UTC'), or another time zone, to read it"

_Found = Iterator[tuple[pl.Expr, str]]
"""Whether a reason applies, and the words that it adds to the rule's."""


def type_rule(code: str, column: Column) -> CompiledRule:
    """The rule that a cell of a column breaks if it is not a value of the column's type."""
    rule = Rule(code, column.name, messages.of_type(column.dtype, column.date_format))
    return CompiledRule(rule, pl.col(CAST_FAILED + column.name), reasons=reasons(column))


def reasons(column: Column) -> tuple[Reason, ...]:
    """The known reasons why a string breaks the rule of a column's type; the first that applies counts."""
    dtype, declared = column.dtype, column.date_format
    found: list[tuple[pl.Expr, str]] = []
    if dtype.is_numeric():
        found.append((_matches(_WITH_COMMAS), _PLAIN))
    if dtype.is_float():
        found.append((_matches("-?[0-9]+"), _not_exact(dtype)))
    if isinstance(dtype, pl.Datetime | pl.Time):
        found += _of_iso_8601(dtype) if declared is None else _of_time(dtype, declared)
    if isinstance(dtype, casts.TEMPORALS) and declared is not None:
        found += _of_date(dtype, declared)
    if isinstance(dtype, pl.Datetime):
        found += _of_datetime(dtype, declared)
    what = messages.of_type(dtype, declared)
    return tuple(Reason(applies, f"{what}{words}") for applies, words in found)


def explain(values: pl.Series, known: Sequence[Reason], allowed: str) -> pl.Series:
    """What a rule accepts instead of each string: as its reason says, or `allowed`."""
    if not known:
        return pl.repeat(allowed, len(values), eager=True)
    words = (pl.when(reason.applies).then(pl.lit(reason.allowed)) for reason in known)
    strings = values.alias("value").to_frame().lazy()  # lazy, so that what the reasons share is computed once
    return strings.select(pl.coalesce(*words, pl.lit(allowed))).collect().to_series()


def _of_iso_8601(dtype: pl.Datetime | pl.Time) -> _Found:
    is_time = isinstance(dtype, pl.Time)
    time = casts.ISO_TIME if is_time else f"{casts.ISO_DATE}[T ]{casts.ISO_TIME}"
    offset = f"{OFFSET}?" if _zone(dtype) else ""
    if not is_time and not offset:
        yield _matches(rf"{time}(?:\.[0-9]+)?{OFFSET}"), f"{_NO_OFFSET}; {_AS_UTC}"
    yield _matches(rf"{time}\.[0-9]{{{fraction_digits(dtype) + 1},}}{offset}"), _too_precise(dtype)
    yield _matches(rf"{time},[0-9]+{offset}"), _POINT


def _of_time(dtype: pl.Datetime | pl.Time, declared: DateFormat) -> _Found:
    any_digits = date_format(declared.text, dtype, digits=_ANY_DIGITS).pattern
    if any_digits != declared.pattern:
        yield _matches(any_digits) & ~_matches(declared.pattern), _too_precise(dtype)
    if isinstance(dtype, pl.Datetime) and not declared.is_instant:
        how = "write %z for it" if dtype.time_zone else f"{_AS_UTC} by %z"
        yield _matches(declared.pattern + OFFSET), f"{_NO_OFFSET}; {how}"


def _of_date(dtype: pl.DataType, declared: DateFormat) -> _Found:
    if "%Y" in declared.text:
        short = date_format(declared.text.replace("%Y", "%y"), dtype)
        yield _matches(short.pattern), ", its year with four digits; %y reads two"
    if isinstance(dtype, pl.Date) and declared.has_time:
        yield _is_a(pl.Datetime("us"), declared), ", its time at midnight; declare pl.Datetime to keep another"


def _of_datetime(dtype: pl.Datetime, declared: DateFormat | None) -> _Found:
    unit, zone = dtype.time_unit, dtype.time_zone
    if unit == "ns":
        words = f", from 1677-09-21 to 2262-04-11; declare {_code('us', zone)} for others"
        yield _is_a(pl.Datetime("us", zone), declared), words
    if zone is not None and not (declared is not None and declared.is_instant):
        local = _cast(pl.Datetime(unit), declared)
        exists = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").is_not_null()
        rest = "deliver it with its offset from UTC, or declare pl.Datetime without a time zone"
        unknown = f", until {casts.LAST_YEAR_OF_CLOCKS} where the clocks of {zone} change; {rest}"
        yield local.dt.year() > casts.LAST_YEAR_OF_CLOCKS, unknown
        yield exists, f", not in an hour that the clocks of {zone} show twice; {rest}"
        yield local.is_not_null(), f", not in an hour that the clocks of {zone} skip; {rest}"


def _not_exact(dtype: pl.DataType) -> str:
    bits = 24 if isinstance(dtype, pl.Float32) else 53
    return f", and of whole numbers beyond 2**{bits} only those that it holds exactly; else declare int or pl.Decimal"


def _too_precise(dtype: pl.Datetime | pl.Time) -> str:
    digits = fraction_digits(dtype)
    finer = f"; declare {_code('ns', _zone(dtype))} for 9" if digits < 9 else ""
    return f", with at most {digits} decimals of a second{finer}"


def _code(unit: str, zone: str | None) -> str:
    """A Datetime as an author declares it."""
    return f"pl.Datetime('{unit}')" if zone is None else f"pl.Datetime('{unit}', '{zone}')"


def _zone(dtype: pl.DataType) -> str | None:
    return dtype.time_zone if isinstance(dtype, pl.Datetime) else None


def _matches(pattern: str) -> pl.Expr:
    return matches(_VALUE, pattern)


def _cast(dtype: pl.DataType, declared: DateFormat | None) -> pl.Expr:
    return casts.cast_string(_VALUE, dtype, date_format(declared.text, dtype) if declared else None)


def _is_a(dtype: pl.DataType, declared: DateFormat | None) -> pl.Expr:
    return _cast(dtype, declared).is_not_null()
