"""Readers: one is made for a run, and returns the records of each of its chunks; and what those of text share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import reduce
from operator import and_
from typing import Final, Protocol

import polars as pl

from filegate.errors import ConservationError
from filegate.formats.csv.grammar import Grammar, line_end_at
from filegate.formats.records import KEPT_BYTES, ROW, TOO_LONG, Malformed, Records
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import Chunk
from filegate.storage.objects import Blob

WHOLE_READ_BYTES: Final = 16 << 20
"""Twice a chunk: of a longer one the first bytes are read before the rest, since it may be one endless record."""

BATCH_ROWS: Final = 8192
BATCH_VALUES: Final = 1 << 17
"""Python strings take several times the memory of a frame's: no more rows, or values, than this are kept as such."""

_MIN_ROWS: Final = 64
"""For fewer rows than this, a frame's columns take more memory than the strings."""


class Reader(Protocol):
    """Reads the chunks of one run."""

    def read(self, blob: Blob, chunk: Chunk) -> Records:
        """The records of one chunk.

        Args:
            blob: the object, or the chunk alone if the layout is staged.
            chunk: where it lies in `blob`, and the number of its first record.

        Raises:
            MalformedObject: a Parquet page is corrupt.
            ObjectTooLarge: the values of Parquet's rows exceed the bound.
            ConservationError: `blob` is shorter than the chunk.
        """
        ...


class TextReader(ABC):
    """A reader of a text format.

    Args:
        grammar: of the text's records.
        columns: of `Records.frame`, without `__row__`.
    """

    def __init__(self, grammar: Grammar, columns: Sequence[str]) -> None:
        self._grammar = grammar
        self._columns = tuple(columns)

    def read(self, blob: Blob, chunk: Chunk) -> Records:
        """See `Reader.read`."""
        data = self._bytes(blob, chunk)
        if isinstance(data, Malformed):
            frame = pl.DataFrame(schema={ROW: pl.Int64} | dict.fromkeys(self._columns, pl.String))
            return Records(frame, (), (data,), lambda rows: pl.Series(rows.name, [chunk.origin] * len(rows), pl.Int64))
        return self._records(data[: self._grammar.text_end(data)], chunk)

    @abstractmethod
    def _records(self, data: bytes, chunk: Chunk) -> Records:
        """The records in the bytes of a chunk."""

    def _bytes(self, blob: Blob, chunk: Chunk) -> bytes | Malformed:
        """The bytes of a chunk; or, if they are one record that is too long, that record."""
        length, limit = chunk.length, self._grammar.limit
        head = blob.read(chunk.start, length if length <= WHOLE_READ_BYTES else limit + 1)
        whole = len(head) == length
        if not whole and len(head) > limit and line_end_at(head[: limit + 1]) < 0:
            tail = blob.read(min(chunk.start + length, blob.size) - 2, 2)
            body = length - (2 if tail == b"\r\n" else tail[-1:] in (b"\r", b"\n"))
            broken = BrokenRule(TOO_LONG, None, f"{body} bytes", f"at most {limit} bytes in UTF-8")
            return Malformed(chunk.first_row, head[:KEPT_BYTES], broken)
        data = head if whole else blob.read(chunk.start, length)
        if len(data) != length:
            raise ConservationError(
                f"{blob.name}: a chunk of {length} bytes at byte {chunk.start} has only {len(data)}."
            )
        return data


def null_if_in(strings: pl.Expr, null_values: Collection[str]) -> pl.Expr:
    """The strings, null if they are one of the null values."""
    if not null_values:
        return strings
    return pl.when(reduce(and_, [strings != null for null in null_values])).then(strings)


class RowBuffer:
    """Numbered rows of strings, collected into a frame in batches."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._batch_rows = min(BATCH_ROWS, max(_MIN_ROWS, BATCH_VALUES // max(1, len(columns))))
        self._frames: list[pl.DataFrame] = []
        self._values: list[Sequence[str | None]] = []
        self._flushed = 0
        self.rows: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, row: int, values: Sequence[str | None]) -> None:
        self.rows.append(row)
        self._values.append(values)
        if len(self._values) == self._batch_rows:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """`__row__` and the columns, in the order in which the rows were added."""
        self._flush()
        return pl.concat(self._frames)

    def _flush(self) -> None:
        columns = zip(*self._values, strict=True) if self._values else ((),) * len(self._columns)
        series = [pl.Series(name, values, pl.String) for name, values in zip(self._columns, columns, strict=True)]
        numbers = pl.Series(ROW, self.rows[self._flushed :], pl.Int64)
        self._frames.append(pl.DataFrame([numbers, *series]))
        self._flushed = len(self.rows)
        self._values.clear()
