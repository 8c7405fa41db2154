"""pandera's checks: their names in rule codes, their expressions, and the proof that each check is row-wise.

So splitting an object into chunks cannot change a check's result.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

if TYPE_CHECKING:
    from pandera.polars import Check

MAX_COMPARED_VALUES = 8
"""Up to this number of strings, polars compares with each faster than it looks them up in a set."""

_PROBE_ROWS = 3

_SHORT = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
}
"""pandera's own aliases for its comparisons; they make shorter codes."""


class NotRowWise(Exception):
    """Why a check cannot be compiled; `str()` completes the sentence "The check …"."""


def is_builtin(check: Check) -> bool:
    """Whether pandera itself defines the check; a user's function may have the same name."""
    from pandera.api.function_dispatch import Dispatcher  # noqa: PLC0415 - pandera is needed to compile only

    return isinstance(check._check_fn, Dispatcher)


def kind(check: Check) -> str:
    """The check's name in a rule's code."""
    name = str(check.name)
    return "check" if name == "<lambda>" else _SHORT.get(name, name)


def check_expression(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> pl.Expr | None:
    """Whether a row passes: Boolean on the columns, null if undecided; None if the check must be called instead.

    Args:
        check: a check of a column or of the whole frame.
        column: the column it is declared on, or None.
        dtypes: the contract's columns.

    Raises:
        NotRowWise: the check's result for a row may depend on other rows, or is not one Boolean per row.
        Exception: whatever the check or polars raised on rows of nulls, for example for a column that does not exist.
    """
    if check.element_wise:
        return None
    # On a whole frame, a check of pandera's own applies to every column.
    subjects = list(dtypes) if column is None and is_builtin(check) else [column]
    captured: list[pl.Expr] = []
    for subject in subjects:
        if subject is not None and (allowed := _few_strings(check, dtypes[subject])):
            captured.append(pl.any_horizontal(pl.col(subject) == value for value in allowed))
            continue
        expressions = _recorded(check, subject, dtypes).expressions
        if expressions is None:
            return None
        captured += expressions
    return captured[0] if len(captured) == 1 else pl.all_horizontal(captured)


def _few_strings(check: Check, dtype: pl.DataType) -> list[str]:
    """The strings that an `isin` check allows; none if they are many, or it is another check."""
    if not is_builtin(check) or check._check_fn.__name__ != "isin" or not isinstance(dtype, pl.String):
        return []
    allowed = check._check_kwargs["allowed_values"]
    strings = sorted(value for value in allowed if isinstance(value, str))
    return strings if len(strings) == len(allowed) <= MAX_COMPARED_VALUES else []


def _recorded(check: Check, column: str | None, dtypes: Mapping[str, pl.DataType]) -> Recorder:
    """Run a check's function on a recorder; the recorder of its last step, whose frame has only Boolean columns."""
    from pandera.api.polars.types import PolarsData  # noqa: PLC0415

    # A check made before the polars backend was loaded has a function without a polars implementation.
    function = check.get_builtin_check_fn(check._check_fn.__name__) if is_builtin(check) else check._check_fn
    nulls = pl.LazyFrame({name: pl.Series([None] * _PROBE_ROWS, dtype=dtype) for name, dtype in dtypes.items()})
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome = function(PolarsData(Recorder(nulls), column or "*"), **check._check_kwargs)  # type: ignore[arg-type]
        if not isinstance(outcome, Recorder):
            raise NotRowWise(f"returns {type(outcome).__name__}: one result for all rows together")
        results = outcome.frame.collect()
    for warning in warned:
        if "is_in" in str(warning.message):  # polars warns if it uses the column as a whole
            raise NotRowWise("calls is_in() with a column, which means all of its rows; compare with == instead")
    if results.height != _PROBE_ROWS:
        raise NotRowWise(f"returns {results.height} results for {_PROBE_ROWS} rows")
    for name, dtype in results.schema.items():
        if dtype != pl.Boolean:
            raise NotRowWise(f"returns {dtype} in column {name!r} instead of Boolean")
    return outcome


class Recorder:
    """Replaces `data.lazyframe` while a check runs once, when the dataset is loaded, and records its expressions.

    It has the row-wise LazyFrame methods: `select` and `with_columns`. Any other makes the proof fail.

    Attributes:
        frame: the LazyFrame that results from the recorded steps, over a few rows of nulls.
        expressions: those of a single `select` on the original frame; None if the check did more than that.
    """

    def __init__(self, frame: pl.LazyFrame) -> None:
        self.frame = frame
        self.expressions: list[pl.Expr] | None = None
        self._steps = 0

    def select(self, *exprs: Any, **named: Any) -> Recorder:
        expressions = self._proved(exprs, named)
        following = self._after(self.frame.select(expressions))
        following.expressions = expressions if self._steps == 0 else None
        return following

    def with_columns(self, *exprs: Any, **named: Any) -> Recorder:
        return self._after(self.frame.with_columns(self._proved(exprs, named)))

    def collect_schema(self) -> pl.Schema:
        return self.frame.collect_schema()

    @property
    def schema(self) -> pl.Schema:
        return self.collect_schema()

    @property
    def columns(self) -> list[str]:
        return self.collect_schema().names()

    def __getattr__(self, name: str) -> NoReturn:
        raise NotRowWise(f"calls LazyFrame.{name}(), whose result may depend on other rows")

    def _after(self, frame: pl.LazyFrame) -> Recorder:
        following = Recorder(frame)
        following._steps = self._steps + 1
        return following

    def _proved(self, exprs: Sequence[Any], named: Mapping[str, Any]) -> list[pl.Expr]:
        expressions = [_expression(each) for each in _flat(exprs)]
        expressions += [_expression(each).alias(name) for name, each in named.items()]
        for expression in expressions:
            _prove_row_wise(expression)
        return expressions


def _prove_row_wise(expression: pl.Expr) -> None:
    """Walk the expression: polars' `is_row_separable` covers its outermost operation only."""
    if expression.meta.has_multiple_outputs():
        raise NotRowWise("selects columns by a pattern (pl.all(), pl.col('^…$'), selectors); name each column")
    pending = [expression]
    while pending:
        part = pending.pop()
        if part.meta.is_literal() and part.meta.is_scalar():
            continue
        try:
            separable = part.meta.is_row_separable() and (part.meta.is_length_preserving() or part.meta.is_scalar())
            inputs = part.meta.pop()
        except pl.exceptions.PolarsError:
            raise NotRowWise(
                f"has Python code or a nested evaluation in {part}, which cannot be proved to be row-wise"
            ) from None
        if part.meta.is_literal():
            raise NotRowWise("compares with a Series, which belongs to row numbers; use a list of values")
        if not separable:
            raise NotRowWise(f"aggregates or uses other rows in {part}")
        pending += inputs


def _flat(exprs: Iterable[Any]) -> Iterable[Any]:
    for each in exprs:
        if isinstance(each, Iterable) and not isinstance(each, str | pl.Expr | pl.Series):
            yield from each
        else:
            yield each


def _expression(each: Any) -> pl.Expr:
    if isinstance(each, pl.Expr):
        return each
    return pl.col(each) if isinstance(each, str) else pl.lit(each)
