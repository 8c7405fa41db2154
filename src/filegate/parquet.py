"""Parquet files as bytes."""

from __future__ import annotations

import io
from typing import Literal

import polars as pl


def parquet_bytes(frame: pl.DataFrame, *, compression: Literal["lz4", "zstd"]) -> bytes:
    """The frame as a Parquet file; the same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression=compression)
    return buffer.getvalue()
