"""Readers: one is made for a run, and returns the records of each of its chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
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


class Reader(Protocol):
    """Reads the chunks of one run."""

    def read(self, blob: Blob, chunk: Chunk) -> Records:
        """The records of one chunk.

        Args:
            blob: the object, or the chunk alone if the layout is staged.
            chunk: where it lies in `blob`, and the number of its first record.

        Raises:
            MalformedObject: a Parquet page is corrupt.
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
            broken = BrokenRule(TOO_LONG, None, f"{body} bytes", f"at most {limit} bytes")
            return Malformed(chunk.first_row, head[:KEPT_BYTES], broken)
        data = head if whole else blob.read(chunk.start, length)
        if len(data) != length:
            raise ConservationError(
                f"{blob.name}: a chunk of {length} bytes at byte {chunk.start} has only {len(data)}."
            )
        return data
