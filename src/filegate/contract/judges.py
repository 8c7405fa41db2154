"""Judges: each tells, for one rule, which rows of a chunk break it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from filegate.contract.rules import Column, Rule
from filegate.errors import CheckFailed

if TYPE_CHECKING:
    from pandera.polars import Check


def mistyped(name: str) -> pl.Expr:
    """Whether the cell of a column failed its cast: a helper column beside the contract's own, never null."""
    return pl.col(f"\0mistyped {name}")


@dataclass(frozen=True)
class WrongType:
    """Judges that a cell holds something that is no value of the column's type."""

    column: Column

    def breaks(self) -> pl.Expr:
        return mistyped(self.column.name)


@dataclass(frozen=True)
class NoValue:
    """Judges that a cell holds no value. pandera counts NaN among the absent values."""

    column: Column

    def breaks(self) -> pl.Expr:
        return is_absent(self.column)


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

    def breaks(self) -> pl.Expr:
        broken = ~self.passes.fill_null(self.ignore_na)
        return broken if self.column is None else broken & ~mistyped(self.column)


@dataclass(frozen=True)
class Call:
    """Judges by calling a check through pandera, for checks that are row-wise but no single expression.

    Attributes:
        check: pandera's check.
        column: the column the check is declared on, or None.
    """

    check: Check
    column: str | None

    def breaks(self, typed: pl.DataFrame, flags: pl.DataFrame, code: str) -> pl.Series:
        """Which rows break the check.

        Args:
            typed: the contract's columns of one chunk.
            flags: the helper columns `mistyped` of the same rows.
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
        broken = ~passed.to_series()
        return broken if self.column is None else broken & ~flags.select(mistyped(self.column)).to_series()


@dataclass(frozen=True)
class Judged:
    """A rule and its judge."""

    rule: Rule
    judge: WrongType | NoValue | Expression | Call


def is_absent(column: Column) -> pl.Expr:
    """Whether a cell has no value: neither one of the column's type nor one that failed its cast."""
    value = pl.col(column.name)
    absent = value.is_null() & ~mistyped(column.name)
    return absent | value.is_nan().fill_null(False) if column.dtype.is_float() else absent
