"""The object store in memory, which knows versions and lists keys, and a blob in memory."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from filegate.errors import ObjectGone
from filegate.runs.address import Address
from filegate.storage.objects import Blob


@dataclass(frozen=True)
class _Version:
    version_id: str
    data: bytes


@dataclass
class MemoryObjectStore:
    """Versioned objects in a dict. Deleting a key hides it; its versions stay readable by id, as in S3."""

    _versions: dict[tuple[str, str], list[_Version]] = field(default_factory=dict)
    _hidden: set[tuple[str, str]] = field(default_factory=set)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def read(self, address: Address) -> bytes:
        return self._find(address).data

    def blob(self, address: Address, scratch: Path) -> Blob:
        return MemoryBlob(str(address), self._find(address).data, scratch)

    def write(self, address: Address, data: bytes) -> str:
        place = (address.bucket, address.key)
        version = _Version(f"v{next(self._ids)}", data)
        self._versions.setdefault(place, []).append(version)
        self._hidden.discard(place)
        return version.version_id

    def copy(self, source: Address, target: Address) -> None:
        self.write(target, self.read(source))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        self._hidden |= {(bucket, key) for key in keys}

    def list(self, bucket: str, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix`, in order: for tests to look at, as no stage has to."""
        places = sorted(place for place in self._versions if place not in self._hidden)
        return (key for at, key in places if at == bucket and key.startswith(prefix))

    def purge(self, address: Address) -> None:
        """Removes every version of the key, as an owner may do while a run is on its way."""
        self._versions.pop((address.bucket, address.key), None)

    def _find(self, address: Address) -> _Version:
        place = (address.bucket, address.key)
        versions = self._versions.get(place, [])
        if address.version_id is not None:
            versions = [version for version in versions if version.version_id == address.version_id]
        elif place in self._hidden:
            versions = []
        if not versions:
            raise ObjectGone(f"{address} is gone: it was deleted or replaced after its arrival was announced.")
        return versions[-1]


@dataclass(frozen=True)
class MemoryBlob:
    """Bytes in memory as a blob."""

    name: str
    data: bytes
    scratch: Path

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]

    def stream(self) -> BinaryIO:
        return io.BytesIO(self.data)

    def path(self) -> Path:
        copy = self.scratch / hashlib.sha256(self.data).hexdigest()
        copy.write_bytes(self.data)
        return copy
