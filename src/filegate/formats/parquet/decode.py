"""Pages decoded by polars, which is given a file of nothing but these pages, with a footer that is written here.

So polars never sees the object's own footer, and no column, row group or page that is not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import polars as pl

from filegate.errors import MalformedObject
from filegate.formats.parquet.footer import BYTE_ARRAY, INT32, MAGIC, REQUIRED, ColumnChunk, malformed
from filegate.formats.parquet.pages import (
    DATA,
    DELTA_BINARY_PACKED,
    PLAIN,
    RLE,
    Page,
    Pages,
    read_page,
    with_encoding,
)
from filegate.formats.parquet.thrift import I64, Struct, Value, encoded

_ROOT: Final = b"schema"


@dataclass(frozen=True)
class Selection:
    """Some pages of a column of values in a row group.

    Attributes:
        chunk: the column in its row group.
        pages: the pages, and the dictionary that they need.
    """

    chunk: ColumnChunk
    pages: Pages

    @property
    def size(self) -> int:
        """Bytes of the pages, decompressed."""
        dictionary = self.pages.dictionary
        return sum(page.size for page in self.pages.data) + (dictionary.size if dictionary else 0)

    def stored(self, file: BinaryIO, name: str) -> _Stored:
        dictionary = self.pages.dictionary
        return _Stored(
            self.chunk,
            sum(page.values for page in self.pages.data),
            self.size,
            read_page(file, dictionary, name) if dictionary else b"",
            b"".join([read_page(file, page, name) for page in self.pages.data]),
        )


@dataclass(frozen=True)
class ColumnSelection:
    """Some pages of a column of the table.

    Attributes:
        elements: its part of the schema, as polars is to read it.
        row_groups: for each row group, the pages of each of its columns of values.
    """

    elements: Sequence[Struct]
    row_groups: Sequence[Sequence[Selection]]

    @property
    def size(self) -> int:
        """Bytes of the pages, decompressed."""
        return sum(selection.size for group in self.row_groups for selection in group)


@dataclass(frozen=True)
class _Stored:
    """The bytes of pages, with their headers.

    Attributes:
        chunk: how they are written.
        values: how many they have, nulls included.
        size: of them, decompressed.
        dictionary: the page that `data` refers to, or nothing.
        data: the pages of values.
    """

    chunk: ColumnChunk
    values: int
    size: int
    dictionary: bytes
    data: bytes


def decode(
    file: BinaryIO, name: str, columns: Sequence[ColumnSelection], rows: Sequence[int], wanted: tuple[int, int]
) -> pl.DataFrame:
    """The values of some columns in some rows of the selected pages, as polars reads what `elements` say.

    Args:
        file: the object.
        name: of the object, for messages.
        columns: each with pages of the same rows.
        rows: how many these are, by row group.
        wanted: the first of these rows that is wanted, from 0, and how many are.

    Raises:
        MalformedObject: a page has another checksum than its header says, or cannot be decoded.
    """
    elements = [element for column in columns for element in column.elements]
    row_groups = [
        [selection.stored(file, name) for column in columns for selection in column.row_groups[index]]
        for index in range(len(rows))
    ]
    try:
        return _collected(name, elements, _scan(elements, row_groups, rows).slice(*wanted), wanted[1])
    except MalformedObject:
        if len(columns) > 1:  # which one is it?
            for column in columns:
                decode(file, name, [column], rows, wanted)
        raise


def longest_in_dictionary(file: BinaryIO, name: str, element: Struct, chunk: ColumnChunk, dictionary: Page) -> int:
    """The bytes of a dictionary's longest string. Its page differs from one of plain values in its header alone."""
    count = dictionary.values
    if not count:
        return 0
    body = read_page(file, dictionary, name)[dictionary.body - dictionary.start :]
    details: Struct = {1: count, 2: PLAIN, 3: RLE, 4: RLE}
    page = encoded({1: DATA, 2: dictionary.size, 3: len(body), 5: details}) + body
    stored = _Stored(replace(chunk, path=(element[4],)), count, dictionary.size, b"", page)
    elements = [{1: BYTE_ARRAY, 3: REQUIRED, 4: element[4]}]
    longest = _scan(elements, [[stored]], [count]).select(pl.first().bin.size().max())
    return int(_collected(name, elements, longest, 1).item())


def expanded_bytes(file: BinaryIO, name: str, element: Struct, chunk: ColumnChunk, page: Page) -> int:
    """At most how many bytes the strings of a page have that is written as DELTA_BYTE_ARRAY.

    Each begins with some bytes of the one before; how many is stored first, as whole numbers of its encoding.
    """
    data = with_encoding(read_page(file, page, name), DELTA_BINARY_PACKED)
    stored = _Stored(replace(chunk, physical=INT32), page.values, page.size, b"", data)
    elements = [{1: INT32, 3: element.get(3, REQUIRED), 4: element[4]}]
    repeated = _scan(elements, [[stored]], [page.values]).select(pl.first().clip(0).cast(pl.Int64).sum())
    return page.size + int(_collected(name, elements, repeated, 1).item())


def _collected(name: str, elements: Sequence[Struct], values: pl.LazyFrame, height: int) -> pl.DataFrame:
    try:
        frame = values.collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        column = elements[0][4].decode()
        reason = next(iter(str(error).splitlines()), "")[:200]
        if "not yet supported" in reason.lower():
            problem = f"column {column!r} is written in a way that is not supported ({reason})"
            raise malformed(name, problem, "Write it with another encoding or compression.") from error
        raise malformed(
            name,
            f"pages of column {column!r} cannot be decoded ({reason})",
            "Deliver the file again; if the reason stays the same, write it with another encoding or compression.",
        ) from error
    if frame.height != height:
        raise malformed(name, f"the pages of {height:,} rows hold {frame.height:,}")
    return frame


def _scan(elements: Sequence[Struct], row_groups: Sequence[Sequence[_Stored]], rows: Sequence[int]) -> pl.LazyFrame:
    return pl.scan_parquet(_file(elements, row_groups, rows), use_statistics=False, glob=False)


def _file(elements: Sequence[Struct], row_groups: Sequence[Sequence[_Stored]], rows: Sequence[int]) -> bytes:
    parts, position, groups = [MAGIC], len(MAGIC), list[Value]()
    for stored, count in zip(row_groups, rows, strict=True):
        columns = list[Value]()
        for each in stored:
            columns.append({2: I64(0), 3: _meta(each, position)})
            parts += (each.dictionary, each.data)
            position += len(each.dictionary) + len(each.data)
        groups.append({1: columns, 2: I64(sum(each.size for each in stored)), 3: I64(count)})
    columns_of_table = _top_level(elements)
    schema: list[Value] = [{4: _ROOT, 5: columns_of_table}, *elements]
    footer = encoded({1: 1, 2: schema, 3: I64(sum(rows)), 4: groups})
    return b"".join([*parts, footer, len(footer).to_bytes(4, "little"), MAGIC])


def _top_level(elements: Sequence[Struct]) -> int:
    """How many of the elements are no other's children."""
    return len(elements) - sum(element.get(5) or 0 for element in elements)


def _meta(stored: _Stored, start: int) -> Value:
    chunk, data_at = stored.chunk, start + len(stored.dictionary)
    meta: dict[int, Value] = {
        1: chunk.physical,
        2: [0],  # encodings: readers go by the pages'
        3: chunk.path,
        4: chunk.codec,
        5: I64(stored.values),
        6: I64(stored.size),
        7: I64(len(stored.dictionary) + len(stored.data)),
        9: I64(data_at),
    }
    return meta | {11: I64(start)} if stored.dictionary else meta
