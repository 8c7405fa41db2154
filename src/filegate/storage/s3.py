"""The object store on S3."""

from __future__ import annotations

import hashlib
import io
import itertools
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from filegate.errors import ObjectTooLarge
from filegate.runs.address import Address
from filegate.storage.aws_errors import translated
from filegate.storage.objects import Blob

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

COPY_BYTES = 1 << 20
HELD_BYTES = 2 << 20  # an object no longer than this is small
DELETE_BATCH = 1000  # the most keys that DeleteObjects takes


class S3ObjectStore:
    """Objects in S3. See `ObjectStore` for the methods."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def read(self, address: Address) -> bytes:
        with translated(str(address)):
            return self._client.get_object(**_names(address))["Body"].read()

    def blob(self, address: Address, scratch: Path) -> Blob:
        return S3Blob(self._client, address, scratch)

    def write(self, address: Address, data: bytes) -> str:
        with translated(str(address)):
            answer = self._client.put_object(Bucket=address.bucket, Key=address.key, Body=data)
        return answer.get("VersionId", "null")

    def copy(self, source: Address, target: Address) -> None:
        with translated(str(source)):
            self._client.copy_object(
                CopySource=cast("CopySourceTypeDef", _names(source)), Bucket=target.bucket, Key=target.key
            )

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        remaining = iter(keys)
        while batch := list(itertools.islice(remaining, DELETE_BATCH)):
            with translated(f"s3://{bucket}"):
                answer = self._client.delete_objects(
                    Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            for error in answer.get("Errors", []):
                with translated(f"s3://{bucket}/{error['Key']}"):
                    raise ClientError({"Error": {"Code": error["Code"], "Message": error["Message"]}}, "DeleteObjects")


class S3Blob:
    """One object version, by range, as a stream, or as a local copy.

    The first answer gives its size and its ETag; from then on every read names the version and that ETag. What one read
    brought whole is held if it is small, so that a small object is asked for once.
    """

    def __init__(self, client: S3Client, address: Address, scratch: Path) -> None:
        self.name = str(address)
        self._client = client
        self._names = _names(address)
        self._copy = scratch / hashlib.sha256(repr(address).encode()).hexdigest()
        self._size: int | None = None
        self._whole: bytes | None = None

    @property
    def size(self) -> int:
        if self._size is None:
            with translated(self.name):
                answer = self._client.head_object(**self._names)
            self._pin(answer["ETag"], answer["ContentLength"])
        assert self._size is not None
        return self._size

    def read(self, start: int, length: int) -> bytes:
        if self._whole is not None:
            return self._whole[start : start + length]
        if length == 0 or (self._size is not None and start >= self._size):
            return b""
        try:
            with translated(self.name):
                answer = self._client.get_object(**self._names, Range=f"bytes={start}-{start + length - 1}")
                data = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # it ends before
                return b""
            raise
        size = int(answer["ContentRange"].rpartition("/")[2])
        self._pin(answer["ETag"], size)
        if len(data) == size <= HELD_BYTES:
            self._whole = data
        return data

    def stream(self) -> BinaryIO:
        if self._whole is not None:
            return io.BytesIO(self._whole)
        with translated(self.name):
            answer = self._client.get_object(**self._names)
        self._pin(answer["ETag"], answer["ContentLength"])
        return cast(BinaryIO, _Stream(self.name, answer["Body"]))

    def path(self) -> Path:
        if (
            not self._copy.exists()
        ):  # another blob of this version may have fetched it: a stage makes one for each chunk
            self._fetch()
        return self._copy

    def _fetch(self) -> None:
        partial = self._copy.with_suffix(".partial")
        with self.stream() as stream:
            free = shutil.disk_usage(partial.parent).free
            if self.size > free:
                raise ObjectTooLarge(
                    f"{self.name} has {self.size:,} bytes, {free:,} are free on the function's disk.",
                    advice="Deliver it in smaller files, or give the functions more ephemeral storage.",
                )
            with partial.open("wb") as file:
                shutil.copyfileobj(stream, file, COPY_BYTES)
        partial.rename(self._copy)

    def _pin(self, etag: str, size: int) -> None:
        self._names["IfMatch"] = etag
        self._size = size


class _Stream(io.RawIOBase):
    """A response body whose network errors are the pipeline's own."""

    def __init__(self, name: str, body: StreamingBody) -> None:
        self._name = name
        self._body = body

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with translated(self._name):
            return self._body.read(None if size < 0 else size)

    def close(self) -> None:
        self._body.close()
        super().close()


def _names(address: Address) -> dict[str, Any]:
    names = {"Bucket": address.bucket, "Key": address.key}
    return names if address.version_id is None else names | {"VersionId": address.version_id}
