"""Manifests as objects in a store."""

from __future__ import annotations

from typing import TypeVar

from filegate.runs.address import Address
from filegate.runs.manifests import Manifest
from filegate.storage.objects import ObjectStore

M = TypeVar("M", bound=Manifest)


def write_document(store: ObjectStore, address: Address, manifest: Manifest) -> None:
    store.write(address, manifest.model_dump_json().encode())


def read_document(store: ObjectStore, address: Address, kind: type[M]) -> M:
    return kind.model_validate_json(store.read(address))
