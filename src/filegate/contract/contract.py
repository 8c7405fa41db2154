"""A compiled contract, and its one pass over a chunk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import polars as pl

from filegate.contract import casts
from filegate.contract import messages as wording
from filegate.contract.evaluation import Broken, Checked
from filegate.contract.predicates import Judged, WrongType, is_absent, mistyped
from filegate.contract.rules import Column, Rule, Unique
from filegate.errors import SchemaMismatch
from filegate.formats.records import RESCUED, ROW, as_texts


@dataclass(frozen=True, eq=False)
class Contract:
    """What a row must honour to be accepted.

    Attributes:
        columns: the contract's columns, in the order of the output.
        judged: every rule on a row by itself with its judge, in the order in which broken rules are listed.
        uniques: what must be unique over the whole object; settled by the caller from `Checked.keys`.
        strict: pandera's `strict`: whether a file may bring other columns, or has them filtered.
    """

    columns: tuple[Column, ...]
    judged: tuple[Judged, ...]
    uniques: tuple[Unique, ...]
    strict: bool | Literal["filter"]

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """The rules on a row by itself, by code."""
        return MappingProxyType({judged.rule.code: judged.rule for judged in self.judged})

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

    def check(
        self,
        frame: pl.DataFrame,
        *,
        date_formats: Mapping[str, str] = MappingProxyType({}),
        texts: Callable[[pl.DataFrame], pl.DataFrame] = as_texts,
    ) -> Checked:
        """Cast one chunk and apply every rule to it.

        Args:
            frame: `Records.frame`: `__row__`, the columns that the file has, String or natively typed, and perhaps
                `_rescued`. Columns that the contract does not know are passed over. A column is in every chunk of an
                object or in none: that it is missing is a fact about the object, and its rules are skipped.
            date_formats: strptime-like format by column, where dates, times or timestamps are not ISO 8601.
            texts: `Records.texts`: gives rows of the frame with their values as the file's texts.

        Raises:
            SchemaMismatch: a required column is missing, or one holds a type that cannot be cast.
            CheckFailed: a check of the contract's author raised.
        """
        self._refuse(frame.schema)
        present = [column for column in self.columns if column.name in frame.schema]
        # What has the contract's type was not cast.
        cast = [column for column in present if frame.schema[column.name] != column.dtype]
        doubtful = frozenset(column.name for column in cast)
        cells = (
            frame.lazy()
            .select(
                ROW,  # gives the literals of absent columns their height
                *(pl.col(column.name).alias(_raw(column)) for column in cast),
                *(_typed(column, frame.schema, date_formats.get(column.name)) for column in self.columns),
            )
            .with_columns(_flag(column, frame.schema) for column in cast)
            .with_columns(_defaulted(column, doubtful) for column in present if column.default is not None)
            .select(*self.dtypes, *(mistyped(name) for name in doubtful))
            .collect()
        )
        typed = pl.DataFrame(cells.get_columns()[: len(self.columns)])
        raw = [_raw_or_null(column, frame.schema) for column in self.columns]
        active = [judged for judged in self.judged if judged.rule.column is None or judged.rule.column in frame.schema]
        cells = cells.hstack([answers for each in active for answers in each.called(typed)])
        # Beside the cells, so that a literal gets as many rows.
        broken = cells.with_columns(each.breaks(doubtful).alias(each.rule.code) for each in active)
        return Checked(
            rows=pl.DataFrame([frame[ROW], *typed, *frame.select(_rescued(frame))]),
            raw=lambda rejects: texts(frame.filter(rejects)).select(ROW, *raw, *_rescued(frame)),
            present=frozenset(column.name for column in present),
            doubtful=doubtful,
            cells=cells,
            broken=[Broken(_worded(each, date_formats), broken[each.rule.code]) for each in active],
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


def _raw(column: Column) -> str:
    return f"\0raw {column.name}"


def _typed(column: Column, schema: pl.Schema, date_format: str | None) -> pl.Expr:
    """The column's value; null where there is none, or none of its type."""
    source, value = schema.get(column.name), pl.col(column.name)
    if source is None:
        return pl.lit(column.default, dtype=column.dtype).alias(column.name)
    if isinstance(source, pl.String):
        return casts.cast_text(value, column.dtype, date_format).alias(column.name)
    if source == column.dtype:
        return value
    return casts.cast_native(value, source, column.dtype).alias(column.name)


def _flag(column: Column, schema: pl.Schema) -> pl.Expr:
    """Whether the cast failed: there is something, but no value of the type. An empty text is nothing."""
    raw = pl.col(_raw(column))
    something = raw.is_not_null()
    if isinstance(schema[column.name], casts.TEXTS) and column.dtype != pl.String:
        something = (raw.cast(pl.String) != "").fill_null(False)
    return (pl.col(column.name).is_null() & something).alias(mistyped(column.name).meta.output_name())


def _defaulted(column: Column, doubtful: Collection[str]) -> pl.Expr:
    default = pl.lit(column.default, dtype=column.dtype)
    return pl.when(is_absent(column, doubtful)).then(default).otherwise(pl.col(column.name)).alias(column.name)


def _raw_or_null(column: Column, schema: pl.Schema) -> pl.Expr:
    return pl.col(column.name) if column.name in schema else pl.lit(None, dtype=pl.String).alias(column.name)


def _rescued(frame: pl.DataFrame) -> list[str]:
    return [RESCUED] if RESCUED in frame.columns else []


def _worded(judged: Judged, date_formats: Mapping[str, str]) -> Rule:
    """The rule, naming the date format that this file is read with."""
    if isinstance(judged.judge, WrongType):
        column = judged.judge.column
        return replace(judged.rule, allowed=wording.of_type(column.dtype, date_formats.get(column.name)))
    return judged.rule
