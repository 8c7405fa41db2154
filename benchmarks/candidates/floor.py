"""The least that any candidate has to do: read the text, write the values. No rule, no join, nothing rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from benchmarks.tables import TABLES, Kind

# What polars finds by itself in a clean file; a spoiled value at its beginning must not make another type of it.
TYPES: dict[Kind, Any] = {
    "int": pl.Int64,
    "money": pl.Float64,
    "text": pl.String,
    "date": pl.Date,
    "instant": pl.Datetime("us", "UTC"),
}


def ready(job: Job, output: Path) -> Work:
    table = TABLES[job.table]
    schema = {name: TYPES[column.kind] for name, column in table.columns.items()}

    def work(_: Phases) -> None:
        rows = pl.scan_csv(job.input, schema=schema, null_values=table.null or None, ignore_errors=True)
        (output / "published").mkdir()
        rows.sink_parquet(output / "published" / "all.parquet", compression="zstd")

    return work
