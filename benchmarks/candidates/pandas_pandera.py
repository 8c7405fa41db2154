"""pandas and pandera, in chunks: text cast by hand, validated lazily, rows split by their failure cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pyarrow.parquet
from pandera.errors import SchemaErrors
from pandera.pandas import Check

from benchmarks import tables
from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from benchmarks.tables import TABLES, Kind, Table

CHUNK = 500_000
"""Rows at once."""

DTYPES: dict[Kind, str] = {
    "int": "Int64",
    "money": "float64",
    "text": "str",
    "date": "datetime64[us]",
    "instant": "datetime64[us, UTC]",
}
# pandas has no decimal of its own: amounts become some when they are written.
WRITTEN: dict[Kind, pyarrow.DataType] = {
    "int": pyarrow.int64(),
    "money": pyarrow.decimal128(15, 2),
    "text": pyarrow.string(),
    "date": pyarrow.date32(),
    "instant": pyarrow.timestamp("us", "UTC"),
}
ADDED = {
    "s_nationkey": pyarrow.int64(),
    "revenue": pyarrow.decimal128(15, 4),
    "ship_year": pyarrow.int64(),
    "airline": pyarrow.string(),
    "cancelled": pyarrow.bool_(),
    "miles_per_hour": pyarrow.float64(),
}


def ready(job: Job, output: Path) -> Work:
    table = TABLES[job.table]
    schema = _schema(job.table)
    finish = {"lineitem": _priced, "flights": _named}[job.table](job)
    written = {name: WRITTEN[column.kind] for name, column in table.columns.items()}
    published = pyarrow.schema(written | {name: ADDED[name] for name in table.added})
    (output / "rejected").mkdir()

    def work(_: Phases) -> None:
        seen: set[int] = set()
        chunks = pd.read_csv(job.input, dtype=str, keep_default_na=False, na_values=["", table.null], chunksize=CHUNK)
        for number, texts in enumerate(chunks):
            rows = pd.DataFrame({name: _cast(texts[name], column.kind) for name, column in table.columns.items()})
            broken = _broken(texts, rows, schema)
            rejected = texts.loc[broken.index].assign(row=broken.index + 1, broken=broken)
            rejected.to_parquet(output / "rejected" / f"{number}.parquet", compression="zstd", index=False)
            accepted = finish(_unseen(rows.drop(broken.index), table, seen))
            pyarrow.parquet.write_to_dataset(
                pyarrow.Table.from_pandas(accepted, preserve_index=False).cast(published),
                output / "published",
                partition_cols=[table.partition_by],
                compression="zstd",
                store_decimal_as_integer=True,
            )

    return work


def _schema(name: str) -> pa.DataFrameSchema:
    table = TABLES[name]
    columns = {
        column_name: pa.Column(DTYPES[column.kind], _checks(column_name, column), nullable=column.nullable)
        for column_name, column in table.columns.items()
    }
    return pa.DataFrameSchema(columns, checks=[Check(ROW_CHECKS[name], error=table.row_rule)])


def _checks(name: str, column: tables.Column) -> list[Check]:
    match column.rule:
        case None:
            return []
        case ("in_range" | "str_length") as rule, bounds:
            return [getattr(Check, rule)(*bounds, error=f"{name}:{rule}")]
        case rule, bound:
            return [getattr(Check, rule)(bound, error=f"{name}:{rule}")]


def _received_after_shipping(lines: pd.DataFrame) -> pd.Series:
    received, shipped = lines["l_receiptdate"], lines["l_shipdate"]
    return (received > shipped) | received.isna() | shipped.isna()


def _arrived_with_an_air_time(flights: pd.DataFrame) -> pd.Series:
    return flights["arr_time"].isna() | flights["air_time"].notna()


ROW_CHECKS = {"lineitem": _received_after_shipping, "flights": _arrived_with_an_air_time}


def _cast(text: pd.Series, kind: Kind) -> pd.Series:
    """The values; missing where a text is none."""
    match kind:
        case "text":
            return text
        case "date":
            return pd.to_datetime(text, errors="coerce", format="%Y-%m-%d").astype(DTYPES[kind])
        case "instant":
            return pd.to_datetime(text, errors="coerce", format="%Y-%m-%dT%H:%M:%SZ", utc=True).astype(DTYPES[kind])
        case "int":
            number = pd.to_numeric(text, errors="coerce")
            return number.where(number % 1 == 0).astype(DTYPES[kind])
        case "money":
            number = pd.to_numeric(text, errors="coerce")
            return number.where(np.round(number, 2) == number).astype(DTYPES[kind])


def _broken(texts: pd.DataFrame, rows: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.Series:
    """The codes that a row breaks, by the index of the row."""
    cast_failed = {name: rows.index[rows[name].isna() & texts[name].notna()] for name in rows}
    found = [pd.DataFrame({"index": index, "code": f"{name}:type"}) for name, index in cast_failed.items()]
    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        missing = cases["check"] == "not_nullable"
        # The casts made missing what is not a value of its type; pandera cannot know.
        for name, column_cases in cases[missing].groupby("column"):
            index = pd.Index(column_cases["index"]).difference(cast_failed[name])
            found.append(pd.DataFrame({"index": index, "code": f"{name}:not_null"}))
        # A check of whole rows has a case for each column.
        found.append(cases.loc[~missing, ["index", "check"]].rename(columns={"check": "code"}).drop_duplicates())
    return pd.concat(found).astype({"index": "int64"}).groupby("index")["code"].agg(list)


def _unseen(rows: pd.DataFrame, table: Table, seen: set[int]) -> pd.DataFrame:
    """The rows whose key is not in `seen`, where it is then."""
    keys = pd.util.hash_pandas_object(rows[list(table.key)], index=False)
    fresh = ~keys.duplicated() & ~keys.map(seen.__contains__)
    seen.update(keys)
    return rows[fresh]


Finish = Callable[[pd.DataFrame], pd.DataFrame]


def _priced(job: Job) -> Finish:
    suppliers = pd.read_parquet(job.data.suppliers)

    def finish(lines: pd.DataFrame) -> pd.DataFrame:
        joined = lines.merge(suppliers, how="left", left_on="l_suppkey", right_on="s_suppkey")
        return joined.drop(columns="s_suppkey").assign(
            revenue=(joined["l_extendedprice"] * (1 - joined["l_discount"])).round(4),
            ship_year=joined["l_shipdate"].dt.year,
        )

    return finish


def _named(job: Job) -> Finish:
    airlines = pd.read_csv(job.data.airlines).rename(columns={"name": "airline"})

    def finish(flights: pd.DataFrame) -> pd.DataFrame:
        joined = flights.merge(airlines, how="left", on="carrier")
        return joined.assign(
            cancelled=joined["dep_time"].isna(),
            miles_per_hour=(joined["distance"] * 60 / joined["air_time"]).round(1),
        )

    return finish
