"""Proof that a check is row-wise, so that splitting an object into chunks cannot change its result."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import polars as pl

_PROBE_ROWS = 3


class NotRowWise(Exception):
    """Why a check cannot be compiled; `str()` completes the sentence "The check …"."""


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

    @classmethod
    def over(cls, dtypes: Mapping[str, pl.DataType]) -> Recorder:
        return cls(pl.LazyFrame({name: pl.Series([None] * _PROBE_ROWS, dtype=d) for name, d in dtypes.items()}))

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


def record(function: Callable[[Recorder], Any], dtypes: Mapping[str, pl.DataType]) -> Recorder:
    """Run a check's function on a recorder, and prove that it is row-wise for rows of these types.

    Returns:
        The recorder of its last step; its frame has only Boolean columns.

    Raises:
        NotRowWise: the result may depend on other rows, or is not one Boolean per row.
        Exception: whatever the function itself or polars raises, for example for a column that does not exist.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome = function(Recorder.over(dtypes))
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
