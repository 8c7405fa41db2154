"""Ingest claims the run once, and cuts the object into chunks that account for every byte."""

import gzip
from typing import Any

import pytest

from filegate.errors import ClaimLost, ConservationError, EmptyObject, ObjectGone, SchemaMismatch, UnknownDataset
from filegate.formats import split
from filegate.pipeline.handover import CHUNKS, read_manifest
from filegate.pipeline.ingest import ingest
from filegate.pipeline.validate import validate
from filegate.runs.manifests import ChunkManifest
from filegate.runs.run import Run
from filegate.runs.states import Status

from .conftest import Pipeline

ROWS = "id,country,amount\n" + "".join(f"{n},DE,{n}.5\n" for n in range(100))


def chunks_of(pipeline: Pipeline, run: Run) -> ChunkManifest:
    return read_manifest(run, pipeline.context, CHUNKS, ChunkManifest)


def test_plain_files_are_cut_by_byte_range_and_never_copied(pipeline: Pipeline) -> None:
    pipeline.chunk_bytes = 200
    run = ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)
    chunks = chunks_of(pipeline, run).chunks
    assert len(chunks) > 3
    assert {chunk.blob.bucket for chunk in chunks} == {"raw"}
    assert chunks[0].start == len("id,country,amount\n")
    assert chunks[-1].start + chunks[-1].length == len(ROWS)
    assert [chunk.first_row for chunk in chunks[1:]] == [chunk.first_row + chunk.rows for chunk in chunks[:-1]]
    assert run.ingested is not None
    assert (run.ingested.rows, run.ingested.bytes) == (100, len(ROWS))
    assert list(pipeline.store.list("staging", f"runs/{run.run_id}/chunks/")) == []


def test_compressed_files_are_cut_again_into_staging(pipeline: Pipeline) -> None:
    pipeline.chunk_bytes = 200
    run = ingest(pipeline.arrive("orders/a.csv.gz", gzip.compress(ROWS.encode())), pipeline.context)
    chunks = chunks_of(pipeline, run).chunks
    text = b"".join(pipeline.store.read(chunk.blob) for chunk in chunks)
    assert text == ROWS.encode()[len("id,country,amount\n") :]
    assert [chunk.origin for chunk in chunks[1:]] == [chunk.origin + chunk.length for chunk in chunks[:-1]]


def test_a_redelivered_event_does_no_work(pipeline: Pipeline) -> None:
    run = pipeline.arrive("orders/a.csv", ROWS)
    pipeline.finish(run)
    before = set(pipeline.store.list("staging", ""))
    again = ingest(run.model_copy(update={"execution": "another"}), pipeline.context)
    assert again.ingested is not None
    assert again.ingested.claim == "DUPLICATE"
    assert set(pipeline.store.list("staging", "")) == before
    assert (pipeline.record(run).status, pipeline.record(run).duplicates) == (Status.SUCCEEDED, 1)


def test_an_unknown_dataset_is_named_with_the_known_ones(pipeline: Pipeline) -> None:
    with pytest.raises(
        UnknownDataset, match=r"No dataset 'order' is declared; there are orders\. Did you mean 'orders'"
    ):
        ingest(pipeline.arrive("order/a.csv", ROWS), pipeline.context)


def test_header_only_is_empty(pipeline: Pipeline) -> None:
    with pytest.raises(EmptyObject):
        ingest(pipeline.arrive("orders/a.csv", "id,country,amount\n"), pipeline.context)


def test_a_broken_header_is_a_schema_mismatch(pipeline: Pipeline) -> None:
    with pytest.raises(SchemaMismatch, match="country"):
        ingest(pipeline.arrive("orders/a.csv", "id,amount\n1,2\n"), pipeline.context)


def test_an_object_deleted_before_ingest_is_gone(pipeline: Pipeline) -> None:
    run = pipeline.arrive("orders/a.csv", ROWS)
    pipeline.store.purge(run.request.address)
    with pytest.raises(ObjectGone, match=r"orders/a\.csv is gone"):
        ingest(run, pipeline.context)


def test_a_newer_version_does_not_disturb_a_run_on_its_way(pipeline: Pipeline) -> None:
    run = ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)
    pipeline.arrive("orders/a.csv", "id,country,amount\n1,FR,1\n")
    result = validate(run, pipeline.context)
    assert result.validated is not None
    assert result.validated.rows_in == 100


def test_an_execution_that_lost_its_claim_stops(pipeline: Pipeline) -> None:
    run = ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)
    with pytest.raises(ClaimLost):
        validate(run.model_copy(update={"execution": "another"}), pipeline.context)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (1, r"a chunk starts at \d+, the one before ends at \d+"),
        (-1, r"the chunks end at byte \d+ of \d+"),
    ],
)
def test_bytes_that_no_chunk_holds_are_a_loss(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, lost: int, message: str
) -> None:
    def losing(*args: Any, **options: Any) -> list[Any]:
        found = list(split(*args, **options))
        del found[lost]
        return found

    monkeypatch.setattr("filegate.pipeline.ingest.split", losing)
    pipeline.chunk_bytes = 200
    with pytest.raises(ConservationError, match=message):
        ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)
