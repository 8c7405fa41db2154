"""The quarantine: rejected rows as Parquet, each with its position, what was received, and every rule it broke."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from filegate.contract.evaluation import BROKEN
from filegate.formats import Malformed, Records
from filegate.formats.records import ROW

COLUMNS = ("row", "byte_offset", "values", "raw", "broken")
"""Columns of a quarantine part.

- `row`: Int64, the record's number in the object, from 1.
- `byte_offset`: Int64, where it starts in the object's decompressed UTF-8 text; null for Parquet.
- `values`: Struct of String, what each column held, as text; null for a malformed record.
- `raw`: Binary, the record's bytes (the first 64 KiB of them) where `values` do not tell all: of a malformed record,
  and of one whose fault was found while it was read, such as an unknown key; else null.
- `broken`: for each broken rule a struct of its code, its column (null: the whole record), the value received, and what
  was allowed.
"""


def quarantine_frame(rejected: pl.DataFrame, records: Records) -> pl.DataFrame:
    """The rejected rows of one chunk, malformed ones included, in the object's order.

    Args:
        rejected: `Split.rejected`: `__row__`, `values`, `broken`.
        records: what was read of the chunk.
    """
    if records.originals.height:
        rows = rejected.join(records.originals, on=ROW, how="left", maintain_order="left")
    else:
        rows = rejected.with_columns(raw=pl.lit(None, pl.Binary))
    if records.malformed:
        malformed = _malformed_frame(records.malformed, rejected.schema["values"])
        rows = pl.concat([rows.select(malformed.columns), malformed]).sort(ROW)
    return rows.select(
        pl.col(ROW).alias("row"),
        records.byte_offsets(rows[ROW]).cast(pl.Int64).alias("byte_offset"),
        "values",
        "raw",
        "broken",
    )


def _malformed_frame(malformed: Sequence[Malformed], values: pl.DataType) -> pl.DataFrame:
    # Column by column: from a list of dicts, polars makes a gigabyte of 150,000 records.
    faults = [record.fault for record in malformed]
    columns = pl.DataFrame(
        {
            ROW: [record.row for record in malformed],
            "raw": [record.raw for record in malformed],
            "rule": [fault.rule for fault in faults],
            "column": [fault.column for fault in faults],
            "value": [fault.value for fault in faults],
            "allowed": [fault.allowed for fault in faults],
        },
        schema={ROW: pl.Int64, "raw": pl.Binary} | dict.fromkeys(("rule", "column", "value", "allowed"), pl.String),
    )
    return columns.select(
        ROW,
        pl.lit(None, values).alias("values"),
        "raw",
        pl.concat_list(pl.struct("rule", "column", "value", "allowed")).cast(BROKEN).alias("broken"),
    )
