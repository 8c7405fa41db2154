"""The quarantine: rejected rows as Parquet, each with its position, what was received, and every rule it broke."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from filegate.formats import Malformed, Records
from filegate.formats.model import ROW

BROKEN = pl.List(pl.Struct({"rule": pl.String, "column": pl.String, "value": pl.String, "allowed": pl.String}))
"""One struct a broken rule: its code, its column (null: the whole record), the value received, what was allowed."""

COLUMNS = ("row", "byte_offset", "values", "raw", "broken")
"""Columns of a quarantine part.

- `row`: Int64, the record's number in the object, from 1.
- `byte_offset`: Int64, where it starts in the object's decompressed UTF-8 text; null for Parquet.
- `values`: Struct of String, what each column held, as text; null for a malformed record.
- `raw`: Binary, the bytes of a malformed record (the first 64 KiB of them); else null.
- `broken`: see `BROKEN`.
"""


def quarantine_frame(rejected: pl.DataFrame, records: Records) -> pl.DataFrame:
    """The rejected rows of one chunk, malformed ones included, in the object's order.

    Args:
        rejected: `Split.rejected`: `__row__`, `values`, `broken`.
        records: what was read of the chunk.
    """
    malformed = _malformed_frame(records.malformed, rejected.schema["values"])
    rows = pl.concat([rejected.with_columns(raw=pl.lit(None, pl.Binary)).select(malformed.columns), malformed])
    rows = rows.sort(ROW)
    return rows.with_columns(byte_offset=records.byte_offsets(rows[ROW])).select(
        pl.col(ROW).alias("row"), pl.col("byte_offset").cast(pl.Int64), "values", "raw", "broken"
    )


def _malformed_frame(malformed: Sequence[Malformed], values: pl.DataType) -> pl.DataFrame:
    return pl.DataFrame(
        {
            ROW: [record.row for record in malformed],
            "values": [None] * len(malformed),
            "raw": [record.raw for record in malformed],
            "broken": [
                [
                    {
                        "rule": record.fault.rule,
                        "column": record.fault.column,
                        "value": record.fault.value,
                        "allowed": record.fault.allowed,
                    }
                ]
                for record in malformed
            ],
        },
        schema={ROW: pl.Int64, "values": values, "raw": pl.Binary, "broken": BROKEN},
    )
