"""A compiled contract, and its one pass over a chunk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import polars as pl

from filegate.contract import casts, messages
from filegate.contract.evaluation import Evaluation, RuleMask
from filegate.contract.predicates import CastFailed, CompiledRule, cast_failed, is_null
from filegate.contract.rules import Column, Rule, Unique
from filegate.errors import SchemaMismatch
from filegate.formats.records import RESCUED, ROW, as_strings


@dataclass(frozen=True, eq=False)
class Contract:
    """The rules that a row must satisfy to be accepted.

    Attributes:
        columns: the contract's columns, in the order of the output.
        compiled_rules: every rule on single rows, in the order in which broken rules are listed.
        uniques: columns that must be unique over the whole object; the caller compares the keys of all chunks, see
            `Evaluation.keys`.
        strict: pandera's `strict`: whether other columns of a file are refused, allowed or filtered.
    """

    columns: tuple[Column, ...]
    compiled_rules: tuple[CompiledRule, ...]
    uniques: tuple[Unique, ...]
    strict: bool | Literal["filter"]

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """The rules on single rows, by code."""
        return MappingProxyType({compiled.rule.code: compiled.rule for compiled in self.compiled_rules})

    @cached_property
    def dtypes(self) -> pl.Schema:
        """The types of accepted rows."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def mismatches(self, schema: pl.Schema) -> list[str]:
        """A sentence for each column of a natively typed file whose type is not the contract's and may not be cast.

        Args:
            schema: the file's columns; those that the contract does not have are ignored.
        """
        found = []
        for column in self.columns:
            source = schema.get(column.name)
            if source is None or source == column.dtype:
                continue
            if not casts.castable(source, column.dtype):
                found.append(_uncastable(column, source))
            elif not column.coerce:
                found.append(
                    f"Column {column.name!r} has the type {source}, the contract {column.dtype}: "
                    f"declare coerce=True to cast it."
                )
        return found

    def evaluate(
        self,
        frame: pl.DataFrame,
        *,
        date_formats: Mapping[str, str] = MappingProxyType({}),
        strings: Callable[[pl.DataFrame], pl.DataFrame] = as_strings,
    ) -> Evaluation:
        """Cast one chunk and evaluate every rule on it.

        Args:
            frame: `Records.frame`: `__row__`, the columns that the file has, String or natively typed, and perhaps
                `_rescued`. Columns that the contract does not have are ignored. A column is in every chunk of an object
                or in none: the rules of a missing column are skipped.
            date_formats: strptime-like format by column, if dates, times or timestamps are not ISO 8601.
            strings: `Records.strings`: returns rows of the frame with their values as the file's strings.

        Raises:
            SchemaMismatch: a required column is missing, or one has a type that cannot be cast.
            CheckFailed: a check of the contract's author raised.
        """
        self._refuse(frame.schema)
        present = [column for column in self.columns if column.name in frame.schema]
        cast = [column for column in present if frame.schema[column.name] != column.dtype]
        cast_columns = frozenset(column.name for column in cast)
        cells = (
            frame.lazy()
            .select(
                ROW,  # gives the literals of missing columns their height
                *(pl.col(column.name).alias(_raw(column)) for column in cast),
                *(_value(column, frame.schema, date_formats.get(column.name)) for column in self.columns),
            )
            .with_columns(_cast_failed(column, frame.schema) for column in cast)
            .with_columns(_defaulted(column, cast_columns) for column in present if column.default is not None)
            .select(*self.dtypes, *(cast_failed(name) for name in cast_columns))
            .collect()
        )
        typed = pl.DataFrame(cells.get_columns()[: len(self.columns)])
        originals = [_original(column, frame.schema) for column in self.columns]
        rules = [each for each in self.compiled_rules if each.rule.column is None or each.rule.column in frame.schema]
        cells = cells.hstack([results for each in rules for results in each.called(typed)])
        # Beside the cells, so that a literal gets as many rows.
        broken = cells.with_columns(each.breaks(cast_columns).alias(each.rule.code) for each in rules)
        return Evaluation(
            rows=pl.DataFrame([frame[ROW], *typed, *frame.select(_rescued(frame))]),
            strings=lambda rejects: strings(frame.filter(rejects)).select(ROW, *originals, *_rescued(frame)),
            present=frozenset(column.name for column in present),
            cast_columns=cast_columns,
            cells=cells,
            masks=[RuleMask(_with_format(each, date_formats), broken[each.rule.code]) for each in rules],
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
                raise SchemaMismatch(_uncastable(column, source))


def _uncastable(column: Column, source: pl.DataType) -> str:
    return f"Column {column.name!r} has the type {source}, which cannot be cast to {column.dtype}."


def _raw(column: Column) -> str:
    return f"\0raw {column.name}"


def _value(column: Column, schema: pl.Schema, date_format: str | None) -> pl.Expr:
    """The column's value; null if the cell is null or its cast fails."""
    source, value = schema.get(column.name), pl.col(column.name)
    if source is None:
        return pl.lit(column.default, dtype=column.dtype).alias(column.name)
    if isinstance(source, pl.String):
        return casts.cast_text(value, column.dtype, date_format).alias(column.name)
    if source == column.dtype:
        return value
    return casts.cast_native(value, source, column.dtype).alias(column.name)


def _cast_failed(column: Column, schema: pl.Schema) -> pl.Expr:
    """Whether the cast failed: the cell is not null, but its value is. An empty string counts as null."""
    raw = pl.col(_raw(column))
    not_null = raw.is_not_null()
    if isinstance(schema[column.name], casts.TEXTS) and column.dtype != pl.String:
        not_null = (raw.cast(pl.String) != "").fill_null(False)
    return (pl.col(column.name).is_null() & not_null).alias(cast_failed(column.name).meta.output_name())


def _defaulted(column: Column, cast_columns: Collection[str]) -> pl.Expr:
    default = pl.lit(column.default, dtype=column.dtype)
    return pl.when(is_null(column, cast_columns)).then(default).otherwise(pl.col(column.name)).alias(column.name)


def _original(column: Column, schema: pl.Schema) -> pl.Expr:
    return pl.col(column.name) if column.name in schema else pl.lit(None, dtype=pl.String).alias(column.name)


def _rescued(frame: pl.DataFrame) -> list[str]:
    return [RESCUED] if RESCUED in frame.columns else []


def _with_format(compiled: CompiledRule, date_formats: Mapping[str, str]) -> Rule:
    """The rule, with a message for the date format that this file is read with."""
    if isinstance(compiled.predicate, CastFailed):
        column = compiled.predicate.column
        return replace(compiled.rule, allowed=messages.of_type(column.dtype, date_formats.get(column.name)))
    return compiled.rule
