"""Parquet files as bytes."""

from __future__ import annotations

import io
from typing import Literal

import polars as pl


def parquet_bytes(
    frame: pl.DataFrame,
    *,
    compression: Literal["uncompressed", "lz4", "zstd"],
    level: int | None = None,
    statistics: bool = True,
) -> bytes:
    """The frame as a Parquet file; the same frame gives the same bytes.

    Args:
        frame: what to write.
        compression: LZ4 for what is read once and thrown away: it costs a third of zstd's CPU time. None for hashes,
            which would hardly become smaller.
        level: of zstd, from 1, the cheapest, to 22; None is 3.
        statistics: the bounds of each column's values, by which queries pass over files.
    """
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression=compression, compression_level=level, statistics=statistics)
    return buffer.getvalue()
