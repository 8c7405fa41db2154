"""A file's footer: its columns, its row groups, and where their pages are; none of it is believed.

The format: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, Final
from weakref import WeakKeyDictionary

from filegate.errors import MalformedObject, ObjectTooLarge, SchemaMismatch
from filegate.formats.parquet.thrift import AT, Decoder, InvalidThrift, Struct
from filegate.storage.objects import Blob

MAX_FOOTER_BYTES: Final = 16 << 20
"""That of a thousand columns in a hundred row groups. Of the fields that are kept, memory holds a few times as much."""

MAX_NESTING: Final = 64
"""Levels of a schema: what reads it after us recurses."""

MAGIC: Final = b"PAR1"
_TAIL_BYTES: Final = 8  # the footer's length, and the magic number
_LEGACY: Final = {b"org.apache.spark.legacyDateTime", b"org.apache.spark.legacyINT96"}
_AGAIN: Final = "Deliver the file again."
_DECRYPT: Final = "Filegate has no keys: deliver it unencrypted; the buckets encrypt what they hold."

# Parquet's `FieldRepetitionType` and `Type`, whose last member is FIXED_LEN_BYTE_ARRAY.
REQUIRED, OPTIONAL, REPEATED = range(3)
BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED = range(8)

_TIME: Final = {1: bool, 2: {1: {}, 2: {}, 3: {}}}  # isAdjustedToUTC, and a union of units
_LOGICAL: Final = {
    **{member: {} for member in range(1, 32)},  # whatever types there will be
    5: {1: int, 2: int},  # DECIMAL: scale, precision
    7: _TIME,
    8: _TIME,  # TIMESTAMP
    10: {1: int, 2: bool},  # INTEGER: bitWidth, isSigned
}
_ELEMENT: Final = {
    1: int,  # type
    2: int,  # type_length
    3: int,  # repetition_type
    4: bytes,  # name
    5: int,  # num_children
    6: int,  # converted_type
    7: int,  # scale
    8: int,  # precision
    10: _LOGICAL,  # logicalType
}
_FILE: Final = {
    2: [_ELEMENT],  # schema
    3: int,  # num_rows
    4: [{1: AT, 3: int}],  # row_groups: columns, num_rows
    5: [{1: bytes, 2: bytes}],  # key_value_metadata
}
_COLUMN_CHUNK: Final = {
    1: bytes,  # file_path
    3: {
        1: int,  # type
        3: [bytes],  # path_in_schema
        4: int,  # codec
        5: int,  # num_values
        7: int,  # total_compressed_size
        9: int,  # data_page_offset
        11: int,  # dictionary_page_offset
    },
    8: AT,  # crypto_metadata
}


@dataclass(frozen=True)
class Column:
    """A column of the table, which a nested one has several columns of values for.

    Attributes:
        name: its name.
        elements: its part of the schema, depth first, as `SchemaElement` has its fields.
        leaves: the indexes of its columns of values.
    """

    name: str
    elements: tuple[Struct, ...]
    leaves: range

    @property
    def nested(self) -> bool:
        """Whether its values are lists or structs."""
        return len(self.elements) > 1 or self.repetition == REPEATED

    @property
    def leaf_elements(self) -> list[Struct]:
        """The elements of its columns of values."""
        return [element for element in self.elements if not element.get(5)]

    @property
    def repetition(self) -> int:
        """Whether it has one value a row, perhaps one, or any number: its `repetition_type`."""
        repetition: int = self.elements[0].get(3, REQUIRED)
        return repetition


@dataclass(frozen=True)
class RowGroup:
    """Rows that follow each other.

    Attributes:
        first_row: of the file's, from 0.
        rows: how many.
        columns_at: where the footer lists its columns.
    """

    first_row: int
    rows: int
    columns_at: int


@dataclass(frozen=True)
class ColumnChunk:
    """The values of one column in one row group.

    Attributes:
        start: of its first page, in bytes of the file.
        end: of its last page.
        codec: how its pages are compressed.
        values: how many, nulls included.
        physical: how they are stored: `INT32`, `BYTE_ARRAY`, …
        path: the names in the schema that lead to it.
    """

    start: int
    end: int
    codec: int
    values: int
    physical: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Footer:
    """The footer of one file.

    Attributes:
        name: of the object, for messages.
        columns: in the file's order.
        row_groups: in the file's order; they have all of its rows.
        rows: how many.
        start: where it begins in the file, and the pages end.
        data: its bytes.
        julian: whether Spark wrote old dates and timestamps in the calendar that it had before its version 3.
    """

    name: str
    columns: tuple[Column, ...]
    row_groups: tuple[RowGroup, ...]
    rows: int
    start: int
    data: bytes
    julian: bool

    def overlapping(self, start: int, end: int) -> Sequence[RowGroup]:
        """The row groups that have any of the rows [start, end)."""
        first = bisect_right(self.row_groups, start, key=lambda group: group.first_row) - 1
        last = bisect_left(self.row_groups, end, key=lambda group: group.first_row)
        return self.row_groups[max(first, 0) : last]

    def column_chunks(self, row_group: RowGroup, columns: Sequence[Column]) -> dict[int, ColumnChunk]:
        """The values of these columns in a row group, by the indexes of their leaves.

        Raises:
            MalformedObject: the footer contradicts itself, or the file.
            SchemaMismatch: one is encrypted.
        """
        try:
            found = Decoder(self.data, row_group.columns_at).structs(_COLUMN_CHUNK)
        except InvalidThrift as error:
            raise malformed(self.name, f"its footer is corrupt: {error}") from None
        leaves = sum(len(column.leaves) for column in self.columns)
        if len(found) != leaves:
            raise malformed(self.name, f"a row group has {len(found):,} columns of values, its schema {leaves:,}")
        return {
            leaf: self._column_chunk(column, element, found[leaf], row_group.rows)
            for column in columns
            for leaf, element in zip(column.leaves, column.leaf_elements, strict=True)
        }

    def _column_chunk(self, column: Column, element: Struct, chunk: Struct, rows: int) -> ColumnChunk:
        if 8 in chunk:
            raise SchemaMismatch(f"{self.name}: column {column.name!r} is encrypted.", advice=_DECRYPT)
        if chunk.get(1):
            raise malformed(self.name, "it has no pages of its own: they are in other files", "Deliver those files.")
        meta = chunk.get(3, {})
        try:
            path, size = tuple(meta[3]), meta[7]
            start = min(offset for offset in (meta.get(11), meta[9]) if offset)
            result = ColumnChunk(start, start + size, meta[4], meta[5], meta[1], path)
        except (KeyError, ValueError):
            raise malformed(self.name, f"its footer does not say where column {column.name!r} is") from None
        if not (len(MAGIC) <= start <= result.end <= self.start and size >= 0):
            raise malformed(
                self.name, f"column {column.name!r} is said to be at bytes {start} to {result.end}, beyond the pages"
            )
        if result.physical != element.get(1) or path[:1] != (column.elements[0][4],) or path[-1:] != (element.get(4),):
            raise malformed(self.name, f"a row group has another column in the place of {column.name!r}")
        if result.values != rows if not column.nested else result.values < rows:
            raise malformed(
                self.name,
                f"a row group of {rows:,} rows has {result.values:,} values of column {column.name!r}",
            )
        return result


_KNOWN: Final[WeakKeyDictionary[Blob, Footer]] = WeakKeyDictionary()
"""By the blobs in use: ingest asks for the names of the columns, their types, and the row groups."""


def read_footer(blob: Blob) -> Footer:
    """The footer of a file.

    Raises:
        MalformedObject: the file ends early, or the footer is corrupt or contradicts itself.
        ObjectTooLarge: the footer exceeds a bound.
    """
    footer = _KNOWN.get(blob)
    if footer is None:
        footer = _KNOWN[blob] = _decoded(blob)
    return footer


def _decoded(blob: Blob) -> Footer:
    with blob.path().open("rb") as file:
        data = _footer_bytes(blob, file)
    try:
        found = Decoder(data).struct(_FILE)
    except InvalidThrift as error:
        raise malformed(blob.name, f"its footer is corrupt: {error}") from None
    try:
        columns = _columns(found[2])
        groups, rows = found[4], found[3]
        sizes = [group[3] for group in groups]
        starts = accumulate(sizes, initial=0)
        row_groups = tuple(
            RowGroup(start, size, group[1]) for start, size, group in zip(starts, sizes, groups, strict=False)
        )
        if min(sizes, default=0) < 0 or sum(sizes) != rows:
            raise malformed(
                blob.name, f"its footer announces {rows:,} rows, its {len(sizes):,} row groups have {sum(sizes):,}"
            )
    except (KeyError, IndexError, ValueError):
        raise malformed(blob.name, "its footer is corrupt: it lacks the schema, or the row groups") from None
    start = blob.size - _TAIL_BYTES - len(data)
    return Footer(blob.name, columns, row_groups, rows, start, data, _is_julian(found.get(5, [])))


def _is_julian(notes: Sequence[Struct]) -> bool:
    """What Spark notes of the calendar: its version 3.1 was the first to write all types in today's by default."""
    found = {note.get(1): note.get(2, b"") for note in notes}
    version = found.get(b"org.apache.spark.version", b"3")
    return not _LEGACY.isdisjoint(found) or version.startswith((b"1.", b"2.", b"3.0."))


