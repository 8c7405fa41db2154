"""Deliver a file: put it into the raw bucket under its dataset's name. The event of its arrival does the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from filegate.errors import WrongUse
from filegate.runs.address import Address
from filegate.runs.run import run_id_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1 << 20
PART_BYTES = 16 * MIB
MOST_PARTS = 10_000  # of one upload, says S3
UPLOADS_AT_ONCE = 4

Progress = Callable[[int], None]
"""Called with the number of bytes that arrived since the last call; from several threads."""


@dataclass(frozen=True)
class Delivery:
    """A file that arrived: the object version it became, and the run that will process it."""

    file: Path
    dataset: str
    address: Address
    run_id: str


class Upload(Protocol):
    """Puts a local file into a bucket."""

    def __call__(self, file: Path, address: Address, progress: Progress) -> str:
        """Returns the new object version's id. The file is streamed, however large."""
        ...


def deliver(file: Path, dataset: str, *, bucket: str, upload: Upload, progress: Progress) -> Delivery:
    """Puts the file into the raw bucket as `<dataset>/<file name>`."""
    address = Address(bucket, _key(file, dataset))
    version_id = upload(file, address, progress)
    return Delivery(file, dataset, address, run_id_of(address.bucket, address.key, version_id))


def check_keys(deliveries: Iterable[tuple[Path, str]]) -> None:
    """Sees that files of these datasets can be delivered together.

    Raises:
        WrongUse: a name is no text, or two files would get the same key.
    """
    by_key: dict[str, Path] = {}
    for file, dataset in deliveries:
        key = _key(file, dataset)
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise WrongUse(
                f"{key} cannot be the key of an object: its bytes are no UTF-8 text.", advice="Rename the file."
            ) from error
        if key in by_key:
            raise WrongUse(
                f"{by_key[key]} and {file} would both become {key}: the second would take the place of the first.",
                advice="Deliver one after the other, or rename one.",
            )
        by_key[key] = file


def _key(file: Path, dataset: str) -> str:
    return f"{dataset}/{file.name}"


def dataset_of(file: Path, known: Sequence[str], given: str | None = None) -> str:
    """The dataset a file belongs to: the given one, else the one that its folder or the start of its name says.

    Args:
        file: `flights/2013-01.csv`, `flights.csv`, `flights_2013-01.csv` all belong to `flights`.
        known: the declared datasets; empty if the declarations are elsewhere.
        given: what the user said.

    Raises:
        WrongUse: the given dataset is not declared, or none or several match.
    """
    there_are = f"Declared are {', '.join(known)}." if known else "No datasets are declared here."
    if given is not None:
        if known and given not in known:
            raise WrongUse(f"There is no dataset {given!r}.", advice=there_are)
        return given
    matches = [name for name in known if file.resolve().parent.name == name or _starts_with(file.name, name)]
    if len(matches) == 1:
        return matches[0]
    found = f"could belong to {' or '.join(matches)}" if matches else "tells no dataset by its folder or name"
    raise WrongUse(f"{file.name} {found}.", advice=f"Say which by --dataset. {there_are}")


def _starts_with(file_name: str, dataset: str) -> bool:
    return re.match(rf"{re.escape(dataset)}(?![a-z0-9])", file_name, re.IGNORECASE) is not None


class S3Upload:
    """Uploads to S3 by one request, or in parts where the file is large.

    boto3's own `upload_file` does not tell the version id; asking for it afterwards could name somebody else's version.
    """

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def __call__(self, file: Path, address: Address, progress: Progress) -> str:
        if file.stat().st_size > PART_BYTES:
            return self._in_parts(file, address, progress)
        with file.open("rb") as stream:
            answer = self._client.put_object(Bucket=address.bucket, Key=address.key, Body=stream)
        progress(file.stat().st_size)
        return answer["VersionId"]

    def _in_parts(self, file: Path, address: Address, progress: Progress) -> str:
        bucket, key = address.bucket, address.key
        upload_id = self._client.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="CRC32")["UploadId"]
        try:

            def upload(part: tuple[int, int, int]) -> CompletedPartTypeDef:
                number, start, length = part
                with file.open("rb") as stream:
                    stream.seek(start)
                    data = stream.read(length)
                answer = self._client.upload_part(
                    Bucket=bucket,
                    Key=key,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=data,
                    ChecksumAlgorithm="CRC32",
                )
                progress(len(data))
                arrived: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
                if "ChecksumCRC32" in answer:  # S3 refuses to complete the upload without it; emulators do not know it
                    arrived["ChecksumCRC32"] = answer["ChecksumCRC32"]
                return arrived

            with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
                parts = list(pool.map(upload, _parts(file.stat().st_size)))
            return self._client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )["VersionId"]
        except BaseException:
            self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            raise


def _parts(size: int) -> Iterator[tuple[int, int, int]]:
    """Number (from 1), start and length of each part."""
    length = max(PART_BYTES, -(-size // MOST_PARTS))
    for index, start in enumerate(range(0, size, length)):
        yield index + 1, start, min(length, size - start)
