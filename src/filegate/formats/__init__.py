"""Formats: how an object is written, where its chunks are, and which records a chunk holds.

`sniff` detects an object's layout, `split` finds its record-aligned chunks in one pass, and the reader that
`make_reader` returns reads the records of each chunk. A faulty file raises an error of `filegate.errors`; a faulty
record is described in the `Records` that it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from filegate.formats.csv.grammar import csv_grammar, line_grammar
from filegate.formats.csv.reader import CsvReader
from filegate.formats.json.reader import JsonReader
from filegate.formats.json.splitter import ValueSplitter
from filegate.formats.parquet.reader import ParquetReader, parquet_schema, split_parquet
from filegate.formats.reader import Reader
from filegate.formats.records import RESCUED, ROW, ExpectedColumn, Malformed, RawChunk, Records, UnknownColumns
from filegate.formats.sniff import sniff
from filegate.formats.sources import Json, Parquet, Source
from filegate.formats.text import TextSplitter, open_text
from filegate.runs.manifests import STAGED_AS, Layout
from filegate.storage.objects import Blob

__all__ = [
    "RESCUED",
    "ROW",
    "ExpectedColumn",
    "Malformed",
    "RawChunk",
    "Reader",
    "Records",
    "UnknownColumns",
    "make_reader",
    "parquet_schema",
    "sniff",
    "split",
]


def split(
    blob: Blob,
    layout: Layout,
    source: Source,
    *,
    chunk_bytes: int,
    columns: Sequence[ExpectedColumn] = (),
    on_unknown_columns: UnknownColumns = "ignore",
) -> Iterator[RawChunk]:
    """The object's record-aligned chunks, in order; every byte after the header is in exactly one of them.

    Only a single longer record makes a chunk longer than `chunk_bytes`. Memory: about twice `chunk_bytes`, whatever the
    object's size. `source` is the one of the dataset's sources with the index `layout.source`; `columns` and
    `on_unknown_columns` say which pages of a Parquet file will be read, and are checked.

    Raises:
        MalformedObject: the object is truncated or corrupt.
        ObjectTooLarge: it expands beyond the bounds.
    """
    if isinstance(source, Parquet):
        return split_parquet(blob, chunk_bytes, columns, on_unknown_columns)
    text = open_text(blob, layout.compression, layout.encoding)
    if layout.format in STAGED_AS:
        return ValueSplitter(text, layout, line_grammar(), chunk_bytes, blob.name).chunks()
    grammar = line_grammar() if isinstance(source, Json) else csv_grammar(source, len(layout.columns))
    return TextSplitter(text, layout, grammar, chunk_bytes).chunks()


def make_reader(
    layout: Layout, source: Source, columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> Reader:
    """The reader for all chunks of an object; `source`: the one with the index `layout.source`."""
    if isinstance(source, Parquet):
        return ParquetReader(layout.columns, columns, on_unknown_columns)
    if isinstance(source, Json):
        return JsonReader(layout, source, columns, on_unknown_columns)
    return CsvReader(source, layout.columns, columns, on_unknown_columns, layout.encoding)
