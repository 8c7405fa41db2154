"""The object store on S3."""

from __future__ import annotations

import hashlib
import io
import itertools
import shutil
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from filegate.address import Address
from filegate.blob import Blob
from filegate.errors import ObjectTooLarge
from filegate.storage.aws_errors import translated
from filegate.storage.objects import ObjectHead

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

COPY_BYTES = 1 << 20
DELETE_BATCH = 1000  # the most keys that DeleteObjects takes


class S3ObjectStore:
    """Objects in S3. See `ObjectStore` for the contract."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def head(self, address: Address) -> ObjectHead:
        with translated(str(address)):
            answer = self._client.head_object(**_names(address))
        return ObjectHead(answer["ContentLength"], answer["ETag"].strip('"'), answer.get("VersionId", "null"))

    def read(self, address: Address) -> bytes:
        with translated(str(address)):
            return self._client.get_object(**_names(address))["Body"].read()

    def blob(self, address: Address, scratch: Path) -> Blob:
        return S3Blob(self._client, address, self.head(address), scratch)

    def write(self, address: Address, data: bytes) -> str:
        with translated(str(address)):
            answer = self._client.put_object(Bucket=address.bucket, Key=address.key, Body=data)
        return answer.get("VersionId", "null")

    def copy(self, source: Address, target: Address) -> None:
        with translated(str(source)):
            self._client.copy_object(
                CopySource=cast("CopySourceTypeDef", _names(source)), Bucket=target.bucket, Key=target.key
            )

    def list(self, bucket: str, prefix: str) -> Iterator[str]:
        with translated(f"s3://{bucket}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

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
    """One object version, by range, as a stream, or as a local copy; every read names the version and its ETag."""

    def __init__(self, client: S3Client, address: Address, head: ObjectHead, scratch: Path) -> None:
        self.name = str(address)
        self.size = head.size
        self._client = client
        self._names = _names(address) | {"IfMatch": head.etag}
        self._scratch = scratch

    def read(self, start: int, length: int) -> bytes:
        if length == 0 or start >= self.size:
            return b""
        with translated(self.name):
            answer = self._client.get_object(**self._names, Range=f"bytes={start}-{start + length - 1}")
            return answer["Body"].read()

    def stream(self) -> BinaryIO:
        with translated(self.name):
            body = self._client.get_object(**self._names)["Body"]
        return cast(BinaryIO, _Stream(self.name, body))

    def path(self) -> Path:
        return self._local_copy

    @cached_property
    def _local_copy(self) -> Path:
        copy = self._scratch / hashlib.sha256(repr(self._names).encode()).hexdigest()
        if copy.exists():  # another blob of this version fetched it: a stage makes one for each chunk
            return copy
        free = shutil.disk_usage(self._scratch).free
        if self.size > free:
            raise ObjectTooLarge(
                f"{self.name} has {self.size:,} bytes, {free:,} are free on the function's disk.",
                advice="Deliver it in smaller files, or give the functions more ephemeral storage.",
            )
        partial = copy.with_suffix(".partial")
        with self.stream() as stream, partial.open("wb") as file:
            while data := stream.read(COPY_BYTES):
                file.write(data)
        return partial.rename(copy)


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
