"""pandera's checks: their names in rule codes, and the predicates they are compiled to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from filegate.contract.predicates import Call, Expression
from filegate.contract.rowwise import Recorder, record

if TYPE_CHECKING:
    from pandera.polars import Check

MAX_COMPARED_VALUES = 8
"""Up to this number of strings, polars compares with each faster than it looks them up in a set."""

_SHORT = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
}
"""pandera's own aliases for its comparisons; they make shorter codes."""


def compile_check(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Expression | Call:
    """The predicate of a check.

    Args:
        check: a check of a column or of the whole frame.
        column: the column it is declared on, or None.
        dtypes: the contract's columns.

    Raises:
        NotRowWise: the check's result for a row may depend on other rows.
        Exception: whatever the check raised on rows of nulls.
    """
    if check.element_wise:
        return Call(check, column)
    # On a whole frame, a check of pandera's own applies to every column.
    subjects = list(dtypes) if column is None and is_builtin(check) else [column]
    captured: list[pl.Expr] = []
    for subject in subjects:
        if subject is not None and (allowed := _few_strings(check, dtypes[subject])):
            captured.append(pl.any_horizontal(pl.col(subject) == value for value in allowed))
            continue
        expressions = _recorded(check, subject, dtypes).expressions
        if expressions is None:
            return Call(check, column)
        captured += expressions
    passes = captured[0] if len(captured) == 1 else pl.all_horizontal(captured)
    return Expression(passes, column, check.ignore_na)


def _few_strings(check: Check, dtype: pl.DataType) -> list[str]:
    """The strings that an `isin` check allows; none if they are many, or it is another check."""
    if not is_builtin(check) or check._check_fn.__name__ != "isin" or not isinstance(dtype, pl.String):
        return []
    allowed = check._check_kwargs["allowed_values"]
    strings = sorted(value for value in allowed if isinstance(value, str))
    return strings if len(strings) == len(allowed) <= MAX_COMPARED_VALUES else []


def _recorded(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Recorder:
    from pandera.api.polars.types import PolarsData  # noqa: PLC0415 - pandera is needed to compile only

    # A check made before the polars backend was loaded has a function without a polars implementation.
    function = check.get_builtin_check_fn(check._check_fn.__name__) if is_builtin(check) else check._check_fn
    return record(
        lambda recorder: function(PolarsData(recorder, column or "*"), **check._check_kwargs),  # type: ignore[arg-type]
        dtypes,
    )


def is_builtin(check: Check) -> bool:
    """Whether pandera itself defines the check; a user's function may have the same name."""
    from pandera.api.function_dispatch import Dispatcher  # noqa: PLC0415

    return isinstance(check._check_fn, Dispatcher)


def kind(check: Check) -> str:
    """The check's name in a rule's code."""
    name = str(check.name)
    return "check" if name == "<lambda>" else _SHORT.get(name, name)
