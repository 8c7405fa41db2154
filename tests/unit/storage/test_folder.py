"""What is peculiar to a folder as object store; for the rest see tests/integration/storage/test_object_store.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from filegate.runs.address import Address
from filegate.storage.folder import FolderStore


@pytest.mark.parametrize(
    ("bucket", "key"),
    [("raw", "../secret"), ("raw", "a/../../../secret"), ("..", "secret"), ("raw", "/etc/passwd"), ("/etc", "passwd")],
)
def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path: Path, bucket: str, key: str) -> None:
    store = FolderStore(tmp_path / "buckets")
    (tmp_path / "secret").write_bytes(b"kept")
    outside = Address(bucket, key)
    store.write(Address("raw", "a"), b"")
    with pytest.raises(ValueError, match="leads out of"):
        store.write(outside, b"")
    with pytest.raises(ValueError, match="leads out of"):
        store.read(outside)
    with pytest.raises(ValueError, match="leads out of"):
        store.copy(Address("raw", "a"), outside)
    with pytest.raises(ValueError, match="leads out of"):
        store.delete(bucket, [key])
    assert (tmp_path / "secret").read_bytes() == b"kept"


def test_a_linked_file_is_read_and_never_changed(tmp_path: Path) -> None:
    file, store, address = tmp_path / "mine.csv", FolderStore(tmp_path / "buckets"), Address("raw", "a/mine.csv")
    file.write_bytes(b"mine")
    store.link(file, address)
    assert store.read(address) == b"mine"
    assert store.blob(address, tmp_path).name == str(file)

    store.write(address, b"written")
    assert (store.read(address), file.read_bytes()) == (b"written", b"mine")

    store.link(file, address)
    store.copy(Address("raw", "a/mine.csv"), Address("raw", "b"))
    store.link(file, Address("raw", "b"))
    store.write(Address("raw", "c"), b"other")
    store.copy(Address("raw", "c"), Address("raw", "b"))
    store.delete("raw", [address.key])
    assert file.read_bytes() == b"mine"
