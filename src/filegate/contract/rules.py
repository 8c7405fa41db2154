"""The parts of a contract: its columns, the rules on them, and the columns that must be unique."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from filegate.contract.date_formats import DateFormat

if TYPE_CHECKING:
    from pandera.polars import Check

Keep = Literal["none", "first", "last"]

CAST_FAILED = "\0cast failed "
"""Prefix of a column's helper column: whether the cast of its cell failed, never null."""

CALLED = "\0called "
"""Prefix of a rule's helper column: whether a row breaks the rule, found by a call of its check."""


@dataclass(frozen=True)
class Column:
    """A column of the contract.

    Attributes:
        name: its name in the file and in the output.
        dtype: the type of accepted values.
        nullable: whether null is accepted.
        required: whether the file must have the column.
        coerce: whether a natively typed file may have another type, which is then cast. Strings are always cast.
        default: the value that replaces null, or None.
        date_format: how its strings are written, if they are dates, times or timestamps, but not ISO 8601.
    """

    name: str
    dtype: pl.DataType
    nullable: bool
    required: bool
    coerce: bool
    default: object | None = None
    date_format: DateFormat | None = None


@dataclass(frozen=True)
class Rule:
    """A rule that a row must satisfy.

    Attributes:
        code: its name, built from declared names and their order alone: `flight:type`, `carrier:isin`,
            `*:arrives_after_departing`. A second check of the same kind on a column is `x:ge_2`.
        column: the column it applies to, or None for the row as a whole.
        allowed: what it accepts, for a person to read: "one of AA, UA", ">= 1", "a date like 2013-01-31".
    """

    code: str
    column: str | None
    allowed: str


@dataclass(frozen=True, eq=False)
class Reason:
    """A reason why a string breaks the rule of its type.

    Attributes:
        applies: Boolean, on the string as the column `value`.
        allowed: what the rule accepts instead, and what to declare if the file means what it says.
    """

    applies: pl.Expr
    allowed: str


@dataclass(frozen=True, eq=False)
class CompiledRule:
    """A rule, and which rows break it.

    Attributes:
        rule: the rule.
        breaks: a Boolean expression on the contract's typed columns and their helper columns, never null.
        check: pandera's check, if it has no single expression and must be called.
        reasons: why a value may break it; the first that applies counts.
    """

    rule: Rule
    breaks: pl.Expr
    check: Check | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Unique:
    """Columns whose joint value may occur once in an object.

    Attributes:
        code: `id:unique`, or `*:unique(carrier,flight)` for several columns.
        columns: the columns, in the declared order.
        keep: which row of a repeated group is accepted; pandera's `report_duplicates` "all", "exclude_first" and
            "exclude_last" are "none", "first" and "last".
    """

    code: str
    columns: tuple[str, ...]
    keep: Keep

    @property
    def rule(self) -> Rule:
        """The rule that a repeated row breaks."""
        what = "a value" if len(self.columns) == 1 else f"values of {', '.join(self.columns)}"
        which = {
            "none": "that no other row has",
            "first": "that no earlier row has",
            "last": "that no later row has",
        }[self.keep]
        return Rule(self.code, self.columns[0] if len(self.columns) == 1 else None, f"{what} {which}")


def is_null(column: Column) -> pl.Expr:
    """Whether a cell is null, and not because its cast failed. Like pandera, this counts NaN as null."""
    value = pl.col(column.name)
    null = value.is_null() & ~pl.col(CAST_FAILED + column.name)
    return null | value.is_nan().fill_null(False) if column.dtype.is_float() else null
