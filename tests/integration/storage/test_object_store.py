"""One set of expectations for all object stores: S3's, a folder, and the one in memory; and what S3 is asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filegate.devcloud.cloud import EmbeddedCloud
from filegate.errors import ObjectGone, ObjectTooLarge
from filegate.runs.address import Address
from filegate.storage.folder import FolderStore
from filegate.storage.objects import ObjectStore
from filegate.storage.s3 import HELD_BYTES, S3ObjectStore
from tests.memory_store import MemoryObjectStore

SMALL = b"0123456789"
LARGE = bytes(range(256)) * (HELD_BYTES // 256 + 1)
BUCKETS = (f"bucket-{number}" for number in itertools.count())


class Bucket:
    """A bucket of S3's, and every request that came to it through its store."""

    def __init__(self, cloud: EmbeddedCloud, *, versioned: bool) -> None:
        self.name = next(BUCKETS)
        self.client: Any = cloud.session().client("s3")
        self.client.create_bucket(Bucket=self.name)
        if versioned:
            self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})
        self.asked: list[Any] = []
        self.client.meta.events.register("before-send.s3", lambda request, **_: self.asked.append(request))
        self.store = S3ObjectStore(self.client)

    def put(self, data: bytes) -> Address:
        version = self.store.write(Address(self.name, "a"), data)
        self.asked.clear()
        return Address(self.name, "a", None if version == "null" else version)

    @property
    def verbs(self) -> list[str]:
        return [request.method for request in self.asked]


@pytest.fixture(params=["versioned", "plain"])
def bucket(request: pytest.FixtureRequest, cloud: EmbeddedCloud) -> Bucket:
    return Bucket(cloud, versioned=request.param == "versioned")


@pytest.fixture(params=["memory", "folder", "versioned", "plain"])
def place(
    request: pytest.FixtureRequest, cloud: EmbeddedCloud, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ObjectStore, str]:
    """A store, and a bucket of it."""
    if request.param == "memory":
        return MemoryObjectStore(), "b"
    if request.param == "folder":
        return FolderStore(tmp_path_factory.mktemp("buckets")), "b"
    bucket = Bucket(cloud, versioned=request.param == "versioned")
    return bucket.store, bucket.name


@pytest.fixture
def stored(place: tuple[ObjectStore, str]) -> Callable[[bytes], tuple[ObjectStore, Address]]:
    """Puts an object into a store."""

    def put(data: bytes) -> tuple[ObjectStore, Address]:
        store, bucket = place
        version = store.write(Address(bucket, "a"), data)
        return store, Address(bucket, "a", None if version == "null" else version)

    return put


@pytest.mark.parametrize("data", [b"", b"1", SMALL, LARGE], ids=len)
@pytest.mark.parametrize("first", [(0, 8), (0, 10), (0, len(LARGE)), (9, 5), (10, 1), (len(LARGE), 3), (2, 0)], ids=str)
def test_whatever_is_read_first_a_blob_is_its_bytes(
    stored: Callable[[bytes], tuple[ObjectStore, Address]], tmp_path: Path, data: bytes, first: tuple[int, int]
) -> None:
    store, address = stored(data)
    blob = store.blob(address, tmp_path)
    for start, length in (first, (0, 4), first, (3, 100), (0, len(data) + 1), (len(data), 1)):
        assert blob.read(start, length) == data[start : start + length]
    assert blob.size == len(data)
    with blob.stream() as stream:
        assert stream.read(3) + stream.read() == data
    assert blob.path().read_bytes() == data


