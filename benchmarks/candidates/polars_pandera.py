"""polars and pandera, the whole file in memory: cast by hand, validated lazily, rows told by their failure cases."""

from __future__ import annotations

from pathlib import Path

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors
from pandera.polars import Check, Column, PolarsData

from benchmarks import tables
from benchmarks.candidates import Work, polars_text
from benchmarks.candidates.polars_text import ROW
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from benchmarks.tables import POLARS, TABLES


def ready(job: Job, output: Path) -> Work:
    schema = _schema(job.table)

    def work(_: Phases) -> None:
        polars_text.publish(job, _accepted(job, schema, output), output)

    return work


def _accepted(job: Job, schema: pa.DataFrameSchema, output: Path) -> pl.DataFrame:
    """The rows that break no rule; the others are written."""
    texts = polars_text.read_text(job)
    rows = texts.select(ROW, *polars_text.typed(job))
    broken = _broken(job, texts, rows, schema)
    polars_text.write_rejected(texts, broken, output)
    return rows.join(broken, on=ROW, how="anti", maintain_order="left").drop(ROW)


def _schema(table: str) -> pa.DataFrameSchema:
    columns = {
        name: Column(POLARS[column.kind], _checks(name, column), nullable=column.nullable)
        for name, column in TABLES[table].columns.items()
    }
    return pa.DataFrameSchema(columns, checks=[Check(ROW_CHECKS[table], error=TABLES[table].row_rule)])


def _checks(name: str, column: tables.Column) -> list[Check]:
    match column.rule:
        case None:
            return []
        case ("in_range" | "str_length") as rule, bounds:
            return [getattr(Check, rule)(*bounds, error=f"{name}:{rule}")]
        case rule, bound:
            return [getattr(Check, rule)(bound, error=f"{name}:{rule}")]


def _received_after_shipping(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("l_receiptdate") > pl.col("l_shipdate"))


def _arrived_with_an_air_time(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("arr_time").is_null() | pl.col("air_time").is_not_null())


ROW_CHECKS = {"lineitem": _received_after_shipping, "flights": _arrived_with_an_air_time}


def _broken(job: Job, texts: pl.DataFrame, rows: pl.DataFrame, schema: pa.DataFrameSchema) -> pl.DataFrame:
    """`row`, and `broken`, the codes of the rules that it breaks."""
    mistyped = polars_text.mistyped(job, texts, rows)
    cases = _failure_cases(schema, rows)
    named = pl.when(pl.col("code") == "not_nullable").then(pl.col("column") + ":not_null").otherwise("code")
    return polars_text.broken(mistyped, cases.select(ROW, code=named))


def _failure_cases(schema: pa.DataFrameSchema, rows: pl.DataFrame) -> pl.DataFrame:
    """`row`, `column`, and `code`, which is pandera's own for a missing value."""
    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
        return cases.select((pl.col("index") + 1).cast(rows.schema[ROW]).alias(ROW), "column", code="check")
    return pl.DataFrame(schema={ROW: rows.schema[ROW], "column": pl.String, "code": pl.String})
