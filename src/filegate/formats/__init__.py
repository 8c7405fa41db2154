"""Formats: what an object is, where its chunks are, and what records a chunk holds.

`sniff` tells how an object is written, `cut` finds its record-aligned pieces in one pass, `read` gives the records of
one of them. All that is wrong with a file is an error of `filegate.errors`; all that is wrong with a record is in what
`read` returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from filegate.formats.csv.reader import csv_grammar, read_csv
from filegate.formats.json.array import cut_array
from filegate.formats.json.lines import line_grammar
from filegate.formats.json.reader import read_json
from filegate.formats.parquet import cut_parquet, parquet_schema, read_parquet
from filegate.formats.records import (
    RESCUED,
    ROW,
    ExpectedColumn,
    Fault,
    Malformed,
    Piece,
    Records,
    Scalar,
    UnknownColumns,
)
from filegate.formats.sniff import sniff
from filegate.formats.sources import Json, Parquet, Source
from filegate.formats.text import cut_text, open_text, read_text, unreadable
from filegate.runs.layout import Compression, Format, Layout
from filegate.storage.blob import Blob, FileBlob

__all__ = [
    "RESCUED",
    "ROW",
    "Blob",
    "Compression",
    "ExpectedColumn",
    "Fault",
    "FileBlob",
    "Format",
    "Layout",
    "Malformed",
    "Piece",
    "Records",
    "Scalar",
    "UnknownColumns",
    "cut",
    "parquet_schema",
    "read",
    "sniff",
]


def cut(blob: Blob, layout: Layout, source: Source, *, chunk_bytes: int) -> Iterator[Piece]:
    """The object's record-aligned pieces, in order; every byte after the header is in exactly one of them.

    Memory: about twice `chunk_bytes`, whatever the object's size.

    Args:
        blob: the object.
        layout: what `sniff` told of it.
        source: the one of its dataset's sources that `layout.source` names.
        chunk_bytes: how long a piece shall be; only a single longer record makes a longer one.

    Raises:
        MalformedObject: the object is truncated or corrupt.
        ObjectTooLarge: it expands beyond the bounds.
    """
    if isinstance(source, Parquet):
        return cut_parquet(blob, chunk_bytes)
    text = open_text(blob, layout.compression, layout.encoding, guessed=source.encoding is None)
    if layout.format == "json_array":
        return cut_array(text, layout.data_start, line_grammar(), chunk_bytes, blob.name)
    if isinstance(source, Json):
        return cut_text(text, layout, line_grammar(), chunk_bytes)
    return cut_text(text, layout, csv_grammar(source, len(layout.columns)), chunk_bytes)


def read(
    blob: Blob,
    *,
    start: int,
    length: int,
    first_row: int,
    layout: Layout,
    source: Source,
    columns: Sequence[ExpectedColumn],
    on_unknown_columns: UnknownColumns,
    origin: int,
) -> Records:
    """The records of one piece.

    Args:
        blob: what holds the piece: the object, or the piece alone where `layout.staged`.
        start: the piece's first byte in `blob`; for Parquet its first row.
        length: the piece's length in bytes; for Parquet in rows.
        first_row: the number of its first record.
        layout: what `sniff` told of the object.
        source: the one of its dataset's sources that `layout.source` names.
        columns: the contract's columns.
        on_unknown_columns: what a column that the contract does not name means.
        origin: where the piece starts in the decompressed UTF-8 text.

    Raises:
        MalformedObject: a Parquet page is corrupt.
        ConservationError: `blob` does not hold the piece.
    """
    wanted = [column.name for column in columns]
    rescue = on_unknown_columns == "rescue"
    if isinstance(source, Parquet):
        return read_parquet(
            blob,
            start=start,
            length=length,
            first_row=first_row,
            columns=layout.columns,
            wanted=wanted,
            rescue=rescue,
        )
    grammar = line_grammar() if isinstance(source, Json) else csv_grammar(source, len(layout.columns))
    data = read_text(blob, start, length, first_row, grammar)
    if isinstance(data, Malformed):
        names = wanted if isinstance(source, Json) else [name for name in layout.columns if name in wanted]
        return unreadable(data, names, rescue=rescue, origin=origin)
    if isinstance(source, Json):
        return read_json(
            data,
            first_row=first_row,
            source=source,
            columns=columns,
            on_unknown_columns=on_unknown_columns,
            origin=origin,
        )
    return read_csv(
        data,
        first_row=first_row,
        source=source,
        columns=layout.columns,
        wanted=wanted,
        types={column.name: column.dtype for column in columns if column.name not in source.date_formats},
        rescue=rescue,
        origin=origin,
    )
