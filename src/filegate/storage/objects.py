"""The object store's interface: objects, blobs, and manifests as objects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from filegate.runs.address import Address
from filegate.runs.manifests import Manifest

M = TypeVar("M", bound=Manifest)


class ObjectStore(Protocol):
    """Reads, writes, copies and deletes objects.

    Every method, and a blob when it is read, raises `ObjectGone` where the object is not (or no longer) there,
    `Throttled` or `Unreachable` where the store does not answer.
    """

    def read(self, address: Address) -> bytes: ...

    def blob(self, address: Address, scratch: Path) -> Blob:
        """The object version as a blob; `scratch` is the folder its local copy goes to if one is asked for."""
        ...

    def write(self, address: Address, data: bytes) -> str:
        """Stores `data` and returns the new version's id."""
        ...

    def copy(self, source: Address, target: Address) -> None:
        """Copies on the server's side; the bytes do not pass through this process."""
        ...

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Deletes the current versions; a key that is not there is no error."""
        ...


def write_document(store: ObjectStore, address: Address, manifest: Manifest) -> None:
    store.write(address, manifest.model_dump_json().encode())


def read_document(store: ObjectStore, address: Address, kind: type[M]) -> M:
    return kind.model_validate_json(store.read(address))


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
