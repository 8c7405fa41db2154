"""Bytes as text, value by value: polars refuses a whole column for one value that is not UTF-8."""

from __future__ import annotations

import polars as pl

_MIN_HALF = 256
"""So many values are decoded one by one; more are halved, until those that are not UTF-8 stand alone."""


def utf8(values: pl.Series) -> pl.Series:
    """Binary values as strings; null where they are not UTF-8."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.ComputeError:
        half = len(values) // 2
        if half >= _MIN_HALF:
            return utf8(values[:half]).append(utf8(values[half:]))
        return pl.Series(values.name, [_decoded(value) for value in values], pl.String)


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
