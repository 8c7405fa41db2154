"""The object store in a folder: each bucket is a folder, each object a file; and a local file as a blob."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from filegate.errors import ObjectGone
from filegate.runs.address import Address
from filegate.storage.objects import Blob

VERSION = "null"
"""The id of the one version that each object has; S3 calls those of unversioned buckets so."""


class FolderStore:
    """Objects as files `<folder>/<bucket>/<key>`. See `ObjectStore` for the methods.

    Without versions: an address that pins one means the file as it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def path(self, address: Address) -> Path:
        """Where the object's file is, or would be.

        Raises:
            ValueError: the address leads out of the folder.
        """
        file = self._folder / address.bucket / address.key
        if ".." in file.parts or not file.is_relative_to(self._folder):
            raise ValueError(f"{address} leads out of {self._folder}.")
        return file

    def read(self, address: Address) -> bytes:
        return self._existing(address).read_bytes()

    def blob(self, address: Address, scratch: Path) -> Blob:  # noqa: ARG002 - it is a local file already
        return FileBlob(self._existing(address).resolve())  # so that messages name the file that was linked

    def write(self, address: Address, data: bytes) -> str:
        self._new(address).write_bytes(data)
        return VERSION

    def copy(self, source: Address, target: Address) -> None:
        shutil.copyfile(self._existing(source), self._new(target))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        for key in keys:
            self.path(Address(bucket, key)).unlink(missing_ok=True)

    def link(self, file: Path, address: Address) -> str:
        """Makes a local file an object without copying it; returns its version's id."""
        self._new(address).symlink_to(file.resolve())
        return VERSION

    def _existing(self, address: Address) -> Path:
        file = self.path(address)
        if not file.is_file():
            raise ObjectGone(f"{address} is gone: there is no {file}.")
        return file

    def _new(self, address: Address) -> Path:
        """The object's place, empty: what is written there goes into no file that it was a link to."""
        file = self.path(address)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        return file


class FileBlob:
    """A local file, which stays as it is. See `Blob` for the attributes and methods."""

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        self.size = file.stat().st_size
        self._file = file

    def read(self, start: int, length: int) -> bytes:
        with self._file.open("rb") as stream:
            stream.seek(start)
            return stream.read(length)

    def stream(self) -> BinaryIO:
        return self._file.open("rb")

    def path(self) -> Path:
        return self._file
