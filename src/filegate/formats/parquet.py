"""Parquet: slices of rows, read with the file's types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import polars as pl

from filegate.errors import MalformedObject, SchemaMismatch
from filegate.formats.columns import check_columns, listed
from filegate.formats.records import RESCUED, ROW, ExpectedColumn, RawChunk, Records, UnknownColumns
from filegate.runs.manifests import Chunk
from filegate.storage.objects import Blob

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
    """The file's columns, if they are the contract's; the caller checks their types.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
        SchemaMismatch: the columns are not the contract's, or have nested values.
    """
    schema = parquet_schema(blob)
    check_columns(tuple(schema), columns, on_unknown_columns, name=blob.name)
    nested = [column.name for column in columns if _is_nested(schema.get(column.name))]
    if nested:
        raise SchemaMismatch(
            f"{blob.name}: columns of the contract have nested values: {listed(nested)}.",
            advice="Flatten them before the file is written.",
        )
    return tuple(schema)


def split_parquet(blob: Blob, chunk_bytes: int) -> Iterator[RawChunk]:
    """Slices of about `chunk_bytes`, on disk or in memory, whichever gives fewer rows.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
    """
    rows = _guarded(blob, lambda: int(_scan(blob).select(pl.len()).collect().item()))
    # A value takes at least 8 bytes in memory, however well it is compressed in the file.
    row_bytes = max(blob.size / max(rows, 1), 8 * len(parquet_schema(blob)))
    step = max(1, int(chunk_bytes / row_bytes))
    for start in range(0, rows, step):
        length = min(step, rows - start)
        yield RawChunk(start, length, length)


class ParquetReader:
    """Reads slices of files with these columns."""

    def __init__(
        self, columns: Sequence[str], expected: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
    ) -> None:
        known = {column.name for column in expected}
        self._kept = [pl.col(name) for name in columns if name in known]
        self._unknown = [name for name in columns if name not in known]
        self._rescue = on_unknown_columns == "rescue"

    def read(self, blob: Blob, chunk: Chunk) -> Records:
        """See `Reader.read`."""
        start, length = chunk.start, chunk.length
        columns = [*self._kept, _rescued(blob, self._unknown)] if self._rescue else self._kept
        frame = _guarded(blob, lambda: _scan(blob).slice(start, length).select(columns or pl.len()).collect())
        numbers = pl.int_range(chunk.first_row, chunk.first_row + length, dtype=pl.Int64, eager=True).alias(ROW)
        if columns and frame.height != length:
            raise MalformedObject(
                f"{blob.name}: rows {start} to {start + length} are {frame.height} rows in its pages."
            )
        frame = frame.insert_column(0, numbers) if columns else numbers.to_frame()
        return Records(frame, (), (), lambda rows: pl.Series(rows.name, [None] * len(rows), dtype=pl.Int64))


def _scan(blob: Blob) -> pl.LazyFrame:
    return pl.scan_parquet(blob.path(), glob=False)


def _rescued(blob: Blob, unknown: Sequence[str]) -> pl.Expr:
    """The unknown columns as one JSON object: scalars as strings, nested values as JSON."""
    schema = parquet_schema(blob)
    values = []
    for name in unknown:
        column = pl.selectors.by_name(name).as_expr()  # `pl.col` would interpret a name like "^.*$" as a pattern
        if schema[name] == pl.Binary:
            values.append(column.bin.encode("base64"))
        else:
            values.append(column if _is_nested(schema[name]) else column.cast(pl.String))
    return (pl.struct(values).struct.json_encode() if values else pl.lit(None, pl.String)).alias(RESCUED)


def _is_nested(dtype: pl.DataType | None) -> bool:
    return dtype is not None and dtype.is_nested()


def _guarded(blob: Blob, work: Callable[[], _T]) -> _T:
    """The result of `work`; a file that polars cannot read is malformed."""
    try:
        return work()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        if isinstance(error, OSError) and not blob.path().exists():
            raise
        raise MalformedObject(
            f"{blob.name}: the Parquet file is truncated or corrupt ({str(error).splitlines()[0][:200]}).",
            advice="Deliver the file again.",
        ) from error
