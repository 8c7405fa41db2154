"""The columns of a file that are read: their types, their pages, and the values of any of its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias

import polars as pl

from filegate.errors import ObjectTooLarge, SchemaMismatch
from filegate.formats.parquet.decode import ColumnSelection, Selection, decode, expanded_bytes, longest_in_dictionary
from filegate.formats.parquet.footer import BYTE_ARRAY, INT96, Column, Footer, RowGroup, malformed
from filegate.formats.parquet.pages import DELTA_BYTE_ARRAY, Page, walk
from filegate.formats.parquet.thrift import Struct
from filegate.formats.parquet.types import ColumnType, UnsupportedType, column_type, nested_elements

MAX_DECODED_BYTES: Final = 32 << 20
"""Of the values of a slice, strings as long as they are. Validate's function holds them several times over."""

MAX_BATCH_BYTES: Final = 16 << 20
"""Of the pages that are decompressed at once; a single column may have more."""

MAX_NESTED_BYTES: Final = 64 << 20
"""Of the nested values of a column in a row group."""

SHORT_DICTIONARY: Final = 64
"""Bytes of a dictionary that is not decoded: none of its strings is longer."""

VALUE_BYTES: Final = 16
"""What a value takes at most, besides the characters of a string."""


@dataclass(frozen=True, eq=False)
class TableColumn:
    """A column that is read.

    Attributes:
        column: the column.
        type: how its values are read; None of a nested one, which polars reads by itself.
    """

    column: Column
    type: ColumnType | None

    @property
    def elements(self) -> Sequence[Struct]:
        """Its part of the schema, as polars is to read it."""
        return nested_elements(self.column) if self.type is None else (self.type.element,)

    @property
    def strings(self) -> bool:
        """Whether its values have any length."""
        return self.type is not None and self.type.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Binary)


_Selected: TypeAlias = tuple[TableColumn, ColumnSelection]


@dataclass(frozen=True)
class Span:
    """Some rows of a row group: from `first` to before `end`, from 0 in the row group."""

    row_group: RowGroup
    first: int
    end: int


