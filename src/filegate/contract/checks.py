"""pandera checks, each turned into a judge of rows: an expression, or a call of the check on a chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from filegate.contract.rowwise import NotRowWise, Recorder, record
from filegate.errors import CheckFailed

if TYPE_CHECKING:
    from pandera.polars import Check

_SHORT = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
}
"""pandera's own aliases for its comparisons; they make shorter codes."""

_UNSUPPORTED = {
    "raise_warning": "a row is accepted or rejected; drop raise_warning, or the check",
    "groupby": "groups span chunks; check the groups in the transform, with transform_scope='object'",
    "n_failure_cases": "every broken row is kept; drop n_failure_cases",
}


@dataclass(frozen=True)
class Judge:
    """Tells which rows pass a check; null means the check says nothing about the row.

    Attributes:
        expression: over the contract's typed columns; None if the check must be called.
        check: pandera's check, called with each chunk where there is no expression.
        column: the column the check is declared on, or None.
        ignore_na: whether a null answer is a pass.
    """

    expression: pl.Expr | None
    check: Check
    column: str | None
    ignore_na: bool

    def passes(self) -> pl.Expr:
        """The expression, never null. Only for judges that have one."""
        assert self.expression is not None  # noqa: S101
        return self.expression.fill_null(self.ignore_na)

    def call(self, typed: pl.DataFrame, code: str) -> pl.Series:
        """Call the check through pandera.

        Args:
            typed: the contract's columns of one chunk.
            code: the rule's code, for the message.

        Returns:
            Boolean, one a row of `typed`.

        Raises:
            CheckFailed: the check itself raised. The message holds no values.
        """
        try:
            answers: pl.DataFrame = self.check(typed.lazy(), self.column).check_output.collect()
        except Exception as error:
            raise CheckFailed(
                f"The check {code!r} raised {type(error).__name__} on a row that it should have judged.",
                advice="Let it return False for values it does not accept, then replay the object.",
            ) from None
        return answers.to_series()


def judge(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Judge:
    """Turn a check into a judge of rows.

    Args:
        check: a check of a column or of the whole frame.
        column: the column it is declared on, or None.
        dtypes: the contract's columns.

    Raises:
        NotRowWise: the check cannot be honoured, and why.
        Exception: what the check raised when tried on rows without values.
    """
    for option, reason in _UNSUPPORTED.items():
        if getattr(check, option):
            raise NotRowWise(f"uses {option}, which is not supported: {reason}")
    made = partial(Judge, check=check, column=column, ignore_na=check.ignore_na)
    if check.element_wise:
        return made(expression=None)
    if is_builtin(check) and column is None:
        # On a whole frame a built-in check holds for every column.
        each = [_recorded(check, name, dtypes).expressions for name in dtypes]
        return made(expression=_all_of([e for expressions in each for e in expressions or []]))
    recorded = _recorded(check, column, dtypes)
    return made(expression=None if recorded.expressions is None else _all_of(recorded.expressions))


def _recorded(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Recorder:
    from pandera.api.polars.types import PolarsData  # noqa: PLC0415 - pandera is needed to compile only

    # A check made before the polars backend was loaded holds a function that does not know polars.
    function = check.get_builtin_check_fn(check._check_fn.__name__) if is_builtin(check) else check._check_fn
    # A column's check may look at any column of the frame, as in pandera.
    return record(lambda recorder: function(PolarsData(recorder, column or "*"), **check._check_kwargs), dtypes)  # type: ignore[arg-type]


def _all_of(expressions: list[pl.Expr]) -> pl.Expr:
    return expressions[0] if len(expressions) == 1 else pl.all_horizontal(expressions)


def is_builtin(check: Check) -> bool:
    """Whether pandera itself defines the check; a user's function may bear the same name."""
    from pandera.api.function_dispatch import Dispatcher  # noqa: PLC0415

    return isinstance(check._check_fn, Dispatcher)


def kind(check: Check) -> str:
    """The part of a rule's code that names the check."""
    name = str(check.name)
    if name == "<lambda>":
        return "check"
    return _SHORT.get(name, name)
