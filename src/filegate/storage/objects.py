"""The object store's interface."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from filegate.runs.address import Address
from filegate.storage.blob import Blob


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
