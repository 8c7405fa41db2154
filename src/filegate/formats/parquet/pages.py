"""The pages of a column in a row group: their headers are walked, and their checksums verified."""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import BinaryIO, Final

from filegate.errors import MalformedObject, ObjectTooLarge
from filegate.formats.parquet.footer import FIXED, OPTIONAL, Column, ColumnChunk, malformed
from filegate.formats.parquet.thrift import AT, Decoder, InvalidThrift, Struct

MAX_PAGE_BYTES: Final = 32 << 20
"""Of a page, compressed or not: it is decoded whole, beside its compressed bytes. Writers aim at 1 MiB."""

_HEADER_BYTES: Final = 512
"""Enough for a header, unless it has long bounds of its values."""
_MAX_HEADER_BYTES: Final = 1 << 20

DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY_PACKED, DELTA_BYTE_ARRAY, RLE_DICTIONARY = 0, 2, 3, 5, 7, 8
_UNCOMPRESSED: Final = 0
_DETAILS: Final = {DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}

_HEADER: Final = {
    1: int,  # type
    2: int,  # uncompressed_page_size
    3: int,  # compressed_page_size
    4: int,  # crc
    5: {1: int, 2: int, 3: int, 4: int},  # data_page_header: num_values, encoding, of levels
    7: {1: int, 2: int},  # dictionary_page_header: num_values, encoding
    8: {1: int, 2: int, 3: int, 4: int},  # data_page_header_v2: num_values, num_nulls, num_rows, encoding
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
    return _Walk(file, name, column, chunk).pages()


def with_encoding(page: bytes, encoding: int) -> bytes:
    """The page, whose header says another encoding of its values.

    Args:
        page: with its header; its encoding's number has one digit, as `encoding` has.
        encoding: up to 63.
    """
    found = Decoder(page).struct({5: {2: AT}, 8: {4: AT}})
    at = next(place for details in found.values() for place in details.values())
    return page[:at] + bytes([2 * encoding]) + page[at + 1 :]


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


class _Walk:
    """The walk from header to header."""

    def __init__(self, file: BinaryIO, name: str, column: Column, chunk: ColumnChunk) -> None:
        self._file = file
        self._name = name
        self._column = column
        self._chunk = chunk
        self._position = chunk.start

    def pages(self) -> Pages:
        values, dictionary = 0, None
        data: list[Page] = []
        while self._position < self._chunk.end:
            header, body = self._header()
            kind, end = header[1], body + header[3]
            self._check_size(header, end)
            if kind == _DICTIONARY:
                if dictionary is not None or data:
                    raise self._malformed("is a second dictionary, or one in the wrong place")
                dictionary = self._page(header, body, 0)
            elif kind in _DETAILS:
                data.append(self._page(header, body, values))
                values += data[-1].values
            elif kind != _INDEX:
                raise self._malformed(f"is of the unknown type {kind}")
            self._position = end
        column = self._column.name
        if values != self._chunk.values:
            raise malformed(
                self._name,
                f"its footer announces {self._chunk.values:,} values of column {column!r}, its pages have {values:,}",
            )
        if dictionary is None and any(page.by_dictionary for page in data):
            raise malformed(self._name, f"column {column!r} lacks its dictionary")
        return Pages(dictionary, tuple(data))

    def _header(self) -> tuple[Struct, int]:
        """The header at the position, and where the page's body begins."""
        problem = ""
        for size in (_HEADER_BYTES, _MAX_HEADER_BYTES):
            self._file.seek(self._position)
            decoder = Decoder(self._file.read(min(size, self._chunk.end - self._position)))
            try:
                header = decoder.struct(_HEADER)
            except InvalidThrift as error:
                problem = f": {error}"
                continue
            if header.keys() >= {1, 2, 3}:
                return header, self._position + decoder.position
        raise self._malformed(f"has a corrupt header{problem}")

    def _check_size(self, header: Struct, end: int) -> None:
        size, compressed = header[2], header[3]
        if min(size, compressed) < 0 or end > self._chunk.end:
            raise self._malformed("goes on beyond its column")
        if self._chunk.codec == _UNCOMPRESSED and size != compressed:
            raise self._malformed("is not compressed, and has two sizes")
        if max(size, compressed) > MAX_PAGE_BYTES:
            raise ObjectTooLarge(
                f"{self._name}: a page of column {self._column.name!r} has {max(size, compressed):,} bytes; at most "
                f"{MAX_PAGE_BYTES:,} are read.",
                advice="Write smaller pages, or smaller row groups.",
            )

    def _page(self, header: Struct, body: int, first_value: int) -> Page:
        kind, size = header[1], header[2]
        details = header.get(_DETAILS[kind]) or {}
        values, encoding = details.get(1), details.get(4 if kind == _DATA_V2 else 2)
        if values is None or encoding is None or values < 0:
            raise self._malformed("has a corrupt header")
        if kind == _DATA_V2 and not self._column.nested and details.get(3) != values:
            raise self._malformed("has two numbers of rows")
        if kind == DATA and any(details.get(field) != RLE for field in self._levels()):
            raise malformed(
                self._name,
                f"column {self._column.name!r} has levels in another encoding than RLE, which is not supported",
                "Write the file again with a current writer.",
            )
        if kind == _DICTIONARY and not _plausible(values, size, self._column):
            raise self._malformed(f"is a dictionary of {values:,} values in {size:,} bytes")
        checksum = header[4] & 0xFFFFFFFF if 4 in header else None
        return Page(self._position, body, body + header[3], size, values, first_value, encoding, checksum)

    def _levels(self) -> tuple[int, ...]:
        """The fields of a header with the encodings of the levels that its page has."""
        if self._column.nested:
            return 3, 4
        return (3,) if self._column.repetition == OPTIONAL else ()

    def _malformed(self, problem: str) -> MalformedObject:
        return malformed(self._name, f"the page of column {self._column.name!r} at byte {self._position} {problem}")


def _plausible(values: int, size: int, column: Column) -> bool:
    """Whether a dictionary of plain values can have so many: each takes four bytes at least, unless it is fixed."""
    element = column.elements[-1]
    least = element.get(2, 0) if element.get(1) == FIXED else 4
    return values * max(1, least) <= size
