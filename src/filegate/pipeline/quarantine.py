"""The quarantine: rejected rows as Parquet, and those rows as records again, for a replay.

Each row has its position, the received values, and every rule it broke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
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
- `broken`: for each broken rule a struct of the fields of `BrokenRule`; if a chunk's rows break very many, each row has
  its first ones, and `*:other` with the number of its others.
"""

MAX_READS = 10_000
"""How often a replay tries to read records again, in ever smaller groups: a minute's work."""


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
        self._reads_left = MAX_READS

    def read(self, part: pl.DataFrame) -> Records:
        """The records of rows of a quarantine part: of their columns, `row`, `raw` and `broken` are used."""
        whole = part.select("row", "raw").filter(pl.col("raw").bin.size() < KEPT_BYTES)
        readable = self._read(whole) if whole.height else []
        found = [row for records in readable for row in _numbers(records)]
        unreadable = part.select("row", "raw", "broken").filter(~pl.col("row").is_in(found))
        return _merged(readable, [_malformed(row) for row in unreadable.iter_rows(named=True)])

    def _read(self, rows: pl.DataFrame) -> list[Records]:
        """What the bytes of rows are read as; a row that is not one record is left out.

        Joined, they may be other records: then each half of them is tried, as long as `MAX_READS` allows.
        """
        if self._reads_left == 0:
            return []
        self._reads_left -= 1
        found = self._read_joined(rows)
        if found is not None:
            return [found]
        if rows.height == 1:
            return []
        half = rows.height // 2
        halves = [*self._read(rows.head(half)), *self._read(rows.tail(-half))]
        return [_merged(halves, [])] if len(halves) > 1 else halves

    def _read_joined(self, rows: pl.DataFrame) -> Records | None:
        """The records with their original numbers; None if the bytes are other records than one for each row."""
        lines = [decoded_anew(raw, self._before, self._now) + b"\n" for raw in rows["raw"]]
        data = b"".join(lines)
        self._file.write_bytes(data)
        chunk = Chunk(index=0, blob=Address("", ""), start=0, length=len(data), origin=0, first_row=0, rows=len(lines))
        records = self._reader.read(FileBlob(self._file), chunk)
        if records.frame.height + len(records.malformed) != len(lines):
            return None
        ends = pl.Series(accumulate(map(len, lines)), dtype=pl.Int64)
        starts = records.byte_offsets(pl.int_range(len(lines), eager=True).alias(ROW))
        if not ((starts < ends) & (starts >= ends.shift(1, fill_value=0))).all():
            return None
        numbers = rows["row"]
        return replace(
            records,
            frame=_renumbered(records.frame, numbers),
            originals=_renumbered(records.originals, numbers),
            broken=tuple((numbers[row], rule) for row, rule in records.broken),
            malformed=tuple(replace(record, row=numbers[record.row]) for record in records.malformed),
        )


def _renumbered(frame: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """The frame with `__row__` 0, 1, … replaced by the numbers at these indexes."""
    return frame.with_columns(numbers.gather(frame[ROW]).alias(ROW))


def _numbers(records: Records) -> list[int]:
    return records.frame[ROW].to_list() + [record.row for record in records.malformed]


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
