"""Rows that share a key, found over a whole object in bounded memory.

Keys, as 128-bit hashes, go to files in a scratch folder, each with those of some chunks and roughly in order; then the
hash space is walked slice by slice, each slice small enough to hold. Two different keys share a 128-bit hash with a
probability below n² / 2¹²⁹ (the birthday bound): 10⁻²² for a billion rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import polars as pl

from filegate.formats.model import ROW

Keep = Literal["none", "first", "last"]

SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)  # of the hash's two halves; any two different ones will do
HASH_SPACE = 1 << 64
SLICE_ROWS = 400_000  # about 10 MB while a slice is searched
FILE_ROWS = 150_000  # each slice looks into each file: few are better than one a chunk
PARTS = 64  # of the hash space, in whose order the keys of a file are: a third of the price of sorting them
_KEYS = pl.Schema({ROW: pl.Int64(), "a": pl.UInt64(), "b": pl.UInt64(), "chunk": pl.UInt32()})
ROW_GROUP = 16_384  # small, so that the statistics skip what is outside a slice


def key_hashes(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`__row__` and the two UInt64 halves of the hash of each row's key."""
    key = pl.struct(columns)
    return rows.select(ROW, *(key.hash(seed).alias(f"hash_{half}") for half, seed in enumerate(SEEDS, 1)))


