"""Parquet: slices of rows, read with the file's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from filegate.errors import ObjectTooLarge, SchemaMismatch
from filegate.formats.columns import check_columns, listed
from filegate.formats.parquet.as_json import as_json
from filegate.formats.parquet.footer import read_footer
from filegate.formats.parquet.table import MAX_DECODED_BYTES, Table
from filegate.formats.records import (
    KEPT_BYTES,
    ORIGINALS,
    RESCUED,
    ROW,
    ExpectedColumn,
    RawChunk,
    Records,
    UnknownColumns,
)
from filegate.formats.utf8 import utf8
from filegate.runs.manifests import Chunk
from filegate.storage.objects import Blob

EXPANSION_FREE_BYTES: Final = 1 << 30
"""Up to this size of a file's values no expansion is suspicious."""

MAX_EXPANSION: Final = 10_000
"""By how many times a file's values may exceed its size beyond that, each string as long as it is: columns of one value
do so by thousands, a bomb by millions. What compression alone may do is bounded by `MAX_PAGE_BYTES`."""


def parquet_columns(
    blob: Blob, columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> tuple[str, ...]:
    """The file's columns, if they are the contract's; the caller checks their types.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
        SchemaMismatch: the columns are not the contract's, or have nested values.
    """
    footer = read_footer(blob)
    found = {column.name: column for column in footer.columns}
    check_columns([column.name for column in footer.columns], columns, on_unknown_columns, name=blob.name)
    nested = [column.name for column in columns if column.name in found and found[column.name].nested]
    if nested:
        raise SchemaMismatch(
            f"{blob.name}: columns of the contract have nested values: {listed(nested)}.",
            advice="Flatten them before the file is written.",
        )
    return tuple(column.name for column in footer.columns)


def parquet_schema(blob: Blob, columns: Sequence[ExpectedColumn]) -> pl.Schema:
    """The types of the contract's columns that the file has, from its footer.

    Raises:
        MalformedObject: the footer is truncated or corrupt.
        SchemaMismatch: a column has values that are not supported.
    """
    table = Table(read_footer(blob), {column.name: column.dtype or pl.String() for column in columns})
    return pl.Schema({each.column.name: each.type.dtype for each in table.columns if each.type is not None})


def split_parquet(
    blob: Blob, chunk_bytes: int, columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> Iterator[RawChunk]:
    """Slices of about `chunk_bytes`, on disk or in memory, whichever gives fewer rows.

    Raises:
        MalformedObject: the footer is truncated or corrupt, or the pages have other rows than it says.
        ObjectTooLarge: the values of a row, or a page, exceed the bounds.
    """
    footer = read_footer(blob)
    table = Table(footer, _wanted([column.name for column in footer.columns], columns, on_unknown_columns))
    # A value takes at least 8 bytes in memory, however well it is compressed in the file.
    row_bytes = max(blob.size / max(footer.rows, 1), 8 * len(footer.columns))
    step = max(1, int(chunk_bytes / row_bytes))
    start, total = 0, 0
    with blob.path().open("rb") as file:
        while start < footer.rows:
            length = min(step, footer.rows - start)
            while (size := table.decoded_bytes(file, start, length)) > MAX_DECODED_BYTES and length > 1:
                length //= 2
            if size > MAX_DECODED_BYTES:
                raise ObjectTooLarge(
                    f"{blob.name}: row {start + 1:,} holds up to {size:,} bytes; "
                    f"at most {MAX_DECODED_BYTES:,} are read.",
                    advice="Deliver shorter values.",
                )
            total += size
            if total > max(EXPANSION_FREE_BYTES, MAX_EXPANSION * blob.size):
                raise ObjectTooLarge(
                    f"{blob.name}: its first {start + length:,} rows hold {total:,} bytes, more than "
                    f"{MAX_EXPANSION:,} times its {blob.size:,} bytes.",
                    advice="If the data is genuine, deliver it with less compression.",
                )
            yield RawChunk(start, length, length)
            start += length


class ParquetReader:
    """Reads slices of files with these columns."""

    def __init__(
        self, columns: Sequence[str], expected: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
    ) -> None:
        self._wanted = _wanted(columns, expected, on_unknown_columns)
        self._known = [name for name in columns if self._wanted.get(name) is not None]
        self._unknown = [name for name in self._wanted if self._wanted[name] is None]
        self._rescue = on_unknown_columns == "rescue"
        self._tables: dict[Path, Table] = {}

    def read(self, blob: Blob, chunk: Chunk) -> Records:
        """See `Reader.read`."""
        path = blob.path()
        with path.open("rb") as file:
            if path not in self._tables:
                self._tables = {path: Table(read_footer(blob), self._wanted)}
            table = self._tables[path]
            rows = table.read(file, chunk.start, chunk.length) if table.columns else pl.DataFrame()
        frame = pl.DataFrame([_numbers(chunk), *(rows[name] for name in self._known)])
        if self._rescue:
            frame = frame.with_columns(self._rescued(blob, rows))
        return Records(
            frame,
            (),
            (),
            lambda numbers: pl.Series(numbers.name, [None] * len(numbers), dtype=pl.Int64),
            originals=_not_utf8(frame),
        )

    def _rescued(self, blob: Blob, rows: pl.DataFrame) -> pl.Expr | pl.Series:
        """The unknown columns as one JSON object: scalars as strings, nested values as JSON."""
        if not self._unknown:
            return pl.lit(None, pl.String).alias(RESCUED)
        try:
            return as_json([rows[name] for name in self._unknown])
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = next(iter(str(error).splitlines()), "")[:200]
            raise SchemaMismatch(
                f"{blob.name}: values of columns outside of the contract cannot be rescued as JSON: {reason}.",
                advice="Declare on_unknown_columns='ignore', or write them with other types.",
            ) from error


def _wanted(
    names: Sequence[str], columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> Mapping[str, pl.DataType | None]:
    """The columns to read, and the contract's types of those that it has."""
    known = {column.name: column.dtype or pl.String() for column in columns}
    return {name: known.get(name) for name in names if name in known or on_unknown_columns == "rescue"}


def _numbers(chunk: Chunk) -> pl.Series:
    first = chunk.first_row
    return pl.int_range(first, first + chunk.length, dtype=pl.Int64, eager=True).alias(ROW)


def _not_utf8(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with text that is not UTF-8, and the bytes of the first such value."""
    columns = [name for name, dtype in frame.schema.items() if dtype == pl.Binary]
    if not columns:
        return pl.DataFrame(schema=ORIGINALS)
    invalid = [pl.when(utf8(frame[name]).is_null()).then(frame[name]) for name in columns]
    return frame.select(ROW, raw=pl.coalesce(invalid).bin.slice(0, KEPT_BYTES)).filter(pl.col("raw").is_not_null())
