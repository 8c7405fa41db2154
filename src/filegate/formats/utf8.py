"""Text for polars: values that are not UTF-8, for one of which it refuses a whole column; and beginnings of CSV."""

from __future__ import annotations

import codecs
from typing import Final

import polars as pl

_MIN_HALF = 256
"""So many values are decoded one by one; more are halved, until those that are not UTF-8 stand alone."""

_TAKEN_FOR_OTHERS: Final = (codecs.BOM_UTF8, b"x\x01", b"x^", b"x\x9c", b"x\xda", b"\x1f\x8b", b"(\xb5/\xfd")
"""Beginnings of a byte-order mark and of zlib's, gzip's and zstd's files: polars removes, or decompresses."""


def as_csv(text: bytes) -> bytes:
    """The text as polars reads all of it as CSV, whatever its first value begins with."""
    return codecs.BOM_UTF8 + text if text.startswith(_TAKEN_FOR_OTHERS) else text


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
