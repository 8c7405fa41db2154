"""What readers of text share: null values, and a buffer for rows that are read one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from operator import and_
from typing import Final

import polars as pl

from filegate.formats.records import ROW

BATCH_ROWS: Final = 8192
BATCH_VALUES: Final = 1 << 17
"""Python strings take several times the memory of a frame's: no more rows, or values, than this are kept as such."""

_MIN_ROWS: Final = 64
"""For fewer rows than this, a frame's columns take more memory than the strings."""


def null_if_in(strings: pl.Expr, null_values: Collection[str]) -> pl.Expr:
    """The strings, null if they are one of the null values."""
    if not null_values:
        return strings
    return pl.when(reduce(and_, (strings != null for null in null_values))).then(strings)


class RowBuffer:
    """Numbered rows of strings, or of bytes, collected into a frame in batches."""

    def __init__(self, columns: Iterable[str], dtype: type[pl.String] | type[pl.Binary] = pl.String) -> None:
        self._columns = tuple(columns)
        self._dtype = dtype
        self._batch_rows = min(BATCH_ROWS, max(_MIN_ROWS, BATCH_VALUES // max(1, len(self._columns))))
        self._frames: list[pl.DataFrame] = []
        self._values: list[Sequence[str | bytes | None]] = []
        self._flushed = 0
        self.rows: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, row: int, values: Sequence[str | bytes | None]) -> None:
        self.rows.append(row)
        self._values.append(values)
        if len(self._values) == self._batch_rows:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """`__row__` and the columns, in the order in which the rows were added."""
        self._flush()
        return pl.concat(self._frames)

    def _flush(self) -> None:
        columns = zip(*self._values, strict=True) if self._values else ((),) * len(self._columns)
        series = [pl.Series(name, values, self._dtype) for name, values in zip(self._columns, columns, strict=True)]
        numbers = pl.Series(ROW, self.rows[self._flushed :], pl.Int64)
        self._frames.append(pl.DataFrame([numbers, *series]))
        self._flushed = len(self.rows)
        self._values.clear()
