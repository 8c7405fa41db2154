"""Deliver a file: put it into the raw bucket under its dataset's name. The event of its arrival does the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.errors import WrongUse
from filegate.runs.address import Address
from filegate.runs.run import run_id_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1 << 20
PART_BYTES = 16 * MIB
MAX_PARTS = 10_000  # of one upload, by S3
CONCURRENT_UPLOADS = 4

OnSent = Callable[[int], None]
"""Called with the number of bytes that arrived since the last call; from several threads."""


Upload = Callable[[Path, Address, OnSent], str]
"""Puts a local file, however large, into a bucket; returns the new object version's id."""


def deliver(file: Path, dataset: str, *, bucket: str, upload: Upload, on_sent: OnSent) -> str:
    """Puts the file into the raw bucket as `<dataset>/<file name>`; returns the id of the run that will process it."""
    key = _key(file, dataset)
    return run_id_of(bucket, key, upload(file, Address(bucket, key), on_sent))


def with_datasets(files: Iterable[Path], known: Sequence[str], given: str | None = None) -> list[tuple[Path, str]]:
    """Files with their datasets (see `dataset_of`), to be delivered together.

    Raises:
        WrongUse: there is no such file, its dataset is not clear, or two would get the same key.
    """
    found = []
    for file in files:
        if not file.is_file():
            raise WrongUse(f"There is no file {file}.", advice="Name files, not folders.")
        found.append((file, dataset_of(file, known, given)))
    check_keys(found)
    return found


def check_keys(deliveries: Iterable[tuple[Path, str]]) -> None:
    """Raises WrongUse if a name is not UTF-8, or two of these files with their datasets would get the same key."""
    by_key: dict[str, Path] = {}
    for file, dataset in deliveries:
        key = _key(file, dataset)
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise WrongUse(
                f"{key} cannot be the key of an object: its bytes are not UTF-8.", advice="Rename the file."
            ) from error
        if key in by_key:
            raise WrongUse(
                f"{by_key[key]} and {file} would both become {key}: the second would take the place of the first.",
                advice="Deliver one after the other, or rename one.",
            )
        by_key[key] = file


def check_starts_runs(deliveries: Iterable[tuple[Path, str]], ignored_keys: str) -> None:
    """Raises WrongUse if one of these files with their datasets would start no run.

    Args:
        deliveries: the files.
        ignored_keys: the deployment's `IgnoredKeys`.
    """
    for file, dataset in deliveries:
        pattern = ignored_by(_key(file, dataset), ignored_keys)
        if pattern is not None:
            raise WrongUse(
                f"{file.name} starts no run: keys like {pattern} are ignored.",
                advice="Rename it, or change the deployment's parameter IgnoredKeys.",
            )


def ignored_by(key: str, ignored_keys: str) -> str | None:
    """The pattern by which a key of the raw bucket starts no run, if there is one; see `IgnoredKeys` in main.yaml."""
    return next((pattern for pattern in ignored_keys.split(",") if _wildcard(pattern).fullmatch(key)), None)


def _wildcard(pattern: str) -> re.Pattern[str]:
    """EventBridge's wildcards: `*` is any text, the empty one included, and a backslash takes its meaning away."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return re.compile("".join(".*" if part == "*" else re.escape(part[-1]) for part in parts), re.DOTALL)


def _key(file: Path, dataset: str) -> str:
    return f"{dataset}/{file.name}"


def dataset_of(file: Path, known: Sequence[str], given: str | None = None) -> str:
    """The dataset a file belongs to: the given one, else the one of its folder or of the start of its name.

    Args:
        file: `flights/2013-01.csv`, `flights.csv`, `flights_2013-01.csv` all belong to `flights`.
        known: the declared datasets; empty if the declarations are elsewhere.
        given: what the user said.

    Raises:
        WrongUse: the given dataset is not declared, or none or several match.
    """
    if given is not None:
        check_declared(given, known)
        return given
    matches = [name for name in known if file.resolve().parent.name == name or _starts_with(file.name, name)]
    if len(matches) == 1:
        return matches[0]
    found = f"could belong to {' or '.join(matches)}" if matches else "has neither the folder nor the name of a dataset"
    raise WrongUse(f"{file.name} {found}.", advice=f"Pass --dataset. {_declared(known)}")


def check_declared(dataset: str, known: Sequence[str]) -> None:
    """Raises WrongUse if the dataset is not declared; without `known` ones, which are elsewhere, any may be right."""
    if known and dataset not in known:
        raise WrongUse(f"There is no dataset {dataset!r}.", advice=_declared(known))


def _declared(known: Sequence[str]) -> str:
    return f"Declared are {', '.join(known)}." if known else "No datasets are declared here."


def _starts_with(file_name: str, dataset: str) -> bool:
    return re.match(rf"{re.escape(dataset)}(?![a-z0-9])", file_name, re.IGNORECASE) is not None


class S3Upload:
    """Uploads to S3 by one request, or in parts where the file is large.

    boto3's own `upload_file` does not return the version id, and asking for it afterwards may name another's version.
    """

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def __call__(self, file: Path, address: Address, on_sent: OnSent) -> str:
        if file.stat().st_size > PART_BYTES:
            return self._in_parts(file, address, on_sent)
        with file.open("rb") as stream:
            answer = self._client.put_object(Bucket=address.bucket, Key=address.key, Body=stream)
        on_sent(file.stat().st_size)
        return answer["VersionId"]

    def _in_parts(self, file: Path, address: Address, on_sent: OnSent) -> str:
        bucket, key = address.bucket, address.key
        upload_id = self._client.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="CRC32")["UploadId"]
        try:

            def upload(part: tuple[int, int, int]) -> CompletedPartTypeDef:
                number, start, length = part
                with file.open("rb") as stream:
                    stream.seek(start)
                    data = stream.read(length)
                answer = self._client.upload_part(
                    Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32"
                )
                on_sent(len(data))
                arrived: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
                if "ChecksumCRC32" in answer:  # S3 refuses to complete the upload without it; emulators do not know it
                    arrived["ChecksumCRC32"] = answer["ChecksumCRC32"]
                return arrived

            with ThreadPoolExecutor(CONCURRENT_UPLOADS) as pool:
                parts = list(pool.map(upload, _parts(file.stat().st_size)))
            return self._client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )["VersionId"]
        except BaseException:
            self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            raise


def _parts(size: int) -> Iterator[tuple[int, int, int]]:
    """Number (from 1), start and length of each part."""
    length = max(PART_BYTES, -(-size // MAX_PARTS))
    for index, start in enumerate(range(0, size, length)):
        yield index + 1, start, min(length, size - start)
