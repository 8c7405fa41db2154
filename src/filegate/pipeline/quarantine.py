"""The quarantine: rejected rows as Parquet, and those rows as records again, for a replay.

Each row has its position, the received values, and every rule it broke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from filegate.contract.evaluation import BROKEN, FIELDS, broken_rules_frame
from filegate.dataset.declaration import Declaration
from filegate.errors import SchemaMismatch
from filegate.formats import Malformed, Records, make_reader
from filegate.formats.encoding import codec_name, decoded_anew
from filegate.formats.records import KEPT_BYTES, ORIGINALS, ROW
from filegate.formats.sources import Source, TextSource
from filegate.runs.address import Address
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import STAGED_AS, Chunk, Layout
from filegate.storage.folder import FileBlob
from filegate.storage.objects import Blob

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


class QuarantineReader:
    """Reads quarantine parts; every row keeps its original number and position.

    Records whose bytes were kept are read again from them, as the current source declares; one that was kept only in
    part, since it is long, is rejected again.

    Args:
        layout: of the object that the rows are from.
        source: the current one.
        dataset: the current declaration.
        scratch: a folder for temporary files.
    """

    def __init__(self, layout: Layout, source: Source, dataset: Declaration, scratch: Path) -> None:
        self._layout = layout
        self._dataset = dataset
        self._of_text = isinstance(source, TextSource)
        self._raw_records = _RawRecords(layout, source, dataset, scratch / "reread")

    def read(self, blob: Blob, chunk: Chunk) -> Records:
        """The records of one quarantine part.

        Raises:
            SchemaMismatch: the contract now requires a column that the quarantined rows do not have.
        """
        del chunk  # a whole part
        part = pl.read_parquet(blob.path())
        reread = self._read_again(part.filter(pl.col("raw").is_not_null()))
        values = part.filter(pl.col("raw").is_null()).select(pl.col("row").alias(ROW), pl.col("values").struct.unnest())
        known = [name for name in self._dataset.columns if name in values.columns]
        missing = [
            column.name
            for column in self._dataset.expected_columns
            if column.name not in known and (column.required or self._may_have(column.name))
        ]
        if missing and values.height:
            raise SchemaMismatch(
                f"{blob.name}: the quarantined rows have no column {', '.join(missing)}.",
                advice="The contract has more columns than before: replay the whole object with --all-rows.",
            )
        offsets = part.select("row", "byte_offset")
        return replace(
            reread,
            frame=pl.concat([values.select(ROW, *known), reread.frame], how="diagonal").sort(ROW),
            byte_offsets=lambda rows: rows.to_frame("row").join(offsets, on="row", how="left", maintain_order="left")[
                "byte_offset"
            ],
        )

    def _read_again(self, part: pl.DataFrame) -> Records:
        """The records whose bytes were kept; of Parquet, these are a value that is not text, and stay so."""
        if self._of_text:
            return self._raw_records.read(part)
        return _merged([], [_malformed(row) for row in part.iter_rows(named=True)])

    def _may_have(self, column: str) -> bool:
        """Whether the object may have values of a column: JSON records may have any key."""
        return not self._layout.columns or column in self._layout.columns


class _RawRecords:
    """Reads records again from their bytes, which are written to `file`."""

    def __init__(self, layout: Layout, source: Source, dataset: Declaration, file: Path) -> None:
        declared = source.encoding if isinstance(source, TextSource) else None
        self._before = layout.encoding
        self._now = layout.encoding if declared is None else codec_name(declared)
        lines = replace(
            layout,
            format=STAGED_AS.get(layout.format, layout.format),
            compression=None,
            encoding=self._now,
            data_start=0,
        )
        columns = [replace(column, dtype=None) for column in dataset.expected_columns]
        self._reader = make_reader(lines, source, columns, dataset.on_unknown_columns)
        self._file = file

    def read(self, part: pl.DataFrame) -> Records:
        rows = list(part.iter_rows(named=True))
        whole = [row for row in rows if len(row["raw"]) < KEPT_BYTES]
        unreadable = [row for row in rows if len(row["raw"]) >= KEPT_BYTES]
        found = self._read(whole) if whole else None
        readable = [] if found is None else [found]
        if whole and found is None:  # joined, they are other records: one by one
            singles = [(row, self._read([row])) for row in whole]
            readable = [records for _, records in singles if records is not None]
            unreadable += [row for row, records in singles if records is None]
        return _merged(readable, [_malformed(row) for row in unreadable])

    def _read(self, rows: Sequence[dict[str, Any]]) -> Records | None:
        """The records with their original numbers; None if the bytes have another number of records than of rows."""
        data = b"".join(decoded_anew(row["raw"], self._before, self._now) + b"\n" for row in rows)
        self._file.write_bytes(data)
        chunk = Chunk(index=0, blob=Address("", ""), start=0, length=len(data), origin=0, first_row=0, rows=len(rows))
        records = self._reader.read(FileBlob(self._file), chunk)
        if records.frame.height + len(records.malformed) != len(rows):
            return None
        numbers = [row["row"] for row in rows]
        return replace(
            records,
            frame=_renumbered(records.frame, numbers),
            originals=_renumbered(records.originals, numbers),
            broken=tuple((numbers[row], rule) for row, rule in records.broken),
            malformed=tuple(replace(record, row=numbers[record.row]) for record in records.malformed),
        )


def _renumbered(frame: pl.DataFrame, numbers: Sequence[int]) -> pl.DataFrame:
    """The frame with `__row__` 0, 1, … replaced by the numbers at these indexes."""
    return frame.with_columns(pl.Series(numbers, dtype=pl.Int64).gather(frame[ROW]).alias(ROW))


def _merged(parts: Sequence[Records], malformed: Sequence[Malformed]) -> Records:
    return Records(
        frame=pl.concat([pl.DataFrame(schema={ROW: pl.Int64}), *(part.frame for part in parts)], how="diagonal"),
        broken=tuple(found for part in parts for found in part.broken),
        malformed=(*(record for part in parts for record in part.malformed), *malformed),
        byte_offsets=lambda rows: pl.Series([None] * rows.len(), dtype=pl.Int64),
        originals=pl.concat([pl.DataFrame(schema=ORIGINALS), *(part.originals for part in parts)]),
    )


def _malformed(row: dict[str, Any]) -> Malformed:
    return Malformed(row["row"], row["raw"], BrokenRule(**row["broken"][0]))
