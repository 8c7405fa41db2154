"""What polars' users share, whichever library validates for them: read as text, cast by hand, publish.

polars' own casts round decimals, and know no dates in strings; so a library that casts does not help here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from benchmarks.jobs import Job
from benchmarks.tables import TABLES, Kind

ROW = "row"

CASTS: dict[Kind, Callable[[pl.Expr], pl.Expr]] = {
    "int": lambda text: text.cast(pl.Int64, strict=False),
    "money": lambda text: pl.when(~text.str.contains(r"\.[0-9]{3}")).then(text).cast(pl.Decimal(15, 2), strict=False),
    "text": lambda text: text,
    "date": lambda text: text.str.to_date("%Y-%m-%d", strict=False),
    "instant": lambda text: text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False).dt.replace_time_zone("UTC"),
}


def read_text(job: Job) -> pl.DataFrame:
    """`row`, from 1, and all columns as text; null where there is none."""
    null = TABLES[job.table].null or None
    return pl.read_csv(job.input, infer_schema=False, null_values=null, row_index_name=ROW, row_index_offset=1)


def typed(job: Job) -> list[pl.Expr]:
    """The columns with their types; null where a string is not a value of the type."""
    return [CASTS[column.kind](pl.col(name)) for name, column in TABLES[job.table].columns.items()]


def cast_failed(job: Job, texts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """`row` and `code` for each cell whose string is not a value of its type, which its cast made null."""
    faults = {
        f"{name}:type": rows[name].is_null() & texts[name].is_not_null()
        for name, column in TABLES[job.table].columns.items()
        if column.kind != "text"
    }
    found = [texts.filter(fault).select(ROW, code=pl.lit(code)) for code, fault in faults.items() if fault.any()]
    return pl.concat([texts.clear().select(ROW, code=pl.lit("")), *found])


def broken(cast_failed: pl.DataFrame, invalid: pl.DataFrame) -> pl.DataFrame:
    """`row`, and `broken`, the codes of the rules that it breaks.

    Args:
        cast_failed: `row` and `code`, as above.
        invalid: the same as a library finds it, which cannot know that a missing value was one of another type.
    """
    missing = cast_failed.with_columns(pl.col("code").str.replace(":type", ":not_null", literal=True))
    return (
        pl.concat([cast_failed, invalid.join(missing, on=[ROW, "code"], how="anti")]).group_by(ROW).agg(broken="code")
    )


def publish(job: Job, accepted: pl.DataFrame, output: Path) -> None:
    """Keeps the first row of each key, joins, computes, and writes a folder a partition."""
    table = TABLES[job.table]
    distinct = accepted.lazy().unique(list(table.key), keep="first", maintain_order=True)
    FINISH[job.table](job, distinct).collect().write_parquet(
        output / "published", partition_by=table.partition_by, compression="zstd", mkdir=True
    )


def _priced(job: Job, lines: pl.LazyFrame) -> pl.LazyFrame:
    price = pl.col("l_extendedprice").cast(pl.Decimal(15, 4))
    return lines.join(
        pl.scan_parquet(job.data.suppliers), left_on="l_suppkey", right_on="s_suppkey", how="left"
    ).with_columns(
        revenue=(price * (1 - pl.col("l_discount"))).cast(pl.Decimal(15, 4)), ship_year=pl.col("l_shipdate").dt.year()
    )


def _named(job: Job, flights: pl.LazyFrame) -> pl.LazyFrame:
    airlines = pl.scan_csv(job.data.airlines).rename({"name": "airline"})
    return flights.join(airlines, on="carrier", how="left").with_columns(
        cancelled=pl.col("dep_time").is_null(),
        miles_per_hour=(pl.col("distance") * 60 / pl.col("air_time")).round(1),
    )


FINISH = {"lineitem": _priced, "flights": _named}


def write_rejected(texts: pl.DataFrame, broken: pl.DataFrame, output: Path) -> None:
    """Writes what was received of the rows, with the codes of the rules that they break.

    Args:
        texts: of `read_text`.
        broken: `row` and `broken`, a list of codes.
    """
    (output / "rejected").mkdir()
    texts.join(broken, on=ROW, how="inner").write_parquet(output / "rejected" / "all.parquet", compression="zstd")
