"""Rows that share a key, found over a whole object in bounded memory.

Keys, as 128-bit hashes, go to a file in a scratch folder, split by slices of the hash space; then the slices are
searched one by one, each small enough to hold. Two different keys share a 128-bit hash with a probability below
n² / 2¹²⁹ (the birthday bound): 10⁻²² for a billion rows.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl

from filegate.contract.rules import Keep
from filegate.formats.records import ROW

SLICE_ROWS = 200_000
"""Rows of a slice that is searched: 6 MB, and a few times that if all of them are repeated."""
BATCH_ROWS = 100_000
"""Rows that are split and written together: 3 MB. A slice is read batch by batch: few are better."""
_KEYS = pl.Schema({ROW: pl.Int64(), "hash_1": pl.UInt64(), "hash_2": pl.UInt64(), "chunk": pl.UInt32()})
_REPEATS = pl.Schema({ROW: pl.Int64(), "chunk": pl.UInt32()})
_KEY = pl.struct("hash_1", "hash_2")


class KeyIndex:
    """The keys of one object's rows, or of some of them.

    `folder` is an empty scratch folder; `keep` says which row of a repeated group is not reported; `slices`, into how
    many equal ones the hash space is cut, so that none has many more than `SLICE_ROWS` different keys.
    """

    def __init__(self, folder: Path, keep: Keep, slices: int) -> None:
        self._keep = keep
        self._slices = slices
        self._unwritten: list[pl.DataFrame] = []
        self._written = Spill(folder / "keys")
        self._batch_of: dict[int, int] = {}
        self._stale: defaultdict[int, list[int]] = defaultdict(list)
        self._repeats: list[pl.DataFrame] = []
        self._repeats_written = Spill(folder / "repeats")
        self._chunks: set[int] = set()

    def add(self, chunk: int, keys: pl.DataFrame) -> None:
        """Sets a chunk's keys: what `key_hashes` gives of its rows. Those of an earlier pass are forgotten."""
        if (batch := self._batch_of.get(chunk)) is not None:
            if batch == self._written.batches:
                self._write()
            self._stale[batch].append(chunk)
        self._batch_of[chunk] = self._written.batches
        self.add_slice(keys.with_columns(pl.lit(chunk, pl.UInt32).alias("chunk")))

    def add_slice(self, keys: pl.DataFrame) -> None:
        """Adds what one of the `slices` of another index holds; it may have fewer of them."""
        self._unwritten.append(keys)
        if sum(map(len, self._unwritten)) >= BATCH_ROWS:
            self._write()

    def slices(self) -> Iterator[pl.DataFrame]:
        """The keys, slice by slice: `__row__`, `hash_1`, `hash_2`, `chunk`."""
        self._write()
        return (pl.concat([_KEYS.to_frame(), *self._slice(number)]) for number in range(self._slices))

    def resolve(self) -> list[int]:
        """Finds the repeated rows among the keys, which are gone then; returns all chunks that have some, in order."""
        if self._written.batches:
            self._write()
        elif self._unwritten:
            self._note_repeats(pl.concat(self._unwritten))
            self._unwritten.clear()
        for number in self._written.numbers:
            self._resolve(number)
        self._written.clear()
        self._batch_of.clear()
        self._stale.clear()
        return sorted(self._chunks)

    def repeats(self, chunk: int) -> pl.Series:
        """The numbers of the chunk's repeated rows, ascending. Only after `resolve`."""
        self._write_repeats()
        found = (rows for _, rows in self._repeats_written.read(chunk))
        return pl.concat([_REPEATS.to_frame(), *found])[ROW].unique().sort()

    def _write(self) -> None:
        if self._unwritten:
            # The upper 32 bits give the slice: with the 32 of the number of slices, the product has room.
            number = pl.col("hash_1") // (1 << 32) * self._slices // (1 << 32)
            self._written.write(pl.concat(self._unwritten), number)
            self._unwritten.clear()

    def _slice(self, number: int) -> Iterator[pl.DataFrame]:
        for batch, keys in self._written.read(number):
            stale = self._stale.get(batch)
            yield keys.filter(~pl.col("chunk").is_in(stale)) if stale else keys

    def _resolve(self, number: int) -> None:
        """Finds the repeated rows of a slice.

        One that holds more rows than its share has few keys that are repeated often: those rows are noted on the way,
        so that a key of a million rows takes the room of one.
        """
        keys = _KEYS.to_frame()
        for part in self._slice(number):
            keys = keys.vstack(part)
            if keys.height > SLICE_ROWS * 5 // 4:
                self._note_repeats(keys)
                kept: Literal["first", "last"] = "last" if self._keep == "last" else "first"
                keys = keys.sort(ROW).unique(["hash_1", "hash_2"], keep=kept)
        self._note_repeats(keys)

    def _note_repeats(self, keys: pl.DataFrame) -> None:
        """Notes which of the rows are to be reported, as far as these rows show; it may note one several times."""
        halves = keys["hash_1"].sort()
        suspects = halves.filter(halves == halves.shift()).unique()
        if suspects.is_empty():
            return
        repeated = {"none": _KEY.is_duplicated(), "first": ~_KEY.is_first_distinct(), "last": ~_KEY.is_last_distinct()}
        near = keys.join(suspects.to_frame(), on="hash_1", how="semi").sort(ROW)
        repeats = near.filter(repeated[self._keep]).select(_REPEATS.names())
        self._chunks.update(repeats["chunk"].unique())
        self._repeats.append(repeats)
        if sum(map(len, self._repeats)) >= SLICE_ROWS:
            self._write_repeats()

    def _write_repeats(self) -> None:
        if self._repeats:
            self._repeats_written.write(pl.concat(self._repeats), pl.col("chunk"))
            self._repeats.clear()


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
