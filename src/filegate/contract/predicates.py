"""Judges: each tells, for one rule, which rows of a chunk break it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from filegate.contract.rules import Column, Rule
from filegate.errors import CheckFailed

if TYPE_CHECKING:
    from pandera.polars import Check


def mistyped(name: str) -> pl.Expr:
    """Whether the cell of a column failed its cast: a helper column beside those of *doubtful* columns, never null.

    In other columns, no cell can have failed.
    """
    return pl.col(f"\0mistyped {name}")


@dataclass(frozen=True)
class WrongType:
    """Judges that a cell holds something that is no value of the column's type."""

    column: Column

    def breaks(self, doubtful: Collection[str]) -> pl.Expr:
        return mistyped(self.column.name) if self.column.name in doubtful else pl.lit(False)


@dataclass(frozen=True)
class NoValue:
    """Judges that a cell holds no value. pandera counts NaN among the absent values."""

    column: Column

    def breaks(self, doubtful: Collection[str]) -> pl.Expr:
        return is_absent(self.column, doubtful)


@dataclass(frozen=True)
class Expression:
    """Judges by a check that was captured as an expression.

    Attributes:
        passes: Boolean over the contract's typed columns; null where it says nothing about a row.
        column: the column the check is declared on, or None.
        ignore_na: whether saying nothing is a pass.
    """

    passes: pl.Expr
    column: str | None
    ignore_na: bool

    def breaks(self, doubtful: Collection[str]) -> pl.Expr:
        return _of_known_cells(~self.passes.fill_null(self.ignore_na), self.column, doubtful)


@dataclass(frozen=True)
class Call:
    """Judges by calling a check through pandera, for checks that are row-wise but no single expression.

    Attributes:
        check: pandera's check.
        column: the column the check is declared on, or None.
    """

    check: Check
    column: str | None

    def breaks(self, typed: pl.DataFrame, code: str) -> pl.Series:
        """Which rows break the check, those whose cell failed its cast among them.

        Args:
            typed: the contract's columns of one chunk.
            code: the rule's code, for the message.

        Raises:
            CheckFailed: the check itself raised. The message holds no values.
        """
        try:
            passed: pl.DataFrame = self.check(typed.lazy(), self.column).check_output.collect()
        except Exception as error:
            raise CheckFailed(
                f"The check {code!r} raised {type(error).__name__} on a row that it should have judged.",
                advice="Let it return False for values it does not accept, then replay the object.",
            ) from None
        return ~passed.to_series()


@dataclass(frozen=True)
class Judged:
    """A rule and its judge."""

    rule: Rule
    judge: WrongType | NoValue | Expression | Call

    def called(self, typed: pl.DataFrame) -> list[pl.Series]:
        """What the judge must be called for: at most one helper column beside the contract's own."""
        if not isinstance(self.judge, Call):
            return []
        return [self.judge.breaks(typed, self.rule.code).alias(self._helper)]

    def breaks(self, doubtful: Collection[str]) -> pl.Expr:
        """Whether a row breaks the rule, over the contract's columns and their helper columns; never null."""
        if isinstance(self.judge, Call):
            return _of_known_cells(pl.col(self._helper), self.judge.column, doubtful)
        return self.judge.breaks(doubtful)

    @property
    def _helper(self) -> str:
        return f"\0called {self.rule.code}"


def _of_known_cells(broken: pl.Expr, column: str | None, doubtful: Collection[str]) -> pl.Expr:
    """A check of a column does not judge what failed its cast."""
    return broken & ~mistyped(column) if column is not None and column in doubtful else broken


def is_absent(column: Column, doubtful: Collection[str]) -> pl.Expr:
    """Whether a cell has no value: neither one of the column's type nor one that failed its cast."""
    value = pl.col(column.name)
    absent = _of_known_cells(value.is_null(), column.name, doubtful)
    return absent | value.is_nan().fill_null(False) if column.dtype.is_float() else absent
