"""A stage writes a manifest for the next one, in the run's document or beside it."""

import pytest

from filegate.pipeline import fan_out
from filegate.pipeline.handover import ACCEPTED, INLINE_LIMIT, read_manifest, write_manifest
from filegate.pipeline.ingest import ingest
from filegate.runs.manifests import AcceptedManifest, AcceptedPart
from filegate.runs.run import Ingested, Range, Run
from filegate.runs.states import State

from .conftest import ORDERS, Pipeline


def manifest(parts: int) -> AcceptedManifest:
    return AcceptedManifest(
        parts=tuple(AcceptedPart(index=index, key=f"accepted/{index}", rows=1) for index in range(parts))
    )


def staged(pipeline: Pipeline, run: Run) -> list[str]:
    return [key.rpartition("/")[2] for key in pipeline.store.list("staging", f"runs/{run.run_id}/")]


@pytest.mark.parametrize(("parts", "stored"), [(1, []), (500, ["accepted.json"])])
def test_only_a_long_manifest_is_stored(pipeline: Pipeline, parts: int, stored: list[str]) -> None:
    run = write_manifest(pipeline.arrive("orders/a.csv", ""), pipeline.context, ACCEPTED, manifest(parts))
    assert staged(pipeline, run) == stored
    assert len(run.manifest or "") <= INLINE_LIMIT
    assert read_manifest(run, pipeline.context, ACCEPTED, AcceptedManifest) == manifest(parts)


@pytest.mark.parametrize("sizes", [(1, 500), (500, 1)])
def test_the_manifest_written_last_counts(pipeline: Pipeline, sizes: tuple[int, int]) -> None:
    run = pipeline.arrive("orders/a.csv", "")
    for parts in sizes:
        run = write_manifest(run, pipeline.context, ACCEPTED, manifest(parts))
    assert read_manifest(run, pipeline.context, ACCEPTED, AcceptedManifest) == manifest(sizes[-1])


def test_each_range_reads_its_own_manifest(pipeline: Pipeline) -> None:
    run = pipeline.arrive("orders/a.csv", "")
    pipeline.ledger.claim(run, pipeline.now())
    run = run.with_ingested(Ingested(claim="CLAIMED", chunks=fan_out.RANGE_CHUNKS + 1))
    of_ranges = [manifest(2), manifest(1)]
    run = fan_out.start_all(run, pipeline.context, State.TRANSFORM, ACCEPTED, of_ranges, chunks=3)
    ranges = fan_out.listed_ranges(run, pipeline.context)
    assert ranges == [Range(index=0), Range(index=1)]
    read = [read_manifest(run.with_range(one), pipeline.context, ACCEPTED, AcceptedManifest) for one in ranges]
    assert read == of_ranges
    assert pipeline.record(run).chunks_due == 3


def test_a_file_of_one_chunk_needs_no_manifest_in_the_staging_bucket_but_that_of_the_output(pipeline: Pipeline) -> None:
    run = pipeline.finish(pipeline.arrive("orders/a.csv", "id,country,amount\n1,DE,1\n"))
    assert staged(pipeline, run) == ["00000.parquet", "00000.parquet", "output.json"]


def test_no_value_of_a_row_is_in_the_document(pipeline: Pipeline) -> None:
    """It is what the state machine logs, and what the dead-letter queue holds."""
    pipeline.declare("orders", ORDERS.replace("tolerated_rejects", "partition_by=['country'], tolerated_rejects"))
    run = pipeline.arrive("orders/a.csv", "id,country,amount\n12345,DE,54321\n23456,FR,65432\n34567,XX,76543\n")
    steps = (lambda run: ingest(run, pipeline.context), pipeline.validated, pipeline.transformed, pipeline.finish)
    documents = [step(run).model_dump_json() for step in steps]
    assert any("country=DE" in key for key in pipeline.files("orders"))
    for text in documents:
        assert not [value for value in ("12345", "23456", "34567", "54321", '"DE', "=DE", "FR", "XX") if value in text]
