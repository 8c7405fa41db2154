"""Messages that say what a rule accepts, for the person who reads why a row was rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from filegate.contract.casts import INTEGERS, TEMPORALS
from filegate.contract.checks import is_builtin, kind
from filegate.contract.date_formats import DateFormat

if TYPE_CHECKING:
    from pandera.polars import Check

_MAX_VALUES = 12
"""Number of accepted values that are listed before an ellipsis."""

_TYPES: dict[type[pl.DataType], str] = {
    pl.Float32: "a number from -3.4028235e38 to 3.4028235e38, inf or nan",
    pl.Float64: "a number from -1.7976931348623157e308 to 1.7976931348623157e308, inf or nan",
    pl.Boolean: "true or false (or t/f, yes/no, 1/0)",
    pl.Date: "a date like 2013-01-31",
    pl.Datetime: "a timestamp like 2013-01-31T09:30:00",
    pl.Time: "a time like 09:30:00",
}

_Given = Mapping[str, Any]
_BUILTIN_CHECKS: dict[str, Callable[[_Given], str]] = {
    "equal_to": lambda given: str(given["value"]),
    "not_equal_to": lambda given: f"anything but {given['value']}",
    "greater_than": lambda given: f"> {given['min_value']}",
    "greater_than_or_equal_to": lambda given: f">= {given['min_value']}",
    "less_than": lambda given: f"< {given['max_value']}",
    "less_than_or_equal_to": lambda given: f"<= {given['max_value']}",
    "in_range": lambda given: _range(**given),
    "isin": lambda given: f"one of {_listed(given['allowed_values'])}",
    "notin": lambda given: f"none of {_listed(given['forbidden_values'])}",
    "str_matches": lambda given: f"must match `^{_pattern(given['pattern']).removeprefix('^')}`",
    "str_contains": lambda given: f"must match `{_pattern(given['pattern'])}`",
    "str_startswith": lambda given: f"a string that starts with {given['string']}",
    "str_endswith": lambda given: f"a string that ends with {given['string']}",
    "str_length": lambda given: _length(**given),
}


def of_type(dtype: pl.DataType, date_format: DateFormat | None = None) -> str:
    """The strings that are values of a type."""
    if isinstance(dtype, TEMPORALS) and date_format is not None:
        return f"{'a time' if isinstance(dtype, pl.Time) else 'a date'} written as {date_format.text}"
    if isinstance(dtype, INTEGERS):
        bits = int(str(dtype).lstrip("UInt"))
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype.is_signed_integer() else (0, 2**bits - 1)
        return f"a whole number from {low} to {high}"
    if isinstance(dtype, pl.Decimal):
        return f"a number with at most {dtype.precision} digits, {dtype.scale} of them after the point"
    if isinstance(dtype, pl.Enum):
        return f"one of {_listed(dtype.categories, keep_order=True)}"
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return f"a timestamp like 2013-01-31T09:30:00Z, or without an offset in {dtype.time_zone} time"
    return _TYPES.get(type(dtype), "a string")


def of_check(check: Check) -> str:
    """What a check accepts: the author's own message if there is one (`error=`, `description=`, `title=`)."""
    builtin = str(check._check_fn.__name__) if is_builtin(check) else None
    # pandera fills `error` of its own checks with their call, "isin(['AA', 'UA'])".
    error = None if builtin is not None and str(check.error).startswith(f"{builtin}(") else check.error
    own = error or check.description or check.title
    if own:
        return str(own)
    if builtin in _BUILTIN_CHECKS:
        return _BUILTIN_CHECKS[builtin](check._check_kwargs)
    return f"must satisfy check `{kind(check)}`"


def _listed(values: Iterable[Any], *, keep_order: bool = False) -> str:
    listed = list(values)
    if not keep_order:  # pandera keeps them in a set, whose order differs between processes
        try:
            listed.sort()
        except TypeError:
            listed.sort(key=str)
    shown = ", ".join(str(value) for value in listed[:_MAX_VALUES])
    return f"{shown}, …" if len(listed) > _MAX_VALUES else shown


def _range(min_value: Any, max_value: Any, include_min: bool = True, include_max: bool = True) -> str:
    return f"{'>=' if include_min else '>'} {min_value} and {'<=' if include_max else '<'} {max_value}"


def _length(min_value: int | None = None, max_value: int | None = None, exact_value: int | None = None) -> str:
    if exact_value is not None:
        return f"{exact_value} characters"
    if max_value is None:
        return f"at least {min_value} characters"
    return f"at most {max_value} characters" if min_value is None else f"{min_value} to {max_value} characters"


def _pattern(pattern: Any) -> str:
    return str(getattr(pattern, "pattern", pattern))
