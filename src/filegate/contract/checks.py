"""pandera's checks: what they are called, and the judges they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from filegate.contract.predicates import Call, Expression
from filegate.contract.rowwise import Recorder, record

if TYPE_CHECKING:
    from pandera.polars import Check

FEW_TEXTS = 8
"""So many comparisons of texts take polars less time than to look a text up in a set."""

_SHORT = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
}
"""pandera's own aliases for its comparisons; they make shorter codes."""


def judge(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Expression | Call:
    """The judge that a check becomes.

    Args:
        check: a check of a column or of the whole frame.
        column: the column it is declared on, or None.
        dtypes: the contract's columns.

    Raises:
        NotRowWise: the check's verdict on a row may depend on other rows.
        Exception: what the check raised when tried on rows without values.
    """
    if check.element_wise:
        return Call(check, column)
    # On a whole frame, a check of pandera's own holds for every column.
    subjects = list(dtypes) if column is None and is_builtin(check) else [column]
    captured: list[pl.Expr] = []
    for subject in subjects:
        if subject is not None and (allowed := _few_texts(check, dtypes[subject])):
            captured.append(pl.any_horizontal(pl.col(subject) == text for text in allowed))
            continue
        expressions = _recorded(check, subject, dtypes).expressions
        if expressions is None:
            return Call(check, column)
        captured += expressions
    passes = captured[0] if len(captured) == 1 else pl.all_horizontal(captured)
    return Expression(passes, column, check.ignore_na)


def _few_texts(check: Check, dtype: pl.DataType) -> list[str]:
    """The texts that a check compares a column's with; none if it does something else, or they are many."""
    if not is_builtin(check) or check._check_fn.__name__ != "isin" or not isinstance(dtype, pl.String):
        return []
    allowed = check._check_kwargs["allowed_values"]
    texts = sorted(text for text in allowed if isinstance(text, str))
    return texts if len(texts) == len(allowed) <= FEW_TEXTS else []


def _recorded(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Recorder:
    from pandera.api.polars.types import PolarsData  # noqa: PLC0415 - pandera is needed to compile only

    # A check made before the polars backend was loaded holds a function that does not know polars.
    function = check.get_builtin_check_fn(check._check_fn.__name__) if is_builtin(check) else check._check_fn
    return record(
        lambda recorder: function(PolarsData(recorder, column or "*"), **check._check_kwargs),  # type: ignore[arg-type]
        dtypes,
    )


def is_builtin(check: Check) -> bool:
    """Whether pandera itself defines the check; a user's function may bear the same name."""
    from pandera.api.function_dispatch import Dispatcher  # noqa: PLC0415

    return isinstance(check._check_fn, Dispatcher)


def kind(check: Check) -> str:
    """The part of a rule's code that names the check."""
    name = str(check.name)
    return "check" if name == "<lambda>" else _SHORT.get(name, name)
