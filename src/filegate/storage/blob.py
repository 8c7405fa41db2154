"""Blobs: bytes that can be read from any place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class Blob(Protocol):
    """An object version in a store, or a local file."""

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
