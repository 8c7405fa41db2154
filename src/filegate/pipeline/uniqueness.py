"""What must be unique over a whole object: the columns of unique rules, and the key that deduplicates accepted rows.

Chunks are judged one by one, so their keys are kept until all are known. One invocation keeps them in its scratch
folder; those of a fan-out hand them on in slices of the hash space, so that the reduce step holds one slice at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from filegate.contract import Evaluation
from filegate.contract.keys import key_hashes
from filegate.dataset.dataset import Declaration
from filegate.pipeline.context import Context
from filegate.pipeline.fan_out import at_once, ranges
from filegate.pipeline.key_index import SLICE_ROWS, KeyIndex
from filegate.pipeline.parquet import parquet_bytes
from filegate.runs.address import Address
from filegate.runs.run import Run

HANDED_ON_ROWS = 2_000_000
"""Rows of a slice that is handed on: 50 MB, in parts of the ranges. The reduce step settles it from its disk."""
SETTLED_IN = math.ceil(HANDED_ON_ROWS / SLICE_ROWS)
"""So many slices are searched for each that is handed on."""
READ_AT_ONCE = 4
"""So many parts of a slice are in memory at a time: of the smallest object that is spread, each has 8 MB."""


class ObjectKeys:
    """The keys of an object's rows, or of those of one range."""

    def __init__(self, run: Run, dataset: Declaration, scratch: Path) -> None:
        slices = _slices(run) * (1 if run.range else SETTLED_IN)
        self._dataset = dataset
        self._uniques = {
            unique.code: KeyIndex(scratch / f"unique-{number}", unique.keep, slices)
            for number, unique in enumerate(dataset.contract.uniques)
        }
        self._key = KeyIndex(scratch / "key", "first", slices) if dataset.key else None

    def add_evaluated(self, chunk: int, evaluation: Evaluation) -> None:
        """Adds the keys of all rows of a chunk, whether they will be accepted or not."""
        for unique in self._dataset.contract.uniques:
            self._uniques[unique.code].add(chunk, evaluation.keys(unique.columns))

    def add_accepted(self, chunk: int, accepted: pl.DataFrame) -> None:
        """Sets the keys of a chunk's accepted rows, which are fewer after a second look."""
        if self._key is not None:
            self._key.add(chunk, key_hashes(accepted, self._dataset.key))

    def broken(self) -> list[int]:
        """The chunks with rows that break a rule of uniqueness, in order; for when all keys are known."""
        return sorted({chunk for index in self._uniques.values() for chunk in index.settle()})

    def broken_in(self, chunk: int) -> pl.DataFrame:
        """`__row__`, `rule`: the rules of uniqueness that rows of the chunk break. Only after `broken`."""
        return pl.concat(
            index.repeats(chunk).to_frame().with_columns(rule=pl.lit(code)) for code, index in self._uniques.items()
        )

    def repeated(self) -> Iterator[tuple[int, pl.Series]]:
        """The chunks that hold accepted rows whose key an earlier row has, and the numbers of those rows."""
        if self._key is not None:
            for chunk in self._key.settle():
                yield chunk, self._key.repeats(chunk)

    def hand_on(self, run: Run, context: Context) -> None:
        """Writes the keys of the range that this invocation works on; on a second look, those that have changed."""
        assert run.range is not None
        part, looked_at = run.range.index, list(run.range.again)

        def write(piece: tuple[Address, pl.DataFrame]) -> None:
            place, keys = piece
            if looked_at:
                keys = pl.concat([_read(context, place).filter(~pl.col("chunk").is_in(looked_at)), keys])
            context.store.write(place, parquet_bytes(keys, compression="uncompressed", statistics=False))

        for name, index in self._named(uniques=not looked_at):
            places = [_staged(run, context, name, number, part) for number in range(_slices(run))]
            pieces = zip(places, index.slices(), strict=True)
            while some := list(islice(pieces, max(1, len(places) // 3))):  # not all: together they are all keys
                at_once(write, some)

    def bring_together(self, run: Run, context: Context, *, uniques: bool) -> None:
        """Settles what the ranges handed on: the keys of unique rules, or the one that deduplicates."""
        for name, index in self._named(uniques=uniques, key=not uniques):
            for number in range(_slices(run)):
                places = [_staged(run, context, name, number, part.index) for part in ranges(run)]
                for first in range(0, len(places), READ_AT_ONCE):
                    for part in at_once(context.store.read, places[first : first + READ_AT_ONCE]):
                        index.add_slice(pl.read_parquet(part))
                index.settle()

    def _named(self, *, uniques: bool, key: bool = True) -> Iterator[tuple[str, KeyIndex]]:
        if uniques:
            for number, index in enumerate(self._uniques.values()):
                yield f"unique-{number}", index
        if key and self._key is not None:
            yield "key", self._key


def _slices(run: Run) -> int:
    assert run.ingested is not None
    return math.ceil(run.ingested.rows / HANDED_ON_ROWS)


def _staged(run: Run, context: Context, name: str, number: int, part: int) -> Address:
    return context.staged(run, f"keys/{name}/{number:04d}/{part:05d}.parquet")


def _read(context: Context, place: Address) -> pl.DataFrame:
    return pl.read_parquet(context.store.read(place))
