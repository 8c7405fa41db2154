"""Keys of rows as 128-bit hashes: equal in every chunk and process for equal keys, within one release of polars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from filegate.formats.records import ROW

Keep = Literal["none", "first", "last"]

SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)  # of the hash's two halves; any two different ones


def key_hashes(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`__row__` and the two UInt64 halves of the hash of each row's key."""
    key = pl.struct(columns)
    return rows.select(ROW, *(key.hash(seed).alias(f"hash_{half}") for half, seed in enumerate(SEEDS, 1)))
