"""CSV: the records of one chunk."""

from __future__ import annotations

from collections.abc import Sequence

from filegate.formats.csv.grammar import csv_grammar
from filegate.formats.csv.plain import PlainReader
from filegate.formats.csv.projection import Projection
from filegate.formats.csv.tolerant import read_tolerantly
from filegate.formats.reader import TextReader
from filegate.formats.records import ExpectedColumn, Records, UnknownColumns
from filegate.formats.sources import Csv
from filegate.runs.manifests import Chunk


class CsvReader(TextReader):
    """Reads the chunks of files of one dialect.

    There are three ways to read a record, which give the same values: polars with types, if the whole chunk is plain;
    polars as strings, with each byte accounted for, if the index finds the record's end; and the grammar.

    Args:
        source: the dialect.
        columns: names of the file's columns.
        expected: the contract's columns.
        on_unknown_columns: the policy on columns that the contract does not have.
    """

    def __init__(
        self,
        source: Csv,
        columns: Sequence[str],
        expected: Sequence[ExpectedColumn],
        on_unknown_columns: UnknownColumns,
    ) -> None:
        dtypes = {column.name: column.dtype for column in expected}
        projection = Projection(columns, dtypes, source.null_values, rescue=on_unknown_columns == "rescue")
        super().__init__(csv_grammar(source, len(columns)), projection.names)
        self._source = source
        self._projection = projection
        types = {
            place: dtype
            for name, place in projection.places.items()
            if (dtype := dtypes[name]) is not None and name not in source.date_formats
        }
        self._plain = PlainReader(source, self._grammar, projection, types)

    def _records(self, data: bytes, chunk: Chunk) -> Records:
        records = self._plain.read(data, chunk)
        return records or read_tolerantly(data, chunk, self._source, self._grammar, self._projection)
