"""What must be unique over a whole object: the columns of unique rules, and the key that deduplicates accepted rows.

Chunks are validated one by one, so their keys are kept until all are known. One invocation keeps them in its scratch
folder; those of a fan-out write them in slices of the hash space, so that the reduce step holds one slice at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from filegate.contract import Evaluation
from filegate.contract.evaluation import key_hashes
from filegate.dataset.declaration import Declaration
from filegate.pipeline.context import Context
from filegate.pipeline.fan_out import all_ranges, map_concurrently
from filegate.pipeline.key_index import SLICE_ROWS, KeyIndex
from filegate.pipeline.parquet import parquet_bytes
from filegate.runs.address import Address
from filegate.runs.manifests import ChunkOutcome
from filegate.runs.run import Run

STAGED_SLICE_ROWS = 2_000_000
"""Rows of a slice in the staging bucket: 50 MB, in parts of the ranges. The reduce step resolves it from its disk."""
SLICES_PER_STAGED_SLICE = math.ceil(STAGED_SLICE_ROWS / SLICE_ROWS)
"""How many slices are searched for each of the staging bucket's."""
CONCURRENT_READS = 4
"""Parts of a slice that are in memory at a time: of the smallest object that fans out, each has 8 MB."""


class ObjectKeys:
    """The keys of an object's rows, or of those of one range."""

    def __init__(self, run: Run, dataset: Declaration, scratch: Path) -> None:
        slices = _slices(run) * (1 if run.range else SLICES_PER_STAGED_SLICE)
        self._dataset = dataset
        self._uniques = {
            unique.code: KeyIndex(scratch / f"unique-{number}", unique.keep, slices)
            for number, unique in enumerate(dataset.contract.uniques)
        }
        self._key = KeyIndex(scratch / "key", "first", slices) if dataset.key else None

    def add(self, chunk: int, evaluation: Evaluation | None, accepted: pl.DataFrame) -> None:
        """Adds the keys of a chunk's rows.

        Args:
            chunk: its index.
            evaluation: all of its rows; None in a second pass: they are the same.
            accepted: those that are accepted, which are fewer after a second pass.
        """
        if evaluation is not None:
            for unique in self._dataset.contract.uniques:
                self._uniques[unique.code].add(chunk, evaluation.keys(unique.columns))
        if self._key is not None:
            self._key.add(chunk, key_hashes(accepted, self._dataset.key))

    def broken(self) -> list[int]:
        """The chunks with rows that break a rule of uniqueness, in order; for when all keys are known."""
        return sorted({chunk for index in self._uniques.values() for chunk in index.resolve()})

    def broken_in(self, chunk: int) -> pl.DataFrame:
        """`__row__`, `rule`: the rules of uniqueness that rows of the chunk break. Only after `broken`."""
        return pl.concat(
            index.repeats(chunk).to_frame().with_columns(rule=pl.lit(code)) for code, index in self._uniques.items()
        )

    def without_repeats(self, run: Run, context: Context, outcomes: Sequence[ChunkOutcome]) -> list[ChunkOutcome]:
        """The outcomes of all chunks, with the accepted rows whose key an earlier row has: they are not published."""
        found = list(outcomes)
        if self._key is None:
            return found
        for chunk in self._key.resolve():
            rows = self._key.repeats(chunk)
            address = context.staged(run, f"repeated/{chunk:05d}.parquet")
            context.store.write(address, parquet_bytes(rows.to_frame(), compression="lz4"))
            accepted = found[chunk].accepted.model_copy(update={"repeated": rows.len(), "repeats": address.key})
            found[chunk] = found[chunk].model_copy(update={"accepted": accepted})
        return found

    def write_range(self, run: Run, context: Context) -> None:
        """Writes the keys of the range that this invocation works on; on a second pass, those that have changed."""
        assert run.range is not None
        changed = list(run.range.again)

        def write(slice_: tuple[Address, pl.DataFrame]) -> None:
            address, keys = slice_
            if changed:
                keys = pl.concat([_read(context, address).filter(~pl.col("chunk").is_in(changed)), keys])
            context.store.write(address, parquet_bytes(keys, compression="uncompressed", statistics=False))

        for name, index in self._named(uniques=not changed):
            addresses = [_staged(run, context, name, number, run.range.index) for number in range(_slices(run))]
            slices = zip(addresses, index.slices(), strict=True)
            while some := list(islice(slices, max(1, len(addresses) // 3))):  # not all: together they are all keys
                map_concurrently(write, some)

    def collect_ranges(self, run: Run, context: Context, *, uniques: bool) -> None:
        """Resolves what the ranges wrote: the keys of unique rules, or the one that deduplicates."""
        for name, index in self._named(uniques=uniques, key=not uniques):
            for number in range(_slices(run)):
                addresses = [_staged(run, context, name, number, range_.index) for range_ in all_ranges(run)]
                for first in range(0, len(addresses), CONCURRENT_READS):
                    for data in map_concurrently(context.store.read, addresses[first : first + CONCURRENT_READS]):
                        index.add_slice(pl.read_parquet(data))
                index.resolve()

    def _named(self, *, uniques: bool, key: bool = True) -> Iterator[tuple[str, KeyIndex]]:
        if uniques:
            for number, index in enumerate(self._uniques.values()):
                yield f"unique-{number}", index
        if key and self._key is not None:
            yield "key", self._key


def _slices(run: Run) -> int:
    assert run.ingested is not None
    return math.ceil(run.ingested.rows / STAGED_SLICE_ROWS)


def _staged(run: Run, context: Context, name: str, number: int, range_index: int) -> Address:
    return context.staged(run, f"keys/{name}/{number:04d}/{range_index:05d}.parquet")


def _read(context: Context, place: Address) -> pl.DataFrame:
    return pl.read_parquet(context.store.read(place))
