"""A compiled contract, and its one pass over a chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import polars as pl

from filegate.contract import casts
from filegate.contract.date_formats import date_format
from filegate.contract.evaluation import Evaluation, RuleMask
from filegate.contract.reasons import type_rule
from filegate.contract.rules import CALLED, CAST_FAILED, Column, CompiledRule, Rule, Unique
from filegate.errors import CheckFailed, SchemaMismatch
from filegate.formats.records import RESCUED, ROW, as_strings

if TYPE_CHECKING:
    from pandera.polars import Check


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
            if source is None or source in (column.dtype, pl.Null):
                continue
            if not casts.castable(source, column.dtype):
                found.append(_uncastable(column, source))
            elif not column.coerce:
                found.append(
                    f"Column {column.name!r} has the type {source}, the contract {column.dtype}: "
                    f"declare coerce=True to cast it."
                )
        return found

    def with_date_formats(self, date_formats: Mapping[str, str]) -> Contract:
        """The contract of files whose dates, times or timestamps are not written as ISO 8601.

        Args:
            date_formats: strptime-like format by column.

        Raises:
            UnsupportedFormat: a format cannot be read exactly, or does not fit its column's type.
        """
        formats = {
            column.name: date_format(date_formats[column.name], column.dtype)
            for column in self.columns
            if column.name in date_formats
        }
        columns = tuple(replace(each, date_format=formats.get(each.name)) for each in self.columns)
        types = {f"{column.name}:type": column for column in columns if column.name in formats}
        rules = tuple(
            type_rule(code, types[code]) if (code := each.rule.code) in types else each for each in self.compiled_rules
        )
        return replace(self, columns=columns, compiled_rules=rules)

    def evaluate(
        self, frame: pl.DataFrame, *, strings: Callable[[pl.DataFrame], pl.DataFrame] = as_strings
    ) -> Evaluation:
        """Cast one chunk and evaluate every rule on it.

        Args:
            frame: `Records.frame`: `__row__`, the columns that the file has, String or natively typed, and perhaps
                `_rescued`. Columns that the contract does not have are ignored. A column is in every chunk of an object
                or in none: the rules of a missing column are skipped.
            strings: `Records.strings`: returns rows of the frame with their values as the file's strings.

        Raises:
            SchemaMismatch: a required column is missing, or one has a type that cannot be cast.
            CheckFailed: a check of the contract's author raised.
        """
        schema = frame.schema  # once: it is made anew each time, which many columns notice
        self._refuse(schema)
        names = tuple(self.dtypes)
        cells = casts.cast_cells(frame, self.columns)
        typed = cells.select(names)
        rules = [each for each in self.compiled_rules if each.rule.column is None or each.rule.column in schema]
        rules = [*self._text_rules(schema), *rules]
        called = [_called(each.rule, each.check, typed) for each in rules if each.check is not None]
        # Beside the cells, so that a literal gets as many rows.
        broken = cells.hstack(called).with_columns([each.breaks.alias(each.rule.code) for each in rules])
        rescued = [name for name in frame.columns if name == RESCUED]
        originals = [name if name in schema else pl.lit(None, pl.String).alias(name) for name in names]
        return Evaluation(
            rows=pl.DataFrame([frame[ROW], *typed, *frame.select(rescued)]),
            strings=lambda rejects: strings(frame.filter(rejects)).select(ROW, *originals, *rescued),
            present=frozenset(names).intersection(frame.columns),
            cells=cells,
            masks=[RuleMask(each.rule, broken[each.rule.code], each.reasons) for each in rules],
            uniques=self.uniques,
        )

    def _text_rules(self, schema: pl.Schema) -> list[CompiledRule]:
        """A rule for each string column that comes as bytes: every other string is of its type."""
        return [
            CompiledRule(Rule(f"{column.name}:type", column.name, "text in UTF-8"), pl.col(CAST_FAILED + column.name))
            for column in self.columns
            if isinstance(column.dtype, pl.String) and schema.get(column.name) == pl.Binary
        ]

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
    message = f"Column {column.name!r} has the type {source}, which cannot be cast to {column.dtype}"
    if not (isinstance(source, pl.Datetime) and isinstance(column.dtype, pl.Datetime)):
        return f"{message}."
    unit = column.dtype.time_unit
    if source.time_zone is not None:
        return f"{message}: declare pl.Datetime({unit!r}, 'UTC'), or another time zone: its values are instants."
    return f"{message}: declare pl.Datetime({unit!r}), and set the time zone in the transform: the file has none."


def _called(rule: Rule, check: Check, typed: pl.DataFrame) -> pl.Series:
    """Which rows break a check that is called through pandera.

    Raises:
        CheckFailed: the check itself raised. The message has no values.
    """
    try:
        passed: pl.DataFrame = check(typed.lazy(), rule.column).check_output.collect()
    except Exception as error:
        raise CheckFailed(
            f"The check {rule.code!r} raised {type(error).__name__} instead of returning True or False.",
            advice="Let it return False for values it does not accept, then replay the object.",
        ) from None
    return (~passed.to_series()).alias(CALLED + rule.code)
