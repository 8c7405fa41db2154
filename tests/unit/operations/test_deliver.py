"""A file goes to the right dataset, whole, and its run is known before it begins."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.errors import WrongUse
from filegate.operations import deliver as module
from filegate.operations.deliver import S3Upload, check_keys, check_starts_runs, dataset_of, deliver
from filegate.runs.address import Address
from filegate.runs.run import run_id_of
from tests.unit.operations.fakes import MemoryCloud

KNOWN = ["cars", "flights", "line", "line_item"]


@pytest.mark.parametrize(
    ("file", "dataset"),
    [
        ("flights.csv", "flights"),
        ("Flights-2013.csv.gz", "flights"),
        ("flights_2013-01.csv", "flights"),
        ("in/flights/2013-01.csv", "flights"),
        ("flights/flights.csv", "flights"),
        ("line.tbl", "line"),
    ],
)
def test_folder_or_name_give_the_dataset(file: str, dataset: str) -> None:
    assert dataset_of(Path(file), KNOWN) == dataset


@pytest.mark.parametrize("file", ["flightsome.csv", "2013-01.csv", "carsflights.csv"])
def test_a_file_of_no_dataset(file: str) -> None:
    with pytest.raises(WrongUse, match=r"has neither the folder nor the name of a dataset.*--dataset.*cars, flights"):
        dataset_of(Path(file), KNOWN)


@pytest.mark.parametrize("file", ["line_item.tbl", "cars/flights.csv"])
def test_a_file_of_several_datasets(file: str) -> None:
    with pytest.raises(WrongUse, match="could belong to"):
        dataset_of(Path(file), KNOWN)


def test_the_given_dataset_counts() -> None:
    assert dataset_of(Path("flights.csv"), KNOWN, "cars") == "cars"
    assert dataset_of(Path("flights.csv"), [], "trains") == "trains"
    with pytest.raises(WrongUse, match="no dataset 'trains'"):
        dataset_of(Path("flights.csv"), KNOWN, "trains")


def test_a_delivery_names_its_run(cloud: MemoryCloud, tmp_path: Path) -> None:
    file = tmp_path / "januar ü.csv"
    file.write_bytes(b"a\n1\n")
    sent: list[int] = []
    run_id = deliver(file, "flights", bucket="raw", upload=cloud.upload, on_sent=sent.append)
    assert run_id == run_id_of("raw", "flights/januar ü.csv", "v1")
    assert cloud.store.read(Address("raw", "flights/januar ü.csv")) == b"a\n1\n"
    assert sum(sent) == 4


def test_files_that_would_take_each_other_s_place_are_refused() -> None:
    """Two of one name are two versions of one object: only the later one would be published."""
    check_keys([(Path("a/x.csv"), "cars"), (Path("b/x.csv"), "flights"), (Path("y.csv"), "cars")])
    with pytest.raises(WrongUse, match=r"^a/x\.csv and b/x\.csv would both become cars/x\.csv"):
        check_keys([(Path("a/x.csv"), "cars"), (Path("y.csv"), "cars"), (Path("b/x.csv"), "cars")])


@pytest.mark.parametrize(("name", "dataset"), [("\udcff.csv", "cars"), ("x.csv", "\udcff")])
def test_a_key_is_text(name: str, dataset: str) -> None:
    with pytest.raises(WrongUse, match="not UTF-8"):
        check_keys([(Path(name), dataset)])


def test_a_file_that_would_start_no_run_is_refused() -> None:
    files = [(Path("a/x.csv"), "cars"), (Path("b/x.csv.filepart"), "cars")]
    check_starts_runs(files, "*.tmp,flights/*")
    check_starts_runs(files, "")
    with pytest.raises(
        WrongUse, match=r"^x\.csv\.filepart starts no run: keys like \*filepart are ignored.*IgnoredKeys"
    ):
        check_starts_runs(files, "*.tmp,*filepart")


class MultipartClient:
    """What S3 does with parts."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.parts: dict[int, bytes] = {}
        self.whole = b""
        self.aborted = False
        self._fail_at = fail_at

    def put_object(self, *, Body: Any, **_: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        self.whole = Body.read()
        return {"VersionId": "single"}

    def create_multipart_upload(self, **_: str) -> dict[str, str]:
        return {"UploadId": "u"}

    def upload_part(self, *, PartNumber: int, Body: bytes, **_: str) -> dict[str, str]:  # noqa: N803
        if PartNumber == self._fail_at:
            raise ConnectionError
        self.parts[PartNumber] = Body
        return {"ETag": f"etag-{PartNumber}", "ChecksumCRC32": f"crc-{PartNumber}"}

    def complete_multipart_upload(self, *, MultipartUpload: dict[str, Any], **_: str) -> dict[str, str]:  # noqa: N803
        numbers = [part["PartNumber"] for part in MultipartUpload["Parts"]]
        assert [part["ChecksumCRC32"] for part in MultipartUpload["Parts"]] == [f"crc-{number}" for number in numbers]
        assert numbers == list(range(1, len(numbers) + 1))
        self.whole = b"".join(self.parts[number] for number in numbers)
        return {"VersionId": "multipart"}

    def abort_multipart_upload(self, **_: str) -> None:
        self.aborted = True


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 250, 1000])
def test_every_byte_arrives(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 100)
    data = random.Random(size).randbytes(size)
    file = tmp_path / "file"
    file.write_bytes(data)
    client = MultipartClient()
    sent: list[int] = []
    version = S3Upload(client)(file, Address("raw", "k"), sent.append)  # type: ignore[arg-type]
    assert (client.whole, sum(sent)) == (data, size)
    assert version == ("multipart" if size > 100 else "single")


def test_a_failed_upload_leaves_no_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 100)
    file = tmp_path / "file"
    file.write_bytes(bytes(450))
    client = MultipartClient(fail_at=3)
    with pytest.raises(ConnectionError):
        S3Upload(client)(file, Address("raw", "k"), lambda _: None)  # type: ignore[arg-type]
    assert client.aborted


@given(st.integers(min_value=1, max_value=5 << 40))
def test_no_upload_has_more_parts_than_s3_takes(size: int) -> None:
    parts = list(module._parts(size))
    assert len(parts) <= module.MAX_PARTS
    assert sum(length for _, _, length in parts) == size
