"""An object in memory, sniffed, split and read as the stages do it."""

import atexit
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import polars as pl

from filegate.formats import (
    ROW,
    ExpectedColumn,
    Malformed,
    RawChunk,
    Records,
    UnknownColumns,
    make_reader,
    sniff,
    split,
)
from filegate.formats.csv.reader import CsvReader
from filegate.formats.sources import Csv, Parquet, Source
from filegate.runs.address import Address
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import Chunk, Layout

_FILES = tempfile.TemporaryDirectory()
atexit.register(_FILES.cleanup)


@dataclass(frozen=True)
class MemoryBlob:
    """Bytes that are a blob."""

    data: bytes
    name: str = "s3://raw/rows/file"

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]

    def stream(self) -> BinaryIO:
        return BytesIO(self.data)

    def path(self) -> Path:
        file = Path(_FILES.name) / hashlib.sha256(self.data).hexdigest()
        file.write_bytes(self.data)
        return file


@dataclass(frozen=True)
class Outcome:
    """The result of reading a whole object."""

    layout: Layout
    chunks: list[RawChunk]
    records: list[Records]
    offsets: list[int]

    @cached_property
    def frame(self) -> pl.DataFrame:
        return pl.concat(records.frame for records in self.records)

    @cached_property
    def originals(self) -> pl.DataFrame:
        return pl.concat(records.originals for records in self.records)

    @property
    def malformed(self) -> list[Malformed]:
        return [record for records in self.records for record in records.malformed]

    @property
    def broken(self) -> list[tuple[int, BrokenRule]]:
        return [broken for records in self.records for broken in records.broken]

    @property
    def rows(self) -> list[tuple[object, ...]]:
        return self.frame.drop(ROW).rows()

    @property
    def rules(self) -> list[tuple[int, str]]:
        return [(record.row, record.broken.rule) for record in self.malformed]


def chunk_of(raw: RawChunk, first_row: int) -> Chunk:
    """The chunk in its object, or alone where it comes with its bytes."""
    return Chunk(
        index=0,
        blob=Address("raw", "rows/file"),
        start=raw.start if raw.data is None else 0,
        length=raw.length,
        origin=raw.start,
        first_row=first_row,
        rows=raw.rows,
    )


def read_csv(data: bytes, reader: CsvReader, *, first_row: int = 1, origin: int = 0) -> Records:
    """The records of one chunk."""
    raw = RawChunk(origin, len(data), 0, data)
    return reader.read(MemoryBlob(data), chunk_of(raw, first_row))


def expected(*names: str) -> list[ExpectedColumn]:
    return [ExpectedColumn(name) for name in names]


def read_all(
    data: bytes,
    columns: Sequence[str | ExpectedColumn],
    source: Source | None = None,
    *,
    chunk_bytes: int = 8 << 20,
    on_unknown_columns: UnknownColumns = "reject",
) -> Outcome:
    """Every chunk is read; the chunks must follow each other, and have as many records as were counted."""
    blob, source = MemoryBlob(data), source or Csv()
    contract = [ExpectedColumn(column) if isinstance(column, str) else column for column in columns]
    layout = sniff(blob, [source], contract, on_unknown_columns)
    reader = make_reader(layout, source, contract, on_unknown_columns)
    outcome = Outcome(layout, [], [], [])
    end, row = layout.data_start, 1
    chunks = split(
        blob, layout, source, chunk_bytes=chunk_bytes, columns=contract, on_unknown_columns=on_unknown_columns
    )
    for raw in chunks:
        assert raw.start == end
        assert raw.length > 0
        assert (raw.data is not None) == layout.staged
        records = reader.read(blob if raw.data is None else MemoryBlob(raw.data), chunk_of(raw, row))
        assert records.frame.height + len(records.malformed) == raw.rows
        assert records.frame[ROW].is_sorted()
        if not isinstance(source, Parquet):  # of which the originals are values that are not text
            assert records.originals[ROW].to_list() == sorted({row for row, _ in records.broken})
        outcome.chunks.append(raw)
        outcome.records.append(records)
        outcome.offsets.extend(records.byte_offsets(pl.int_range(row, row + raw.rows, eager=True)))
        end, row = raw.start + raw.length, row + raw.rows
    return outcome