def _footer_bytes(blob: Blob, file: BinaryIO) -> bytes:
    size = blob.size
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    if size < 2 * len(MAGIC) + 4 or tail[4:] != MAGIC:
        raise malformed(blob.name, "it is truncated: a Parquet file ends with its footer")
    length = int.from_bytes(tail[:4], "little")
    if length > size - _TAIL_BYTES - len(MAGIC):
        raise malformed(blob.name, f"it is truncated, or its footer is corrupt, which announces {length:,} bytes")
    if length > MAX_FOOTER_BYTES:
        raise ObjectTooLarge(
            f"{blob.name}: its footer has {length:,} bytes; at most {MAX_FOOTER_BYTES:,} are read.",
            advice="Write larger row groups, or fewer columns a file.",
        )
    file.seek(size - _TAIL_BYTES - length)
    return file.read(length)


def _columns(elements: list[Struct]) -> tuple[Column, ...]:
    """The columns below the schema's root.

    Raises:
        ValueError: it is not a tree, or it nests too deep.
    """
    columns, leaves, position = [], 0, 1
    for _ in range(elements[0][5]):
        end, open_, first = position, [1], leaves
        while open_:
            children = elements[end].get(5) or 0
            open_[-1] -= 1
            leaves += not children
            end += 1
            if children < 0 or len(open_) > MAX_NESTING:
                raise ValueError
            if children:
                open_.append(children)
            while open_ and not open_[-1]:
                open_.pop()
        name = elements[position][4].decode()
        columns.append(Column(name, tuple(elements[position:end]), range(first, leaves)))
        position = end
    if position != len(elements):
        raise ValueError
    return tuple(columns)


def malformed(name: str, problem: str, advice: str = _AGAIN) -> MalformedObject:
    """The error of a Parquet file that is not what it says."""
    return MalformedObject(f"{name}: the Parquet file cannot be read: {problem}.", advice=advice)
