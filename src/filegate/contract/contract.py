"""A compiled contract, and its one pass over a chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import polars as pl

from filegate.contract import casts, wording
from filegate.contract.checks import Judge
from filegate.contract.rules import Column, Rule, Unique
from filegate.contract.verdict import Checked
from filegate.errors import SchemaMismatch
from filegate.formats.model import RESCUED, ROW

# Names of helper columns beside the contract's own in the one query; no file can bring them along.
_RAW = "\0raw "
_BAD = "\0bad "
_BROKEN = "\0broken "


@dataclass(frozen=True)
class CheckRule:
    """A rule and what decides it: the cast, the absence of a value, or a check."""

    rule: Rule
    by: Literal["type", "not_null"] | Judge


@dataclass(frozen=True, eq=False)
class Contract:
    """What a row must honour to be accepted.

    Attributes:
        columns: the contract's columns, in the order of the output.
        checks: every rule on a row by itself, in the order in which broken rules are listed.
        uniques: what must be unique over the whole object; settled by the caller from `Checked.keys`.
        strict: pandera's `strict`: whether a file may bring other columns, or has them filtered.
    """

    columns: tuple[Column, ...]
    checks: tuple[CheckRule, ...]
    uniques: tuple[Unique, ...]
    strict: bool | Literal["filter"]

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """The rules on a row by itself, by code."""
        return MappingProxyType({check.rule.code: check.rule for check in self.checks})

    @cached_property
    def dtypes(self) -> pl.Schema:
        """The types of accepted rows."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def mismatches(self, schema: pl.Schema) -> list[str]:
        """Sentences on columns of a natively typed file that hold another type than the contract's and may not be cast.

        Args:
            schema: the file's columns; others than the contract's are passed over.
        """
        found = []
        for column in self.columns:
            source = schema.get(column.name)
            if source is None or source == column.dtype:
                continue
            if not casts.castable(source, column.dtype):
                found.append(f"Column {column.name!r} holds {source}, which cannot be cast to {column.dtype}.")
            elif not column.coerce:
                found.append(
                    f"Column {column.name!r} holds {source}, the contract wants {column.dtype}: "
                    f"declare coerce=True to cast it."
                )
        return found

    def check(self, frame: pl.DataFrame, *, date_formats: Mapping[str, str] = MappingProxyType({})) -> Checked:
        """Cast one chunk and apply every rule to it.

        Args:
            frame: `Records.frame`: `__row__`, the columns that the file has, String or natively typed, and perhaps
                `_rescued`. Columns that the contract does not know are passed over.
            date_formats: strptime-like format by column, where dates, times or timestamps are not ISO 8601.

        Raises:
            SchemaMismatch: a required column is missing, or one holds a type that cannot be cast.
            CheckFailed: a check of the contract's author raised.
        """
        self._refuse(frame.schema)
        present = {column.name for column in self.columns if column.name in frame.columns}
        active = [check for check in self.checks if check.rule.column is None or check.rule.column in present]
        compiled = [check for check in active if not _is_called(check)]
        outcome = (
            frame.lazy()
            .select(
                ROW,  # gives the literals of absent columns their height
                *(pl.col(name).alias(_RAW + name) for name in present),
                *(self._typed(column, frame.schema, date_formats.get(column.name)) for column in self.columns),
            )
            .with_columns(_bad(column).alias(_BAD + column.name) for column in self.columns if column.name in present)
            .with_columns(_defaulted(c) for c in self.columns if c.default is not None and c.name in present)
            .select(
                *self.dtypes,
                *(pl.col(_BAD + name) for name in present),
                *(self._breaks(check).alias(_BROKEN + check.rule.code) for check in compiled),
            )
            .collect()
        )
        typed = outcome.select(self.dtypes.names())
        bad = outcome.select(pl.col(_BAD + name).alias(name) for name in present)
        broken = pl.DataFrame([frame[ROW], *(self._verdict(check, outcome, typed, bad) for check in active)])
        texts = {
            column.name: wording.of_type(column.dtype, date_formats[column.name])
            for column in self.columns
            if column.name in date_formats
        }
        return Checked(
            raw=frame.select(ROW, *self._raw_texts(frame.schema)),
            typed=typed,
            bad=bad,
            broken=broken,
            rules=[_worded(check, texts) for check in active],
            uniques=self.uniques,
        )

    def _refuse(self, schema: pl.Schema) -> None:
        for column in self.columns:
            source = schema.get(column.name)
            if source is None and column.required:
                raise SchemaMismatch(
                    f"Column {column.name!r} is missing.", advice="Declare it with required=False if it may be."
                )
            if source is not None and not casts.castable(source, column.dtype):
                raise SchemaMismatch(f"Column {column.name!r} holds {source}, which cannot be cast to {column.dtype}.")

    def _typed(self, column: Column, schema: pl.Schema, date_format: str | None) -> pl.Expr:
        source = schema.get(column.name)
        value = pl.col(column.name)
        if source is None:
            return pl.lit(column.default, dtype=column.dtype).alias(column.name)
        if isinstance(source, pl.String):
            return casts.cast_text(value, column.dtype, date_format).alias(column.name)
        if source == column.dtype:
            return value
        return casts.cast_native(value, source, column.dtype).alias(column.name)

    def _breaks(self, check: CheckRule) -> pl.Expr:
        """Whether a row breaks a compiled rule; never null."""
        name = check.rule.column
        if isinstance(check.by, Judge):
            breaks = ~check.by.passes()
            return breaks if name is None else breaks & ~pl.col(_BAD + name)
        assert name is not None  # noqa: S101 - the rules of a cell have a column
        if check.by == "type":
            return pl.col(_BAD + name)
        absent = pl.col(name).is_null() & ~pl.col(_BAD + name)
        if self.dtypes[name].is_float():  # pandera counts NaN among the absent values
            return absent | pl.col(name).is_nan().fill_null(False)
        return absent

    def _verdict(self, check: CheckRule, outcome: pl.DataFrame, typed: pl.DataFrame, bad: pl.DataFrame) -> pl.Series:
        """Whether each row breaks the rule, as a column named by its code."""
        code, name = check.rule.code, check.rule.column
        if not _is_called(check):
            return outcome[_BROKEN + code].alias(code)
        assert isinstance(check.by, Judge)  # noqa: S101
        breaks = ~check.by.call(typed, code)
        return (breaks if name is None else breaks & ~bad[name]).alias(code)

    def _raw_texts(self, schema: pl.Schema) -> list[pl.Expr]:
        texts = [
            pl.col(column.name) if column.name in schema else pl.lit(None, dtype=pl.String).alias(column.name)
            for column in self.columns
        ]
        return [*texts, pl.col(RESCUED)] if RESCUED in schema else texts


def _is_called(check: CheckRule) -> bool:
    return isinstance(check.by, Judge) and check.by.expression is None


def _bad(column: Column) -> pl.Expr:
    """Whether a cell holds something that is no value of its column's type. An empty text is no value."""
    raw = pl.col(_RAW + column.name)
    if column.dtype == pl.String:
        return pl.col(column.name).is_null() & raw.is_not_null()
    filled = raw.is_not_null() & (raw.cast(pl.String, strict=False) != "")
    return pl.col(column.name).is_null() & filled


def _defaulted(column: Column) -> pl.Expr:
    value, default = pl.col(column.name), pl.lit(column.default, dtype=column.dtype)
    absent = value.is_null() & ~pl.col(_BAD + column.name)
    if column.dtype.is_float():
        absent = absent | value.is_nan().fill_null(False)
    return pl.when(absent).then(default).otherwise(value).alias(column.name)


def _worded(check: CheckRule, texts: Mapping[str, str]) -> Rule:
    """The rule, naming the date format that this file is read with."""
    rule = check.rule
    if check.by == "type" and rule.column is not None:
        return replace(rule, allowed=texts.get(rule.column, rule.allowed))
    return rule