def test_what_is_written_is_read_copied_and_deleted(place: tuple[ObjectStore, str], tmp_path: Path) -> None:
    store, bucket = place
    one, other = Address(bucket, "a/b=1/c.txt"), Address(bucket, "a/d")
    store.write(one, b"first")
    store.write(one, b"second")
    store.copy(one, other)
    store.write(one, b"third")
    assert (store.read(one), store.read(other)) == (b"third", b"second")
    assert store.blob(one, tmp_path).name.endswith(f"{bucket}/a/b=1/c.txt")
    store.delete(bucket, [one.key, "never"])
    for absent in (one, Address(bucket, "never"), Address(bucket, "a")):
        with pytest.raises(ObjectGone, match=absent.key):
            store.read(absent)
    with pytest.raises(ObjectGone):
        store.copy(one, other)
    assert store.read(other) == b"second"


@pytest.mark.parametrize("look", [lambda blob: blob.read(0, 8), lambda blob: blob.stream(), lambda blob: blob.path()])
def test_an_object_that_is_not_there_is_gone(bucket: Bucket, tmp_path: Path, look: Callable[[Any], object]) -> None:
    address = bucket.put(SMALL)
    bucket.client.delete_object(
        Bucket=address.bucket, Key=address.key, **({"VersionId": address.version_id} if address.version_id else {})
    )
    with pytest.raises(ObjectGone):
        look(bucket.store.blob(address, tmp_path))


def test_a_small_object_is_asked_for_once(bucket: Bucket, tmp_path: Path) -> None:
    blob = bucket.store.blob(bucket.put(SMALL), tmp_path)
    assert blob.read(0, 1000) == SMALL
    assert (blob.size, blob.read(2, 2), blob.stream().read(), blob.path().read_bytes()) == (10, b"23", SMALL, SMALL)
    assert bucket.verbs == ["GET"]


def test_the_size_of_an_object_that_was_read_is_known(bucket: Bucket, tmp_path: Path) -> None:
    blob = bucket.store.blob(bucket.put(LARGE), tmp_path)
    assert blob.read(5, 3) == LARGE[5:8]
    assert blob.size == len(LARGE)
    assert blob.read(len(LARGE), 3) == b""
    assert bucket.verbs == ["GET"]


def test_a_copy_serves_every_blob_of_its_version(bucket: Bucket, tmp_path: Path) -> None:
    address = bucket.put(LARGE)
    assert bucket.store.blob(address, tmp_path).path() == bucket.store.blob(address, tmp_path).path()
    assert bucket.verbs == ["GET"]


def test_every_read_names_the_version(cloud: EmbeddedCloud, tmp_path: Path) -> None:
    bucket = Bucket(cloud, versioned=True)
    address = bucket.put(LARGE)
    bucket.put(SMALL)
    blob = bucket.store.blob(address, tmp_path)
    assert (blob.size, blob.read(7, 1), blob.path().read_bytes()) == (len(LARGE), LARGE[7:8], LARGE)
    assert bucket.verbs == ["HEAD", "GET", "GET"]
    assert all(f"versionId={address.version_id}" in request.url for request in bucket.asked)


@pytest.mark.parametrize("first", [lambda blob: blob.read(0, 8), lambda blob: blob.stream(), lambda blob: blob.size])
@pytest.mark.parametrize("second", [lambda blob: blob.read(8, 8), lambda blob: blob.stream(), lambda blob: blob.path()])
def test_an_object_that_is_replaced_between_two_reads_is_gone(
    cloud: EmbeddedCloud, tmp_path: Path, first: Callable[[Any], object], second: Callable[[Any], object]
) -> None:
    """Where a bucket has no versions, as that of the staged chunks."""
    bucket = Bucket(cloud, versioned=False)
    blob = bucket.store.blob(bucket.put(LARGE), tmp_path)
    first(blob)
    bucket.put(LARGE[::-1])
    with pytest.raises(ObjectGone):
        second(blob)


def test_what_does_not_fit_on_the_disk_is_not_fetched(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = bucket.store.blob(bucket.put(LARGE), tmp_path)
    full = type("Usage", (), {"free": len(LARGE) - 1})
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    with pytest.raises(ObjectTooLarge, match="more ephemeral storage"):
        blob.path()
    assert not [*tmp_path.iterdir()]
