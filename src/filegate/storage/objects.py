"""The object store's interface, and the addresses of objects in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filegate.formats.model import Blob


@dataclass(frozen=True)
class Address:
    """Names an object, or one version of it.

    Attributes:
        bucket: the bucket's name.
        key: the key, exactly as stored (not URL-encoded).
        version_id: pins the version; None is whatever is current.
    """

    bucket: str
    key: str
    version_id: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def to_json(self) -> dict[str, Any]:
        return {"bucket": self.bucket, "key": self.key, "version_id": self.version_id}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Address:
        return cls(fields["bucket"], fields["key"], fields.get("version_id"))


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
