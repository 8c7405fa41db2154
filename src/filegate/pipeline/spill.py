"""Rows on disk, each under a number: those of one number are read without the rest."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl


class Spill:
    """Batches of rows in a scratch file, each cut up by the rows' numbers.

    What a batch has of a number is an Arrow stream of its own, without compression: writing and reading one costs
    hardly more than copying its bytes.
    """

    def __init__(self, file: Path) -> None:
        self.batches = 0
        self._file = file
        self._places: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))  # batch, start, length, batch, …

    @property
    def numbers(self) -> list[int]:
        """Those that rows have, ascending."""
        return sorted(self._places)

    def write(self, batch: pl.DataFrame, number: pl.Expr) -> None:
        """Adds a batch; `number` gives the numbers of its rows, whose order is lost."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            for rows in batch.with_columns(number.alias("number")).partition_by("number", maintain_order=False):
                start = file.tell()
                rows.drop("number").write_ipc_stream(file)
                self._places[rows["number"][0]].extend((self.batches, start, file.tell() - start))
        self.batches += 1

    def read(self, number: int) -> Iterator[tuple[int, pl.DataFrame]]:
        """The rows that have a number, with the batch that they were in: 0 is the first."""
        if places := self._places.get(number):
            with self._file.open("rb") as file:
                for batch, start, length in zip(*[iter(places)] * 3, strict=True):
                    file.seek(start)
                    yield batch, pl.read_ipc_stream(file.read(length))

    def clear(self) -> None:
        """Forgets all."""
        self._file.unlink(missing_ok=True)
        self._places.clear()
        self.batches = 0
