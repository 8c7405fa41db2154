"""Quarantined rows as records again, to be held against today's contract."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from filegate.dataset.dataset import Declaration
from filegate.errors import SchemaMismatch
from filegate.formats import Fault, Layout, Malformed, Records, read
from filegate.formats.records import KEPT_BYTES, ORIGINALS, ROW
from filegate.formats.sources import Source, TextSource
from filegate.storage.blob import Blob, FileBlob


def read_quarantined(blob: Blob, layout: Layout, source: Source, dataset: Declaration, scratch: Path) -> Records:
    """Reads one quarantine part; every row keeps its first number and position.

    Records whose bytes were kept are read anew from them, as today's source says; one that was kept only in part, since
    it is long, is rejected again.

    Raises:
        SchemaMismatch: the contract now asks for a column that the quarantined rows do not have.
    """
    part = pl.read_parquet(blob.path())
    again = _Rereading(layout, source, dataset, scratch).records(part.filter(pl.col("raw").is_not_null()))
    values = part.filter(pl.col("raw").is_null()).select(pl.col("row").alias(ROW), pl.col("values").struct.unnest())
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
        originals=again.originals,
    )


def _may_hold(layout: Layout, column: str) -> bool:
    """Whether the object may have values of a column: JSON records bring what they like."""
    return not layout.columns or column in layout.columns


class _Rereading:
    """Reads records again from their bytes."""

    def __init__(self, layout: Layout, source: Source, dataset: Declaration, scratch: Path) -> None:
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
        cut_short = [row for row in rows if len(row["raw"]) >= KEPT_BYTES]
        whole = [row for row in rows if len(row["raw"]) < KEPT_BYTES]
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
            columns=[replace(column, dtype=None) for column in self._dataset.expected_columns],
            on_unknown_columns=self._dataset.on_unknown_columns,
            origin=0,
        )
        if records.frame.height + len(records.malformed) != len(rows):
            return None
        numbers = pl.Series([row["row"] for row in rows], dtype=pl.Int64)
        return replace(
            records,
            frame=_renumbered(records.frame, numbers),
            originals=_renumbered(records.originals, numbers),
            faults=tuple(replace(fault, row=numbers[fault.row - 1]) for fault in records.faults),
            malformed=tuple(
                replace(record, row=numbers[record.row - 1], fault=replace(record.fault, row=numbers[record.row - 1]))
                for record in records.malformed
            ),
        )

    def _text(self, raw: bytes) -> bytes:
        """The bytes in UTF-8, where the source now declares the encoding that they were not read with."""
        declared = self._source.encoding if isinstance(self._source, TextSource) else None
        if declared is None or codecs.lookup(declared) == codecs.lookup(self._layout.encoding):
            return raw
        if self._layout.encoding != "utf-8":
            raw = raw.decode("utf-8", "surrogatepass").encode(self._layout.encoding, "surrogateescape")
        return raw.decode(declared, "surrogateescape").encode("utf-8", "surrogateescape")


def _renumbered(frame: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """The frame with `__row__` 1, 2, … replaced by the first, second, … of the numbers."""
    return frame.with_columns(numbers.gather(frame[ROW] - 1).alias(ROW))


def _merged(parts: Sequence[Records], lasting: Sequence[Malformed]) -> Records:
    return Records(
        frame=pl.concat([part.frame for part in parts], how="diagonal")
        if parts
        else pl.DataFrame(schema={ROW: pl.Int64}),
        faults=tuple(fault for part in parts for fault in part.faults),
        malformed=(*(record for part in parts for record in part.malformed), *lasting),
        byte_offsets=lambda rows: pl.Series([None] * rows.len(), dtype=pl.Int64),
        originals=pl.concat([pl.DataFrame(schema=ORIGINALS), *(part.originals for part in parts)]),
    )


def _malformed(row: dict[str, Any]) -> Malformed:
    broken = row["broken"][0]
    fault = Fault(row["row"], broken["rule"], broken["column"], broken["value"], broken["allowed"])
    return Malformed(row=row["row"], raw=row["raw"], length=len(row["raw"]), fault=fault)
