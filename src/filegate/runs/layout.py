"""Layouts: how an object is written. Ingest finds it out, and the chunk manifest hands it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["csv", "ndjson", "json_array", "parquet"]
Compression = Literal["gzip", "zstd"]


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
