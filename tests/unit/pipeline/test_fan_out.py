"""What a reduce step makes of its ranges: all of them, exactly once, or the reason why not."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from filegate.deploy import load_definition
from filegate.errors import CheckFailed, ConservationError, ObjectGone, ObjectTooLarge, OutOfTime, TransformFailed
from filegate.pipeline import fan_out
from filegate.pipeline.context import Stage
from filegate.pipeline.ingest import ingest
from filegate.pipeline.transform import reduce_transformed, transform_range
from filegate.pipeline.validate import reduce_validated, validate_range
from filegate.runs import clock
from filegate.runs.address import Address
from filegate.runs.manifests import RangeOutcome
from filegate.runs.run import Range, Retries, Run
from filegate.storage.objects import read_document, write_document

from .conftest import ORDERS, Pipeline

CHUNKS = 3 * fan_out.RANGE_CHUNKS + 1
ROWS = "id,country,amount\n" + "".join(f"{number:04},DE,1\n" for number in range(CHUNKS))
ROW_BYTES = len("0000,DE,1\n")
ASL = Path(__file__).parents[3] / "infra/statemachine/pipeline.asl.yaml"
EXPRESS_SECONDS = 300


def ingested(pipeline: Pipeline, rows: str = ROWS) -> Run:
    """A run that fans out, after ingest, with a chunk for each row."""
    pipeline.chunk_bytes, pipeline.fan_out_bytes = ROW_BYTES, 1
    return ingest(pipeline.arrive("orders/a.csv", rows), pipeline.context)


def between_passes(pipeline: Pipeline) -> tuple[Run, Run]:
    """A run that fans out and has a repeated row, before the first pass over its ranges and before the second."""
    pipeline.declare("orders", ORDERS.replace("Column(int)", "Column(int, unique=True)"))
    run = ingested(pipeline, ROWS + "0005,DE,1\n")
    pipeline.mapped(run, validate_range)
    return run, reduce_validated(run, pipeline.context)


def place(run: Run, name: str, index: int) -> Address:
    return Address("staging", f"runs/{run.run_id}/{name}/{index:05d}.json")


def test_a_large_object_becomes_ranges_and_a_small_one_does_not(pipeline: Pipeline) -> None:
    run = ingested(pipeline)
    assert run.fan_out is not None
    assert [part.index for part in fan_out.all_ranges(run)] == [0, 1, 2, 3]
    pipeline.fan_out_bytes = CHUNKS * ROW_BYTES
    assert ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context).fan_out is None
    pipeline.fan_out_bytes -= 1
    assert ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context).fan_out is not None


def test_a_range_that_is_missing_is_a_loss(pipeline: Pipeline) -> None:
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    pipeline.store.purge(place(run, "validated", 2))
    with pytest.raises(ConservationError, match="Range 2 came back without an outcome"):
        reduce_validated(run, pipeline.context)


def test_a_range_that_came_back_as_another_is_a_loss(pipeline: Pipeline) -> None:
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    pipeline.store.copy(place(run, "validated", 1), place(run, "validated", 2))
    with pytest.raises(ConservationError, match="Range 2 came back with the outcome of range 1"):
        reduce_validated(run, pipeline.context)


def test_a_range_that_came_back_as_it_was_before_its_second_pass_is_a_loss(pipeline: Pipeline) -> None:
    run, again = between_passes(pipeline)
    pipeline.mapped(again, validate_range)
    validate_range(run.with_range(Range(index=3)), pipeline.context)  # late: it was given up long ago
    with pytest.raises(ConservationError, match="Range 3 came back with the outcome of another pass"):
        reduce_validated(again, pipeline.context)


@pytest.mark.parametrize("chunks", [slice(1, None), slice(None, -1), slice(None, None, -1)])
def test_chunks_that_came_back_otherwise_than_once_and_in_order_are_a_loss(pipeline: Pipeline, chunks: slice) -> None:
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    outcome = read_document(pipeline.store, place(run, "validated", 1), RangeOutcome)
    changed = outcome.model_copy(update={"chunks": outcome.chunks[chunks]})
    write_document(pipeline.store, place(run, "validated", 1), changed)
    with pytest.raises(ConservationError, match=f"chunks came back of {CHUNKS}, or not in their order"):
        reduce_validated(run, pipeline.context)


def test_rows_that_are_missing_are_a_loss(pipeline: Pipeline) -> None:
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    outcome = read_document(pipeline.store, place(run, "validated", 1), RangeOutcome)
    first, *others = outcome.chunks
    lesser = first.model_copy(update={"accepted": first.accepted.model_copy(update={"rows": 0})})
    changed = outcome.model_copy(update={"chunks": (lesser, *others)})
    write_document(pipeline.store, place(run, "validated", 1), changed)
    with pytest.raises(ConservationError, match=f"{CHUNKS} rows became {CHUNKS - 1} accepted and 0 rejected ones"):
        reduce_validated(run, pipeline.context)


def test_a_second_pass_whose_answer_was_lost_is_not_taken_for_the_first(pipeline: Pipeline) -> None:
    """An attempt writes its range's outcome, and fails before its answer reaches Step Functions."""
    _, again = between_passes(pipeline)
    pipeline.store.purge(Address("raw", "orders/a.csv"))
    pipeline.mapped(again, validate_range)  # one of the two twice
    with pytest.raises(ObjectGone):
        reduce_validated(again, pipeline.context)


