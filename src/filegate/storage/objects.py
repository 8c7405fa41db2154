"""The object store's interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filegate.address import Address
from filegate.blob import Blob


@dataclass(frozen=True)
class ObjectHead:
    """What the store knows of one object version; `size` is in bytes, `version_id` is "null" in unversioned buckets."""

    size: int
    etag: str
    version_id: str


class ObjectStore(Protocol):
    """Reads, writes, copies and lists objects.

    Every method raises `ObjectGone` where the object is not (or no longer) there, `Throttled` or `Unreachable` where
    the store does not answer.
    """

    def head(self, address: Address) -> ObjectHead: ...

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

    def list(self, bucket: str, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix`, in order."""
        ...

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Deletes the current versions; a key that is not there is no error."""
        ...
