"""Addresses of objects in buckets."""

from __future__ import annotations

from dataclasses import dataclass


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

    @classmethod
    def parse(cls, uri: str) -> Address:
        """The address that `str` gave: `s3://bucket/key`."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return cls(bucket, key)
