"""Rows that share a key, found over a whole object in bounded memory.

Each chunk's keys, as 128-bit hashes, go to one sorted file in a scratch folder; then the hash space is walked slice by
slice, each slice small enough to hold. Two different keys share a 128-bit hash with a probability below n² / 2¹²⁹
(the birthday bound): 10⁻²² for a billion rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from filegate.formats.model import ROW

Keep = Literal["none", "first", "last"]

SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)  # of the hash's two halves; any two different ones will do
HASH_SPACE = 1 << 64
SLICE_ROWS = 250_000  # about 25 MB while a slice is searched
ROW_GROUP = 16_384  # small, so that the statistics skip what is outside a slice


def key_hashes(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`__row__` and the two UInt64 halves of the hash of each row's key."""
    key = pl.struct(columns)
    return rows.select(ROW, *(key.hash(seed).alias(f"hash_{half}") for half, seed in enumerate(SEEDS, 1)))


class KeyIndex:
    """The keys of one object's rows.

    `folder` is an empty scratch folder; `keep` says which row of a repeated group is not reported.
    """

    def __init__(self, folder: Path, keep: Keep) -> None:
        self._folder = folder
        self._keep = keep
        self._rows = 0
        (folder / "keys").mkdir(parents=True)
        (folder / "repeats").mkdir()

    def add(self, chunk: int, keys: pl.DataFrame) -> None:
        """Adds a chunk's keys: `__row__` and the two UInt64 halves of each row's hash."""
        self._rows += keys.height
        half_a, half_b = (name for name in keys.columns if name != ROW)
        keys.lazy().select(
            pl.lit(chunk, pl.UInt32).alias("chunk"), ROW, pl.col(half_a).alias("a"), pl.col(half_b).alias("b")
        ).sort("a").sink_parquet(
            self._folder / "keys" / f"{chunk}.parquet", compression="uncompressed", row_group_size=ROW_GROUP
        )

    def settle(self) -> list[int]:
        """Finds the repeated rows; returns the chunks that have some, in order."""
        if self._rows == 0:
            return []
        slices = -(-self._rows // SLICE_ROWS)
        for number in range(slices):
            low, high = HASH_SPACE * number // slices, HASH_SPACE * (number + 1) // slices
            for (chunk,), repeats in self._repeats(low, high - 1).partition_by("chunk", as_dict=True).items():
                repeats.select(ROW).write_parquet(self._folder / "repeats" / f"{chunk}-{number}.parquet")
        return sorted({int(file.name.split("-")[0]) for file in (self._folder / "repeats").iterdir()})

    def repeats(self, chunk: int) -> pl.Series:
        """The numbers of the chunk's repeated rows, ascending. Only after `settle`."""
        files = sorted((self._folder / "repeats").glob(f"{chunk}-*.parquet"))
        if not files:
            return pl.Series(ROW, [], pl.Int64)
        return pl.concat([pl.read_parquet(file) for file in files])[ROW].sort()

    def _repeats(self, low: int, high: int) -> pl.DataFrame:
        bounds = pl.col("a").is_between(pl.lit(low, pl.UInt64), pl.lit(high, pl.UInt64))
        rows = pl.concat(list(self._slice(bounds)))
        groups = rows.filter(pl.col("a").is_duplicated()).sort(ROW)  # few: the exact comparison is cheap on them
        key = pl.struct("a", "b")
        repeated = key.is_duplicated()
        if self._keep == "first":
            repeated &= ~key.is_first_distinct()
        elif self._keep == "last":
            repeated &= ~key.is_last_distinct()
        return groups.filter(repeated).select("chunk", ROW)

    def _slice(self, bounds: pl.Expr) -> Iterator[pl.DataFrame]:
        for file in sorted((self._folder / "keys").iterdir()):
            yield pl.scan_parquet(file).filter(bounds).collect()
