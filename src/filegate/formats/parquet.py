"""Parquet: slices of rows, read with the types they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import polars as pl

from filegate.errors import MalformedObject, SchemaMismatch
from filegate.formats.columns import check_columns, listed
from filegate.formats.records import RESCUED, ROW, ExpectedColumn, Piece, Records, UnknownColumns
from filegate.storage.blob import Blob

_T = TypeVar("_T")


def parquet_schema(blob: Blob) -> pl.Schema:
    """The file's columns and their polars types, from its footer.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
    """
    return _guarded(blob, lambda: _scan(blob).collect_schema())


def parquet_columns(
    blob: Blob, columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> tuple[str, ...]:
    """The file's columns, once they are found to be the contract's; their types are the caller's to judge.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
        SchemaMismatch: the columns are not the contract's, or hold nested values.
    """
    schema = parquet_schema(blob)
    check_columns(tuple(schema), columns, on_unknown_columns, name=blob.name)
    nested = [column.name for column in columns if _is_nested(schema.get(column.name))]
    if nested:
        raise SchemaMismatch(
            f"{blob.name}: columns of the contract hold nested values: {listed(nested)}.",
            advice="Flatten them where the file is written.",
        )
    return tuple(schema)


def cut_parquet(blob: Blob, chunk_bytes: int) -> Iterator[Piece]:
    """Slices of about `chunk_bytes`, on disk or in memory, whichever gives fewer rows.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
    """
    rows = _guarded(blob, lambda: int(_scan(blob).select(pl.len()).collect().item()))
    # A value takes 8 bytes in memory or more, however well it is compressed in the file.
    row_bytes = max(blob.size / max(rows, 1), 8 * len(parquet_schema(blob)))
    step = max(1, int(chunk_bytes / row_bytes))
    for start in range(0, rows, step):
        length = min(step, rows - start)
        yield Piece(start, length, length)


def read_parquet(
    blob: Blob, *, start: int, length: int, first_row: int, columns: Sequence[str], wanted: Sequence[str], rescue: bool
) -> Records:
    """The rows of one slice.

    Args:
        blob: the file.
        start: its first row, from 0.
        length: number of rows.
        first_row: the number of the first one, from 1.
        columns: names of the file's columns.
        wanted: those of the contract.
        rescue: whether the values of the others go to `_rescued`.

    Raises:
        MalformedObject: a page is corrupt.
    """
    unknown = [name for name in columns if name not in wanted]
    kept = [pl.col(name) for name in columns if name in wanted]
    if rescue:
        kept.append(_rescued(blob, unknown))
    frame = _guarded(blob, lambda: _scan(blob).slice(start, length).select(kept or pl.len()).collect())
    numbers = pl.int_range(first_row, first_row + length, dtype=pl.Int64, eager=True).alias(ROW)
    if kept and frame.height != length:
        raise MalformedObject(f"{blob.name}: rows {start} to {start + length} are {frame.height} rows in its pages.")
    frame = frame.insert_column(0, numbers) if kept else numbers.to_frame()
    return Records(frame, (), (), lambda rows: pl.Series(rows.name, [None] * len(rows), dtype=pl.Int64))


def _scan(blob: Blob) -> pl.LazyFrame:
    return pl.scan_parquet(blob.path(), glob=False)


def _rescued(blob: Blob, unknown: Sequence[str]) -> pl.Expr:
    """The unknown columns as one JSON object: scalars as texts, nested values as JSON."""
    schema = parquet_schema(blob)
    texts = []
    for name in unknown:
        column = pl.selectors.by_name(name).as_expr()  # `pl.col` would take a name like "^.*$" for a pattern
        if schema[name] == pl.Binary:
            texts.append(column.bin.encode("base64"))
        else:
            texts.append(column if _is_nested(schema[name]) else column.cast(pl.String))
    return (pl.struct(texts).struct.json_encode() if texts else pl.lit(None, pl.String)).alias(RESCUED)


def _is_nested(dtype: pl.DataType | None) -> bool:
    return dtype is not None and dtype.is_nested()


def _guarded(blob: Blob, work: Callable[[], _T]) -> _T:
    """What `work` gives; a file that polars cannot read is malformed."""
    try:
        return work()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        if isinstance(error, OSError) and not blob.path().exists():
            raise
        raise MalformedObject(
            f"{blob.name}: the Parquet file is truncated or corrupt ({str(error).splitlines()[0][:200]}).",
            advice="Deliver the file again.",
        ) from error
