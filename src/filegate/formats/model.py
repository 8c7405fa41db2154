"""The words the format modules share: a blob, its layout, its chunks, and the records read from one chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

import polars as pl

ROW = "__row__"
"""Column with a record's number in its object: 1 is the first data record; header and blank lines do not count."""

RESCUED = "_rescued"
"""Column with the values of unknown columns, as one JSON object of texts, when the dataset rescues them."""

TOO_LONG: Final = "record:too_long"
"""The rule that a record over the limit breaks; of such a record only the first bytes are kept."""

Format = Literal["csv", "ndjson", "json_array", "parquet"]
Compression = Literal["gzip", "zstd"]
Scalar = Literal["text", "number", "boolean", "temporal"]
UnknownColumns = Literal["reject", "ignore", "rescue"]


@dataclass(frozen=True)
class ExpectedColumn:
    """What a reader must know of one of the contract's columns.

    Attributes:
        name: as in the contract.
        required: whether a file without it is refused.
        scalar: what its values are in JSON: a string, a number, a boolean, or a string that is a date or time.
        coerce: whether a JSON value of another scalar type is taken as its text.
    """

    name: str
    required: bool = True
    scalar: Scalar = "text"
    coerce: bool = True


class Blob(Protocol):
    """Bytes that can be read from any place: an object version in a store, or a local file."""

    @property
    def name(self) -> str:
        """Where it is, for messages: `s3://bucket/key`."""
        ...

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, start: int, length: int) -> bytes:
        """Bytes [start, start + length), fewer at the end."""
        ...

    def stream(self) -> BinaryIO:
        """All bytes in order, without holding them; only `read(n)` and `close()` are promised."""
        ...

    def path(self) -> Path:
        """A local file with all the bytes, fetched at most once."""
        ...


@dataclass(frozen=True)
class FileBlob:
    """A local file."""

    file: Path

    @property
    def name(self) -> str:
        return str(self.file)

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    def read(self, start: int, length: int) -> bytes:
        with self.file.open("rb") as stream:
            stream.seek(start)
            return stream.read(length)

    def stream(self) -> BinaryIO:
        return self.file.open("rb")

    def path(self) -> Path:
        return self.file


@dataclass(frozen=True)
class Layout:
    """How one object is written, as its first bytes and its dataset's declaration tell.

    Attributes:
        format: the record format.
        source: index into the dataset's sources.
        compression: the object's compression, or None.
        encoding: the text's codec; "utf-8" for Parquet.
        columns: names in the file's own order (empty for JSON, whose records carry their names).
        data_start: where the first record starts, in bytes of the decompressed UTF-8 text: after byte-order mark and
            header.
    """

    format: Format
    source: int
    compression: Compression | None
    encoding: str
    columns: tuple[str, ...]
    data_start: int

    @property
    def staged(self) -> bool:
        """Whether byte ranges of the object are no chunks, so that ingest must store re-cut ones."""
        return self.compression is not None or self.encoding != "utf-8" or self.format == "json_array"


@dataclass(frozen=True)
class Piece:
    """A record-aligned piece, as the cutter finds it.

    Attributes:
        start: first byte, in the decompressed UTF-8 text; for Parquet, the first row (0-based) of the slice.
        length: number of bytes; for Parquet, of rows.
        rows: number of records in it, malformed ones included.
        data: the bytes, where the layout is staged; else None, since the object's own range holds them.
    """

    start: int
    length: int
    rows: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule of one record, found while reading: before there are columns to check.

    Attributes:
        row: the record's number.
        rule: its code, for example "record:fields" or "carrier:type".
        column: the column at fault, or None for the record as a whole.
        value: what was received, or None.
        allowed: what would have been accepted.
    """

    row: int
    rule: str
    column: str | None
    value: str | None
    allowed: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be split into values.

    Attributes:
        row: its number.
        raw: its bytes without the line end, the first 64 KiB of them if it is longer.
        length: its full length in bytes.
        fault: what is wrong with it.
    """

    row: int
    raw: bytes
    length: int
    fault: Fault


@dataclass(frozen=True)
class Records:
    """What one chunk holds. `frame.height + len(malformed)` is the chunk's number of rows.

    Attributes:
        frame: `__row__` (Int64, ascending) and one column for each of the contract's columns the file has: String from
            text formats, where null is "no value", and the file's own type from Parquet; String `_rescued` where the
            dataset rescues unknown columns.
        faults: faults of records that are in `frame`.
        malformed: records that are not.
        byte_offsets: `rows -> offsets`: where the records with these numbers (Int64 series) start, in bytes of the
            decompressed UTF-8 text; null for Parquet. Computed on demand, since only rejected rows need it.
    """

    frame: pl.DataFrame
    faults: tuple[Fault, ...]
    malformed: tuple[Malformed, ...]
    byte_offsets: Callable[[pl.Series], pl.Series]
