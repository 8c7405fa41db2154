"""Quarantined rows as records again, to be held against today's contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from filegate.blob import Blob, FileBlob
from filegate.dataset import Dataset
from filegate.errors import SchemaMismatch
from filegate.formats import Fault, Layout, Malformed, Records, read
from filegate.formats.model import ROW, TOO_LONG
from filegate.sources import Source, TextSource


def read_quarantined(blob: Blob, layout: Layout, source: Source, dataset: Dataset, scratch: Path) -> Records:
    """Reads one quarantine part; every row keeps its first number and position.

    Malformed records are read anew from their bytes, as today's source says; one that was kept only in part (it was
    too long) stays malformed.

    Raises:
        SchemaMismatch: the contract now asks for a column that the quarantined rows do not have.
    """
    part = pl.read_parquet(blob.path())
    again = _Rereading(layout, source, dataset, scratch).records(part.filter(pl.col("raw").is_not_null()))
    values = part.filter(pl.col("values").is_not_null()).select(
        pl.col("row").alias(ROW), pl.col("values").struct.unnest()
    )
    known = [name for name in dataset.columns if name in values.columns]
    missing = [
        column.name
        for column in dataset.expected_columns
        if column.name not in known and (column.required or _may_hold(layout, column.name))
    ]
    if missing and values.height:
        raise SchemaMismatch(
            f"{blob.name}: the quarantined rows have no column {', '.join(missing)}.",
            advice="The contract asks for more than it did: replay the whole object with --all-rows.",
        )
    offsets = part.select("row", "byte_offset")
    return Records(
        frame=pl.concat([values.select(ROW, *known), again.frame], how="diagonal").sort(ROW),
        faults=again.faults,
        malformed=again.malformed,
        byte_offsets=lambda rows: rows.to_frame("row").join(offsets, on="row", how="left", maintain_order="left")[
            "byte_offset"
        ],
    )


def _may_hold(layout: Layout, column: str) -> bool:
    """Whether the object may have values of a column: JSON records bring what they like."""
    return not layout.columns or column in layout.columns


class _Rereading:
    """Reads malformed records again."""

    def __init__(self, layout: Layout, source: Source, dataset: Dataset, scratch: Path) -> None:
        self._layout = layout
        self._plain = replace(
            layout,
            format="ndjson" if layout.format == "json_array" else layout.format,
            compression=None,
            encoding="utf-8",
            data_start=0,
        )
        self._source = source
        self._dataset = dataset
        self._scratch = scratch / "reread"

    def records(self, part: pl.DataFrame) -> Records:
        rows = list(part.iter_rows(named=True))
        cut_short = [row for row in rows if row["broken"][0]["rule"] == TOO_LONG]
        whole = [row for row in rows if row["broken"][0]["rule"] != TOO_LONG]
        lasting = [_malformed(row) for row in cut_short]
        found = self._read(whole) if whole else _merged([], [])
        if found is None:  # they do not keep apart when read together: one by one
            singles = [(row, self._read([row])) for row in whole]
            lasting += [_malformed(row) for row, read in singles if read is None]
            return _merged([read for _, read in singles if read is not None], lasting)
        return _merged([found], lasting)

    def _read(self, rows: Sequence[dict[str, Any]]) -> Records | None:
        """The records, numbered as they were; None if the bytes give another number of records than there are rows."""
        data = b"".join(self._text(row["raw"]) + b"\n" for row in rows)
        self._scratch.write_bytes(data)
        records = read(
            FileBlob(self._scratch),
            start=0,
            length=len(data),
            first_row=1,
            layout=self._plain,
            source=self._source,
            columns=self._dataset.expected_columns,
            on_unknown_columns=self._dataset.on_unknown_columns,
            origin=0,
        )
        if records.frame.height + len(records.malformed) != len(rows):
            return None
        numbers = pl.Series([row["row"] for row in rows], dtype=pl.Int64)
        return replace(
            records,
            frame=records.frame.with_columns(numbers.gather(records.frame[ROW] - 1).alias(ROW)),
            faults=tuple(replace(fault, row=numbers[fault.row - 1]) for fault in records.faults),
            malformed=tuple(
                replace(record, row=numbers[record.row - 1], fault=replace(record.fault, row=numbers[record.row - 1]))
                for record in records.malformed
            ),
        )

    def _text(self, raw: bytes) -> bytes:
        """The bytes in UTF-8, where the source now declares the encoding that they were not read with."""
        declared = self._source.encoding if isinstance(self._source, TextSource) else None
        if declared is None or self._layout.encoding != "utf-8":
            return raw
        return raw.decode(declared, errors="surrogateescape").encode("utf-8", errors="surrogateescape")


def _merged(parts: Sequence[Records], lasting: Sequence[Malformed]) -> Records:
    return Records(
        frame=pl.concat([part.frame for part in parts], how="diagonal")
        if parts
        else pl.DataFrame(schema={ROW: pl.Int64}),
        faults=tuple(fault for part in parts for fault in part.faults),
        malformed=(*(record for part in parts for record in part.malformed), *lasting),
        byte_offsets=lambda rows: pl.Series([None] * rows.len(), dtype=pl.Int64),
    )


def _malformed(row: dict[str, Any]) -> Malformed:
    broken = row["broken"][0]
    fault = Fault(row["row"], broken["rule"], broken["column"], broken["value"], broken["allowed"])
    return Malformed(row=row["row"], raw=row["raw"], length=len(row["raw"]), fault=fault)
