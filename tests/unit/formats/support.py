"""An object in memory, taken through sniff, cut and read as the stages do it."""

import atexit
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from filegate.formats import ROW, ExpectedColumn, Fault, Layout, Malformed, Piece, UnknownColumns, cut, read, sniff
from filegate.formats.sources import Csv, Source

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
    """All that reading a whole object gave."""

    layout: Layout
    pieces: list[Piece]
    frame: pl.DataFrame
    malformed: list[Malformed]
    faults: list[Fault]
    offsets: list[int]
    originals: pl.DataFrame

    @property
    def rows(self) -> list[tuple[object, ...]]:
        return self.frame.drop(ROW).rows()

    @property
    def rules(self) -> list[tuple[int, str]]:
        return [(record.row, record.fault.rule) for record in self.malformed]


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
    """Every piece is read; the pieces must follow each other, and hold as many records as were counted."""
    blob, source = MemoryBlob(data), source or Csv()
    contract = [ExpectedColumn(column) if isinstance(column, str) else column for column in columns]
    layout = sniff(blob, [source], contract, on_unknown_columns)
    pieces, frames, offsets, originals = [], [], [], []
    malformed: list[Any] = []
    faults: list[Any] = []
    end, row = layout.data_start, 1
    for piece in cut(blob, layout, source, chunk_bytes=chunk_bytes):
        assert piece.start == end
        assert piece.length > 0
        assert (piece.data is not None) == layout.staged
        records = read(
            blob if piece.data is None else MemoryBlob(piece.data),
            start=piece.start if piece.data is None else 0,
            length=piece.length,
            first_row=row,
            layout=layout,
            source=source,
            columns=contract,
            on_unknown_columns=on_unknown_columns,
            origin=piece.start,
        )
        assert records.frame.height + len(records.malformed) == piece.rows
        assert records.frame[ROW].is_sorted()
        offsets += records.byte_offsets(pl.int_range(row, row + piece.rows, eager=True)).to_list()
        pieces.append(piece)
        frames.append(records.frame)
        malformed += records.malformed
        faults += records.faults
        originals.append(records.originals)
        assert records.originals["__row__"].to_list() == sorted({fault.row for fault in records.faults})
        end, row = piece.start + piece.length, row + piece.rows
    return Outcome(layout, pieces, pl.concat(frames), malformed, faults, offsets, pl.concat(originals))
