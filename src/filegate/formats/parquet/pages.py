"""The pages of a column in a row group: their headers are walked, and their checksums verified."""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import BinaryIO, Final

from filegate.errors import ObjectTooLarge
from filegate.formats.parquet.footer import Column, ColumnChunk, malformed
from filegate.formats.parquet.thrift import Decoder, InvalidThrift, Struct

MAX_PAGE_BYTES: Final = 32 << 20
"""Of a page, compressed or not: it is decoded whole, beside its compressed bytes. Writers aim at 1 MiB."""

REWRITE: Final = "Write the file again with a current writer."

_HEADER_BYTES: Final = 512
"""Enough for a header, unless it has long bounds of its values."""
_MAX_HEADER_BYTES: Final = 1 << 20

_DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY, DELTA_BYTE_ARRAY = 0, 2, 3, 8, 7
_UNCOMPRESSED: Final = 0
_OPTIONAL: Final = 1

_HEADER: Final = {
    1: None,  # type
    2: None,  # uncompressed_page_size
    3: None,  # compressed_page_size
    4: None,  # crc
    5: {1: None, 2: None, 3: None, 4: None},  # data_page_header: num_values, encoding, of levels
    7: {1: None, 2: None},  # dictionary_page_header: num_values, encoding
    8: {1: None, 2: None, 3: None, 4: None},  # data_page_header_v2: num_values, num_nulls, num_rows, encoding
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        start: of its header, in bytes of the file.
        body: of what follows the header.
        end: of the page.
        size: of its values, decompressed.
        values: how many, nulls included.
        first_value: in its row group, from 0.
        encoding: of its values.
        checksum: of its body; None if it has none.
    """

    start: int
    body: int
    end: int
    size: int
    values: int
    first_value: int
    encoding: int
    checksum: int | None

    @property
    def by_dictionary(self) -> bool:
        """Whether its values are those of the dictionary."""
        return self.encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY)


@dataclass(frozen=True)
class Pages:
    """The pages of a column in a row group.

    Attributes:
        dictionary: the distinct values that data pages refer to.
        data: the pages of values, in order.
    """

    dictionary: Page | None
    data: tuple[Page, ...]

    def covering(self, first: int, end: int) -> Pages:
        """Only the pages that have any of the values [first, end)."""
        begin = bisect_right(self.data, first, key=lambda page: page.first_value) - 1
        found = self.data[max(begin, 0) : bisect_left(self.data, end, key=lambda page: page.first_value)]
        return Pages(self.dictionary if any(page.by_dictionary for page in found) else None, found)


def walk(file: BinaryIO, name: str, column: Column, chunk: ColumnChunk) -> Pages:
    """The pages of a column in a row group, by their headers.

    Raises:
        MalformedObject: a header is corrupt, or the pages have another number of values than the footer says.
        ObjectTooLarge: a page exceeds the bound.
    """
    position, values, dictionary, data = chunk.start, 0, None, []
    while position < chunk.end:
        body, header = _header(file, position, chunk.end, name, column)
        page = _page(position, body, header, values, name, column, chunk)
        if header[1] == _DICTIONARY:
            if dictionary is not None or data:
                raise malformed(name, f"column {column.name!r} has a dictionary in the wrong place")
            dictionary = page
        elif page is not None:
            data.append(page)
            values += page.values
        position = body + header[3]
    if values != chunk.values:
        raise malformed(
            name, f"its footer announces {chunk.values:,} values of column {column.name!r}, its pages have {values:,}"
        )
    if dictionary is None and any(page.by_dictionary for page in data):
        raise malformed(name, f"column {column.name!r} lacks its dictionary")
    return Pages(dictionary, tuple(data))


def read_page(file: BinaryIO, page: Page, name: str) -> bytes:
    """The page with its header.

    Raises:
        MalformedObject: the page is not the one that its checksum was made of.
    """
    file.seek(page.start)
    data = file.read(page.end - page.start)
    if page.checksum is not None and zlib.crc32(memoryview(data)[page.body - page.start :]) != page.checksum:
        raise malformed(name, f"the page at byte {page.start} has another checksum than its header says")
    return data


def _header(file: BinaryIO, start: int, end: int, name: str, column: Column) -> tuple[int, Struct]:
    """Where the page's body begins, and its header."""
    for size in (_HEADER_BYTES, _MAX_HEADER_BYTES):
        file.seek(start)
        decoder = Decoder(file.read(min(size, end - start)))
        try:
            header = decoder.struct(_HEADER)
        except InvalidThrift as error:
            problem = str(error)
            continue
        if all(isinstance(header.get(field), int) for field in (1, 2, 3)):
            return start + decoder.position, header
        problem = "it lacks its type or its size"
    raise malformed(name, f"the header of a page of column {column.name!r}, at byte {start}, is corrupt: {problem}")


def _page(
    start: int, body: int, header: Struct, first_value: int, name: str, column: Column, chunk: ColumnChunk
) -> Page | None:
    """The page; None if it has no values."""
    size, compressed = header[2], header[3]
    if size < 0 or compressed < 0 or body + compressed > chunk.end:
        raise malformed(name, f"a page of column {column.name!r}, at byte {start}, goes on beyond its column")
    if chunk.codec == _UNCOMPRESSED and size != compressed:
        raise malformed(name, f"an uncompressed page of column {column.name!r}, at byte {start}, has two sizes")
    if max(size, compressed) > MAX_PAGE_BYTES:
        raise ObjectTooLarge(
            f"{name}: a page of column {column.name!r} has {max(size, compressed):,} bytes; at most "
            f"{MAX_PAGE_BYTES:,} are read.",
            advice="Write smaller pages, or smaller row groups.",
        )
    kind = header[1]
    if kind == _INDEX:
        return None
    specific = header.get({_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}.get(kind, -1)) or {}
    values, encoding = specific.get(1), specific.get(4 if kind == _DATA_V2 else 2)
    if not isinstance(values, int) or not isinstance(encoding, int) or values < 0:
        raise malformed(name, f"the header of a page of column {column.name!r}, at byte {start}, is corrupt")
    if kind == _DATA_V2 and not column.nested and specific.get(3) != values:
        raise malformed(name, f"a page of column {column.name!r}, at byte {start}, has two numbers of rows")
    if kind == _DATA and (
        (column.optional == _OPTIONAL and specific.get(3) != RLE) or (column.nested and specific.get(4) != RLE)
    ):
        raise malformed(
            name, f"column {column.name!r} has levels in another encoding than RLE, which is not supported", REWRITE
        )
    if kind == _DICTIONARY and not _plausible(values, size, column):
        raise malformed(name, f"the dictionary of column {column.name!r} has {values:,} values in {size:,} bytes")
    checksum = header.get(4)
    return Page(
        start,
        body,
        body + compressed,
        size,
        values,
        first_value,
        encoding,
        checksum & 0xFFFFFFFF if isinstance(checksum, int) else None,
    )


def _plausible(values: int, size: int, column: Column) -> bool:
    """Whether a dictionary of plain values can have so many: each takes four bytes at least, unless it is fixed."""
    element = column.elements[-1]
    least = element.get(2, 0) if element.get(1) == 7 else 4
    return values * max(1, least) <= size