class Table:
    """Some columns of a file.

    Args:
        footer: the file's.
        wanted: the contract's types of the columns to read, by name; None of one that is not in the contract.

    Raises:
        SchemaMismatch: a column has values that are not supported.
    """

    def __init__(self, footer: Footer, wanted: Mapping[str, pl.DataType | None]) -> None:
        self.footer = footer
        self._wanted = wanted
        self.columns = [
            _table_column(footer, each, wanted[each.name]) for each in footer.columns if each.name in wanted
        ]
        self._pages: dict[RowGroup, dict[int, Selection]] = {}
        self._lengths: dict[tuple[int, int], int] = {}

    def read(self, file: BinaryIO, start: int, length: int) -> pl.DataFrame:
        """The columns in the rows [start, start + length), typed.

        Raises:
            MalformedObject: pages contradict the footer, have another checksum, or cannot be decoded.
            ObjectTooLarge: the values exceed the bound.
        """
        spans = list(self._spans(start, length))
        by_rows: dict[tuple[tuple[int, int], ...], list[_Selected]] = defaultdict(list)
        for column, selected, rows in self._select(file, spans):
            by_rows[rows].append((column, selected))
        stored: dict[TableColumn, pl.Series] = {}
        page_bytes = 0
        for rows, columns in by_rows.items():
            for batch in _batches(columns):
                counts = [end - first for first, end in rows]
                pages = [selected for _, selected in batch]
                decoded = decode(file, self.footer.name, pages, counts, (spans[0].first - rows[0][0], length))
                stored |= zip((each for each, _ in batch), decoded.get_columns(), strict=True)
                page_bytes += sum(selected.size for selected in pages)
        # What a dictionary or a prefix repeats was counted before the slice was made.
        if page_bytes > MAX_DECODED_BYTES and (size := sum(map(_size, stored.values()))) > MAX_DECODED_BYTES:
            raise ObjectTooLarge(
                f"{self.footer.name}: rows {start + 1:,} to {start + length:,} hold {size:,} bytes; at most "
                f"{MAX_DECODED_BYTES:,} are read at once.",
                advice="Deliver shorter values.",
            )
        return pl.DataFrame({each.column.name: self._typed(each, stored[each]) for each in self.columns})

    def decoded_bytes(self, file: BinaryIO, start: int, length: int) -> int:
        """About how many bytes the values of some rows take: strings of a dictionary are as long as its longest."""
        total = 0
        for span in self._spans(start, length):
            selections = self._selections(file, span.row_group)
            for each in self.columns:
                if each.type is None:
                    total += self._nested_bytes(file, each, selections, span)
                    continue
                total += (span.end - span.first) * VALUE_BYTES
                if each.strings:
                    total += self._string_bytes(file, each, selections[each.column.leaves.start], span)
        return total

    def _spans(self, start: int, length: int) -> Iterator[Span]:
        for group in self.footer.overlapping(start, start + length):
            first, end = max(start - group.first_row, 0), min(start + length - group.first_row, group.rows)
            if first < end:
                yield Span(group, first, end)

    def _select(
        self, file: BinaryIO, spans: Sequence[Span]
    ) -> Iterator[tuple[TableColumn, ColumnSelection, tuple[tuple[int, int], ...]]]:
        """Each column's pages that have any of the rows, and which rows of each row group these have."""
        found: list[list[tuple[Sequence[Selection], tuple[int, int]]]] = [[] for _ in self.columns]
        for span in spans:  # the outer loop: few row groups are kept
            selections = self._selections(file, span.row_group)
            for each, selected in zip(self.columns, found, strict=True):
                selected.append(_covering(each, selections, span))
        for column, selected in zip(self.columns, found, strict=True):
            row_groups, rows = zip(*selected, strict=True)
            yield column, ColumnSelection(column.elements, row_groups), rows

    def _selections(self, file: BinaryIO, row_group: RowGroup) -> dict[int, Selection]:
        """All pages of the columns in a row group, by the indexes of the leaves. Those of the latest two are kept."""
        if row_group not in self._pages:
            columns = [each.column for each in self.columns]
            chunks = self.footer.column_chunks(row_group, columns)
            while len(self._pages) > 1:
                del self._pages[next(iter(self._pages))]
            self._pages[row_group] = {
                leaf: Selection(chunks[leaf], walk(file, self.footer.name, column, chunks[leaf]))
                for column in columns
                for leaf in column.leaves
            }
            self._lengths.clear()
        return self._pages[row_group]

    def _nested_bytes(
        self, file: BinaryIO, column: TableColumn, selections: Mapping[int, Selection], span: Span
    ) -> int:
        """The same of a nested column, all of whose pages in the row group are decoded to find some of its rows."""
        decoded, total = 0, 0
        for leaf, element in zip(column.column.leaves, column.column.leaf_elements, strict=True):
            pages = selections[leaf].pages.data
            decoded += selections[leaf].size + VALUE_BYTES * sum(page.values for page in pages)
            if element.get(1) == BYTE_ARRAY:
                for page in pages:
                    total += page.values * self._string_length(file, column, element, selections[leaf], page)
        if decoded > MAX_NESTED_BYTES:
            raise ObjectTooLarge(
                f"{self.footer.name}: column {column.column.name!r} has {decoded:,} bytes in a row group; at most "
                f"{MAX_NESTED_BYTES:,} of nested values are read.",
                advice="Write smaller row groups, or declare on_unknown_columns='ignore'.",
            )
        return (decoded + total) * (span.end - span.first) // span.row_group.rows

    def _string_bytes(self, file: BinaryIO, column: TableColumn, selection: Selection, span: Span) -> int:
        total, element = 0, column.column.elements[0]
        for page in selection.pages.covering(span.first, span.end).data:
            share = min(page.first_value + page.values, span.end) - max(page.first_value, span.first)
            total += share * self._string_length(file, column, element, selection, page)
        return total

    def _string_length(
        self, file: BinaryIO, column: TableColumn, element: Struct, selection: Selection, page: Page
    ) -> int:
        """How long a string of the page is: the longest of its dictionary, or else on average."""
        source = selection.pages.dictionary if page.by_dictionary else page
        assert source is not None
        if not page.by_dictionary and page.encoding != DELTA_BYTE_ARRAY:
            return -(-page.size // max(1, page.values))
        if page.by_dictionary and source.size <= SHORT_DICTIONARY:
            return source.size
        if (known := self._lengths.get((source.start, source.end))) is not None:
            return known
        if page.by_dictionary:
            length = longest_in_dictionary(file, self.footer.name, element, selection.chunk, source)
        elif column.type is None:
            raise malformed(
                self.footer.name,
                f"column {column.column.name!r} has strings in nested values that are written as DELTA_BYTE_ARRAY, "
                "which is not supported",
                "Write it with another encoding.",
            )
        else:
            total = expanded_bytes(file, self.footer.name, element, selection.chunk, page)
            if total > MAX_DECODED_BYTES:
                raise ObjectTooLarge(
                    f"{self.footer.name}: a page of column {column.column.name!r} holds {total:,} bytes of strings; at "
                    f"most {MAX_DECODED_BYTES:,} are read.",
                    advice="Write smaller pages.",
                )
            length = -(-total // max(1, page.values))
        self._lengths[source.start, source.end] = length
        return length

    def _typed(self, column: TableColumn, values: pl.Series) -> pl.Series:
        if column.type is None:
            return values
        try:
            typed = column.type.typed(values)
            if self._wanted[column.column.name] is None and typed.dtype == pl.Binary != column.type.dtype:
                raise ValueError("it has text that is not UTF-8")
            return typed
        except ValueError as error:
            raise malformed(self.footer.name, f"column {column.column.name!r} is corrupt: {error}") from None


def _covering(
    column: TableColumn, selections: Mapping[int, Selection], span: Span
) -> tuple[Sequence[Selection], tuple[int, int]]:
    """The column's pages in one row group that have any of its rows, and which rows these have."""
    whole = [selections[leaf] for leaf in column.column.leaves]
    if column.type is None:  # where its rows begin is in the pages
        return whole, (0, span.row_group.rows)
    pages = whole[0].pages.covering(span.first, span.end)
    last = pages.data[-1]
    return [Selection(whole[0].chunk, pages)], (pages.data[0].first_value, last.first_value + last.values)


def _table_column(footer: Footer, column: Column, wanted: pl.DataType | None) -> TableColumn:
    if column.nested:
        if any(element.get(1) == INT96 for element in column.leaf_elements):
            raise SchemaMismatch(
                f"{footer.name}: column {column.name!r} has INT96 values within nested ones, which are not supported.",
                advice="Write timestamps as INT64, or declare on_unknown_columns='ignore'.",
            )
        return TableColumn(column, None)
    try:
        return TableColumn(column, column_type(column, wanted, julian=footer.julian))
    except UnsupportedType as error:
        raise SchemaMismatch(
            f"{footer.name}: column {column.name!r} has {error}, which are not supported.",
            advice="Write the column with another type, or leave it out of the contract.",
        ) from None


def _batches(columns: Sequence[_Selected]) -> Iterator[list[_Selected]]:
    batch: list[_Selected] = []
    size = 0
    for each in columns:
        if batch and size + each[1].size > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each[1].size
    if batch:
        yield batch


def _size(values: pl.Series) -> int:
    """The bytes of values, each string as long as it is: polars keeps but once what a dictionary repeats."""
    if values.dtype == pl.Binary:
        return VALUE_BYTES * len(values) + int(values.bin.size().sum())
    return int(values.estimated_size())