@pytest.mark.parametrize("stage", [validate_range, transform_range])
def test_an_attempt_ends_before_it_is_given_up(pipeline: Pipeline, stage: Stage) -> None:
    """So that nothing is written beside the next one; twice the time is within an express execution's life."""
    run = reduced(pipeline) if stage is transform_range else ingested(pipeline)
    began = clock.now()
    moments = (began + number * fan_out.ATTEMPT / 10 for number in itertools.count())
    pipeline.now = lambda: next(moments)
    with pytest.raises(OutOfTime, match="longer than the 120 seconds"):
        pipeline.mapped(run, stage)
    maps = load_definition(ASL)["States"]
    for name in ("Validate", "Transform"):
        limit = maps[f"{name}Map"]["ItemProcessor"]["States"][f"{name}Range"]["TimeoutSeconds"]
        assert fan_out.ATTEMPT.total_seconds() + 15 < limit < EXPRESS_SECONDS / 2


def test_two_parts_under_one_key_are_a_loss(pipeline: Pipeline) -> None:
    run = reduced(pipeline)
    pipeline.mapped(run, transform_range)
    first, second = (read_document(pipeline.store, place(run, "transformed", index), RangeOutcome) for index in (0, 1))
    same = tuple(part.model_copy(update={"target": first.parts[0].target}) for part in second.parts)
    write_document(pipeline.store, place(run, "transformed", 1), second.model_copy(update={"parts": same}))
    with pytest.raises(ConservationError, match="Two parts would be published under one key"):
        reduce_transformed(run, pipeline.context)


def test_output_that_is_missing_is_a_loss(pipeline: Pipeline) -> None:
    run = reduced(pipeline)
    pipeline.mapped(run, transform_range)
    outcome = read_document(pipeline.store, place(run, "transformed", 3), RangeOutcome)
    write_document(pipeline.store, place(run, "transformed", 3), outcome.model_copy(update={"parts": ()}))
    with pytest.raises(ConservationError, match=f"{CHUNKS} accepted rows became {CHUNKS - 1}"):
        reduce_transformed(run, pipeline.context)


def reduced(pipeline: Pipeline) -> Run:
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    return reduce_validated(run, pipeline.context)


def test_an_object_at_fault_is_refused_as_by_a_single_invocation(pipeline: Pipeline) -> None:
    """By the first range that finds the fault; an invocation that finds one has done its work."""
    pipeline.declare(
        "orders",
        "def never(value):\n    if value >= 20:\n        raise ValueError('s3cret')\n    return True\n"
        + ORDERS.replace("Column(int)", "Column(int, Check(never, element_wise=True))"),
    )
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    with pytest.raises(CheckFailed, match="'id:never' raised ValueError") as caught:
        reduce_validated(run, pipeline.context)
    assert caught.value.advice is not None
    assert "s3cret" not in str(caught.value)


