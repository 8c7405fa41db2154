"""Documents that outlive a deployment carry the version of their format."""

from __future__ import annotations

import json

import pytest

from filegate.errors import UnknownFormat
from filegate.runs import manifests
from filegate.runs.address import Address
from filegate.runs.manifests import (
    FORMAT,
    AcceptedManifest,
    ChunkManifest,
    Layout,
    Manifest,
    OutputManifest,
    QuarantineManifest,
    RangeOutcome,
)
from filegate.runs.record import RunRecord
from filegate.runs.run import Invocation, Range
from filegate.runs.states import State, Status
from filegate.storage.objects import read_document, write_document
from tests.memory_store import MemoryObjectStore

LAYOUT = Layout(format="csv", source=0, compression=None, encoding="utf-8", columns=("a",), data_start=2)
OF_RUN = {"run_id": "1", "dataset": "orders", "object": "s3://raw/orders/a.csv"}
DOCUMENTS = [
    ChunkManifest(layout=LAYOUT, chunks=()),
    AcceptedManifest(parts=()),
    OutputManifest(**OF_RUN, parts=()),
    QuarantineManifest(**OF_RUN, layout=LAYOUT, rules={}, parts=()),
    RangeOutcome(range=Range(index=0), used=Invocation(state=State.VALIDATE_RANGE, seconds=1, memory_mb=256)),
]
RECORD = RunRecord(
    run_id="1", dataset="orders", status=Status.RUNNING, bucket="raw", key="orders/a.csv", version_id="v", owner="e",
    started_at="2026-01-31T12:00:00.000Z",
)  # fmt: skip
PLACE = Address("staging", "document.json")


def test_these_are_all_kinds_of_manifests() -> None:
    kinds = {kind for kind in vars(manifests).values() if isinstance(kind, type) and issubclass(kind, Manifest)}
    assert {type(document) for document in DOCUMENTS} == kinds - {Manifest}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_a_manifest_carries_its_format_and_one_without_is_of_the_first(document: Manifest) -> None:
    store = MemoryObjectStore()
    write_document(store, PLACE, document)
    written = json.loads(store.read(PLACE))
    assert written.pop("format") == FORMAT == 1
    store.write(PLACE, json.dumps(written).encode())
    assert read_document(store, PLACE, type(document)) == document


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("document", [*DOCUMENTS, RECORD], ids=lambda document: type(document).__name__)
def test_another_format_is_refused_with_advice(document: Manifest | RunRecord, version: int) -> None:
    changed = document.model_dump(mode="json") | {"format": version}
    with pytest.raises(UnknownFormat, match=f"has format {version}; this release of Filegate reads 1") as refused:
        type(document).model_validate(changed)
    assert refused.value.advice is not None