class KeyIndex:
    """The keys of one object's rows, or of one slice of their hash space.

    `folder` is an empty scratch folder; `keep` says which row of a repeated group is not reported.
    """

    def __init__(self, folder: Path, keep: Keep) -> None:
        self._folder = folder
        self._keep = keep
        self._unwritten: dict[int, pl.DataFrame] = {}
        self._unwritten_slices: list[pl.DataFrame] = []
        self._file_of: dict[int, Path] = {}
        self._rows: dict[Path, int] = {}
        self._repeats: list[pl.DataFrame] = []
        self._repeats_written = 0
        self._chunks: set[int] = set()

    def add(self, chunk: int, keys: pl.DataFrame) -> None:
        """Sets a chunk's keys: `__row__` and the two UInt64 halves of each row's hash."""
        if (file := self._file_of.pop(chunk, None)) is not None:
            self._write(file, pl.read_parquet(file).filter(pl.col("chunk") != chunk))
        half_a, half_b = (name for name in keys.columns if name != ROW)
        columns = (pl.col(half_a).alias("a"), pl.col(half_b).alias("b"), pl.lit(chunk, pl.UInt32).alias("chunk"))
        self._unwritten[chunk] = keys.select(ROW, *columns)
        if sum(map(len, self._unwritten.values())) >= FILE_ROWS:
            self._write_all()

    def slices(self, of: int) -> Iterator[pl.DataFrame]:
        """The keys in so many equal slices of the hash space, one after another: `__row__`, `a`, `b`, `chunk`.

        Memory: twice what they take, 32 bytes each.
        """
        self._write_all()
        keys = pl.concat([pl.DataFrame(schema=_KEYS), *(pl.read_parquet(file) for file in self._rows)]).sort("a")
        starts = [HASH_SPACE * number // of for number in range(1, of)]
        cuts = [0, *keys["a"].search_sorted(pl.Series(starts, dtype=pl.UInt64)).to_list(), keys.height]
        return (keys[start:end] for start, end in pairwise(cuts))

    def add_slice(self, keys: pl.DataFrame) -> None:
        """Adds one of the `slices` of this index or of others."""
        self._unwritten_slices.append(keys)
        if sum(map(len, self._unwritten_slices)) >= FILE_ROWS:
            self._write_all()

    def settle(self, number: int = 0, of: int = 1) -> list[int]:
        """Finds the repeated rows among the keys, which are gone then; returns all chunks that have some, in order.

        Args:
            number: of so many equal slices of the hash space, the one whose keys were added.
            of: how many.
        """
        if self._are_distinct():
            self._unwritten.clear()
        self._write_all()
        slices = -(-sum(self._rows.values()) // SLICE_ROWS)
        for bounds in (_within(number * slices + part, of * slices) for part in range(slices)):
            groups = self._repeated_keys(bounds)
            if groups.height:
                self._note_repeats(bounds, groups)
        for file in self._rows:
            file.unlink()
        self._rows.clear()
        self._file_of.clear()
        return sorted(self._chunks)

    def repeats(self, chunk: int) -> pl.Series:
        """The numbers of the chunk's repeated rows, ascending. Only after `settle`."""
        self._write_repeats()
        files = (self._repeats_of(chunk, number) for number in range(self._repeats_written))
        rows = [pl.read_parquet(file) for file in files if file.exists()]
        return pl.concat([pl.DataFrame(schema={ROW: pl.Int64()}), *rows])[ROW].sort()

    def _repeats_of(self, chunk: int, number: int) -> Path:
        return self._folder / "repeats" / f"{chunk}-{number}.parquet"

    def _are_distinct(self) -> bool:
        """Whether a look at the first halves is enough: they are few, and no two are the same."""
        halves = [keys["a"] for keys in self._unwritten.values()]
        return bool(halves) and not self._rows and _repeated(pl.concat(halves)).is_empty()

    def _write_all(self) -> None:
        if self._unwritten:
            self._file_of |= dict.fromkeys(self._unwritten, self._new_file)
            self._write(self._new_file, pl.concat(self._unwritten.values()))
            self._unwritten.clear()
        if self._unwritten_slices:
            self._write(self._new_file, pl.concat(self._unwritten_slices))
            self._unwritten_slices.clear()

    @property
    def _new_file(self) -> Path:
        return self._folder / "keys" / f"{len(self._rows):06}.parquet"

    def _write(self, file: Path, keys: pl.DataFrame) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = (pl.col("a") // (HASH_SPACE // PARTS)).alias("part")
        parts = keys.with_columns(part).partition_by("part", as_dict=True, include_key=False)
        ordered = pl.concat([keys.clear(), *(parts[number] for number in sorted(parts))])
        ordered.write_parquet(file, compression="uncompressed", row_group_size=ROW_GROUP)
        self._rows[file] = keys.height

    def _suspects(self, bounds: pl.Expr) -> pl.Series:
        """The first halves that several keys of a slice have, each once: all that needs a closer look.

        A slice that holds more rows than its share repeats few keys often: those are told on the way, so that a key of
        a million rows takes the room of one.
        """
        suspects, found = pl.Series("a", dtype=pl.UInt64), pl.Series("a", dtype=pl.UInt64)
        for file in self._rows:
            found = found.append(pl.scan_parquet(file).filter(bounds).select("a").collect().to_series())
            if found.len() > 2 * SLICE_ROWS:
                suspects, found = suspects.append(_repeated(found)), found.unique()
        return suspects.append(_repeated(found)).unique()

    def _repeated_keys(self, bounds: pl.Expr) -> pl.DataFrame:
        """The keys of a slice that several rows have, with the row of each that is not reported (null: all are)."""
        found = pl.DataFrame(schema={"a": pl.UInt64, "b": pl.UInt64, "kept": pl.Int64, "rows": pl.UInt32})
        suspects = self._suspects(bounds).to_frame()
        for file in self._rows if suspects.height else ():
            rows = pl.col(ROW).alias("kept"), pl.lit(1, pl.UInt32).alias("rows")
            keys = pl.scan_parquet(file).filter(bounds).select("a", "b", *rows)
            found.extend(keys.join(suspects.lazy(), on="a", how="semi").collect())
            if found.height > 2 * SLICE_ROWS:
                found = self._counted(found)
        return self._counted(found).filter(pl.col("rows") > 1)

    def _counted(self, keys: pl.DataFrame) -> pl.DataFrame:
        kept = {"none": pl.lit(None, pl.Int64), "first": pl.col("kept").min(), "last": pl.col("kept").max()}[self._keep]
        return keys.group_by("a", "b").agg(kept.alias("kept"), pl.col("rows").sum())

    def _note_repeats(self, bounds: pl.Expr, groups: pl.DataFrame) -> None:
        for file in self._rows:
            rows = pl.scan_parquet(file).filter(bounds).collect().join(groups, on=["a", "b"])
            repeats = rows.filter(pl.col("kept").ne_missing(pl.col(ROW))).select("chunk", ROW)
            self._chunks.update(repeats["chunk"].unique())
            self._repeats.append(repeats)
        if sum(map(len, self._repeats)) >= SLICE_ROWS:
            self._write_repeats()

    def _write_repeats(self) -> None:
        """A file a chunk; not one a slice, too: there are many of both."""
        if self._repeats:
            (self._folder / "repeats").mkdir(parents=True, exist_ok=True)
            chunks = pl.concat(self._repeats).partition_by("chunk", as_dict=True, include_key=False)
            for (chunk,), rows in chunks.items():
                rows.write_parquet(self._repeats_of(chunk, self._repeats_written))
            self._repeats_written += 1
            self._repeats.clear()


def _repeated(halves: pl.Series) -> pl.Series:
    """Those that are there several times; once less than they are."""
    ordered = halves.sort()
    return ordered.filter(ordered == ordered.shift())


def _within(number: int, of: int) -> pl.Expr:
    """Whether a key is in one of so many equal slices of the hash space."""
    low, high = HASH_SPACE * number // of, HASH_SPACE * (number + 1) // of - 1
    return pl.col("a").is_between(pl.lit(low, pl.UInt64), pl.lit(high, pl.UInt64))
