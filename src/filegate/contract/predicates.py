"""Predicates: each says for one rule which rows of a chunk break it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from filegate.contract.rules import Column, Rule
from filegate.errors import CheckFailed

if TYPE_CHECKING:
    from pandera.polars import Check


def cast_failed(name: str) -> pl.Expr:
    """Whether the cast of a column's cell failed: a helper column, never null, that exists for each cast column."""
    return pl.col(f"\0cast failed {name}")


@dataclass(frozen=True)
class CastFailed:
    """Broken by a cell that is not a value of the column's type."""

    column: Column

    def breaks(self, cast_columns: Collection[str]) -> pl.Expr:
        return cast_failed(self.column.name) if self.column.name in cast_columns else pl.lit(False)


@dataclass(frozen=True)
class Null:
    """Broken by a null. Like pandera, this counts NaN as null."""

    column: Column

    def breaks(self, cast_columns: Collection[str]) -> pl.Expr:
        return is_null(self.column, cast_columns)


@dataclass(frozen=True)
class Expression:
    """Broken by rows on which a check's expression is false.

    Attributes:
        passes: Boolean over the contract's typed columns; null if the check is undecided.
        column: the column the check is declared on, or None.
        ignore_na: whether an undecided check passes.
    """

    passes: pl.Expr
    column: str | None
    ignore_na: bool

    def breaks(self, cast_columns: Collection[str]) -> pl.Expr:
        return _unless_cast_failed(~self.passes.fill_null(self.ignore_na), self.column, cast_columns)


@dataclass(frozen=True)
class Call:
    """Broken by rows that a call of the check through pandera rejects, for row-wise checks without a single expression.

    Attributes:
        check: pandera's check.
        column: the column the check is declared on, or None.
    """

    check: Check
    column: str | None

    def breaks(self, typed: pl.DataFrame, code: str) -> pl.Series:
        """Which rows break the check, including those whose cell failed its cast.

        Args:
            typed: the contract's columns of one chunk.
            code: the rule's code, for the message.

        Raises:
            CheckFailed: the check itself raised. The message has no values.
        """
        try:
            passed: pl.DataFrame = self.check(typed.lazy(), self.column).check_output.collect()
        except Exception as error:
            raise CheckFailed(
                f"The check {code!r} raised {type(error).__name__} instead of returning True or False.",
                advice="Let it return False for values it does not accept, then replay the object.",
            ) from None
        return ~passed.to_series()


@dataclass(frozen=True)
class CompiledRule:
    """A rule and its predicate."""

    rule: Rule
    predicate: CastFailed | Null | Expression | Call

    def called(self, typed: pl.DataFrame) -> list[pl.Series]:
        """The results of a predicate that is not an expression, as at most one helper column."""
        if not isinstance(self.predicate, Call):
            return []
        return [self.predicate.breaks(typed, self.rule.code).alias(self._helper)]

    def breaks(self, cast_columns: Collection[str]) -> pl.Expr:
        """Whether a row breaks the rule, over the contract's columns and their helper columns; never null."""
        if isinstance(self.predicate, Call):
            return _unless_cast_failed(pl.col(self._helper), self.predicate.column, cast_columns)
        return self.predicate.breaks(cast_columns)

    @property
    def _helper(self) -> str:
        return f"\0called {self.rule.code}"


def _unless_cast_failed(broken: pl.Expr, column: str | None, cast_columns: Collection[str]) -> pl.Expr:
    """A cell that failed its cast breaks that rule only."""
    return broken & ~cast_failed(column) if column is not None and column in cast_columns else broken


def is_null(column: Column, cast_columns: Collection[str]) -> pl.Expr:
    """Whether a cell is null, and not because its cast failed."""
    value = pl.col(column.name)
    null = _unless_cast_failed(value.is_null(), column.name, cast_columns)
    return null | value.is_nan().fill_null(False) if column.dtype.is_float() else null