def test_a_transform_that_fails_is_reported_as_by_a_single_invocation(pipeline: Pipeline) -> None:
    body = ORDERS.replace("tolerated_rejects=0.5)", "transform=lambda rows, _: rows.filter(pl.col('id') < 20))")
    pipeline.declare("orders", body)
    run = reduced(pipeline)
    pipeline.mapped(run, transform_range)
    with pytest.raises(TransformFailed, match='Declare transform_scope="object" if it filters'):
        reduce_transformed(run, pipeline.context)


def test_what_a_map_used_is_one_entry(pipeline: Pipeline) -> None:
    run = reduced(pipeline)
    assert [(name, call.calls) for name, call in run.usage.invocations.items()] == [("ValidateState0_0", 4)]


def test_what_a_map_used_is_known_though_its_ranges_cannot_be_brought_together(pipeline: Pipeline) -> None:
    run = ingested(pipeline)
    pipeline.mapped(run, validate_range)
    pipeline.store.purge(place(run, "validated", 2))
    with pytest.raises(ConservationError):
        reduce_validated(run, pipeline.context)
    assert pipeline.record(run).usage.invocations["ValidateState0_0"].calls == 3


def test_what_a_restart_s_map_used_is_added(pipeline: Pipeline) -> None:
    run = reduced(pipeline)
    again = ingest(run.model_copy(update={"retries": Retries(count=1)}), pipeline.context)
    pipeline.mapped(again, validate_range)
    calls = reduce_validated(again, pipeline.context).usage.invocations
    assert [(name, call.calls) for name, call in calls.items()] == [("ValidateState0_0", 4), ("ValidateState0_1", 4)]


def test_the_ledger_has_the_progress_of_a_state(pipeline: Pipeline) -> None:
    run = ingested(pipeline)
    assert (pipeline.record(run).state, pipeline.record(run).chunks_done) == ("ValidateState", 0)
    validate_range(run.with_range(Range(index=3)), pipeline.context)
    assert (pipeline.record(run).chunks_done, pipeline.record(run).rows_done) == (1, 1)
    validate_range(run.with_range(Range(index=1)), pipeline.context)
    assert (pipeline.record(run).chunks_done, pipeline.record(run).rows_done) == (17, 17)


def test_an_object_too_large_for_its_transform_is_refused_beforehand(pipeline: Pipeline) -> None:
    pipeline.declare("orders", ORDERS.replace("tolerated_rejects=0.5)", "transform_scope='object')"))
    pipeline.chunk_bytes, pipeline.whole_object_bytes = ROW_BYTES, CHUNKS * ROW_BYTES
    assert pipeline.finish(pipeline.arrive("orders/a.csv", ROWS)).committed is not None
    pipeline.whole_object_bytes -= 1
    with pytest.raises(ObjectTooLarge, match=f"makes {CHUNKS} chunks of up to {ROW_BYTES} bytes") as caught:
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert "WholeObjectBytes" in str(caught.value)


def test_a_transform_over_the_object_is_one_invocation_s_after_a_fan_out(pipeline: Pipeline) -> None:
    transform = "transform=lambda rows, _: rows.select(pl.col('id').sum()), transform_scope='object')"
    pipeline.declare("orders", ORDERS.replace("tolerated_rejects=0.5)", transform))
    pipeline.chunk_bytes, pipeline.fan_out_bytes = ROW_BYTES, 1
    run = pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert (run.fan_out, pipeline.live("orders").item()) == (None, sum(range(CHUNKS)))


def test_a_second_pass_validates_only_the_chunks_with_repeated_rows(pipeline: Pipeline) -> None:
    _, again = between_passes(pipeline)
    assert again.validated is None
    assert again.fan_out is not None
    assert (
        pipeline.bytes("staging", again.fan_out.ranges) == b'[{"index": 0, "again": [5]}, {"index": 3, "again": [49]}]'
    )
    pipeline.mapped(again, validate_range)
    validated = reduce_validated(again, pipeline.context).validated
    assert validated is not None
    assert (validated.rows_in, validated.rows_rejected) == (CHUNKS + 1, 2)
