"""The quarantine: rejected rows as Parquet, each with its position, the received values, and every rule it broke."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from filegate.contract.evaluation import BROKEN, FIELDS, broken_rules_frame
from filegate.formats import Malformed, Records
from filegate.formats.records import ROW

COLUMNS = ("row", "byte_offset", "values", "raw", "broken")
"""Columns of a quarantine part.

- `row`: Int64, the record's number in the object, from 1.
- `byte_offset`: Int64, where it starts in the object's decompressed UTF-8 text; null for Parquet.
- `values`: Struct of String, each column's value as a string; null for a malformed record.
- `raw`: Binary, at most the first 64 KiB of the record if `values` are incomplete: of a malformed record, and of one
  that broke a rule while it was read, such as an unknown key; else null.
- `broken`: for each broken rule a struct of the fields of `BrokenRule`.
"""


def quarantine_frame(rejected: pl.DataFrame, records: Records) -> pl.DataFrame:
    """The rejected rows of one chunk, malformed ones included, in the object's order.

    Args:
        rejected: `Split.rejected`: `__row__`, `values`, `broken`.
        records: the chunk's.
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
    broken = broken_rules_frame([(record.row, record.broken) for record in malformed])
    return broken.select(
        ROW,
        pl.lit(None, values).alias("values"),
        pl.Series("raw", [record.raw for record in malformed], pl.Binary),
        pl.concat_list(pl.struct(*FIELDS)).cast(BROKEN).alias("broken"),
    )
