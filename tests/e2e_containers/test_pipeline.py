"""How runs end, with the functions in containers of the images that ship."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import pytest

from filegate.runs.cost import by_stage
from filegate.runs.states import Status
from harness.pipeline import Drop, Execution, Pipeline, eventually
from harness.stack import STAGES

from ..e2e.readings import MANY, MIXED_REPEATED, MIXED_RULES
from .conftest import PATIENCE
from .scenarios import CLEAN_FLIGHTS, FLIGHT_ROWS, FLIGHTS, HASTY_SECONDS, ROWS, WRONG_HEADER


@pytest.fixture(scope="module", autouse=True)
def under_way(planned: dict[str, Drop]) -> None:
    """Retries are waited for while the first tests run."""


@pytest.fixture(scope="module")
def clean(pipeline: Pipeline) -> Drop:
    return pipeline.drop("flights/clean, 100% - as stored+é.csv", CLEAN_FLIGHTS)


@pytest.fixture(scope="module")
def partial(pipeline: Pipeline) -> Drop:
    return pipeline.drop("flights/partial.csv", FLIGHTS)


# The real images


def test_a_clean_object_succeeds(pipeline: Pipeline, clean: Drop, partial: Drop) -> None:
    run = pipeline.run(clean.run_id)
    assert pipeline.execution(run.run_id).status == "SUCCEEDED"
    assert (run.status, run.rows_in, run.rows_out) == (Status.SUCCEEDED, 100, 100)
    assert pipeline.published("flights", run.run_id).height == 100
    assert not pipeline.dead_letters(run.run_id)
    assert_alert(pipeline, run.run_id, "SUCCEEDED")


def test_a_run_tells_what_it_used(pipeline: Pipeline, clean: Drop) -> None:
    run = pipeline.run(clean.run_id)
    stages = by_stage(run.usage)
    assert [stage.invocations for stage in stages.values()] == [1, 1, 1, 2]
    for call in run.usage.invocations.values():
        assert call.seconds > 0
        assert call.s3_reads + call.s3_writes > 0
    assert run.cost_usd is not None
    assert 0.0004 < run.cost_usd < 0.002


@pytest.mark.parametrize("stage", STAGES)
def test_a_function_s_memory_is_told_as_its_limit_sees_it(pipeline: Pipeline, clean: Drop, stage: str) -> None:
    run = pipeline.run(clean.run_id)

    def told() -> list[float]:
        pages = pipeline.client("logs").get_paginator("filter_log_events")
        events = [e for p in pages.paginate(logGroupName=f"/aws/lambda/filegate-local-{stage}") for e in p["events"]]
        lines = [json.loads(line) for e in events for line in e["message"].splitlines() if line.startswith("{")]
        emitted = [line for line in lines if line["run_id"] == run.run_id and "memory_used_percent" in line]
        return [value for line in emitted for value in line["memory_used_percent"]]

    for percent in eventually(told):
        assert 5 < percent < 100


def test_rejected_rows_are_in_quarantine_and_told_of_in_the_queue(pipeline: Pipeline, partial: Drop) -> None:
    run = pipeline.run(partial.run_id)
    assert pipeline.execution(run.run_id).status == "SUCCEEDED"
    assert run.status == Status.PARTIAL
    assert run.rows_rejected
    assert run.rows_in == FLIGHT_ROWS == run.rows_accepted + run.rows_rejected
    assert pipeline.published("flights", run.run_id).height == run.rows_out == run.rows_accepted
    assert pipeline.quarantined("flights", run.run_id).height == run.rows_rejected
    (letter,) = pipeline.dead_letters(run.run_id)
    assert letter["failure"]["status"] == "PARTIAL"
    assert letter["validated"]["quarantine"] == run.quarantine
    assert_alert(pipeline, run.run_id, "PARTIAL")


def test_an_object_with_the_wrong_header_is_rejected(pipeline: Pipeline) -> None:
    assert_rejected(pipeline, pipeline.drop("flights/wrong_header.csv", WRONG_HEADER), "SchemaMismatch", "flights")


def test_an_event_delivered_twice_ends_as_a_duplicate(pipeline: Pipeline, clean: Drop) -> None:
    before = pipeline.run(clean.run_id)
    pipeline.start(clean)
    (again,) = [e for e in pipeline.executions(clean.run_id, 2) if e.arn != before.owner]
    assert (again.status, again.states[-1]) == ("SUCCEEDED", "Duplicate")
    assert pipeline.run(clean.run_id) == before.model_copy(update={"duplicates": 1})
    assert len(pipeline.alerts(clean.run_id)) == 1


def test_a_newer_version_supersedes_the_older_one(pipeline: Pipeline) -> None:
    older, newer = (pipeline.put("flights/twice.csv", data) for data in (CLEAN_FLIGHTS, FLIGHTS))
    pipeline.start(older, sequencer="01")
    pipeline.execution(older.run_id)
    assert pipeline.manifest("flights", older.run_id) is not None
    pipeline.start(newer, sequencer="02")
    pipeline.execution(newer.run_id)
    assert pipeline.run(newer.run_id).supersedes == (older.run_id,)
    assert pipeline.run(older.run_id).superseded_by == newer.run_id
    assert pipeline.manifest("flights", older.run_id) is None
    assert not [key for key in pipeline.keys("ProcessedBucket", "flights/") if older.run_id in key]


# The real images with planned faults


def test_a_permanent_error_is_not_retried(pipeline: Pipeline, planned: dict[str, Drop]) -> None:
    execution = assert_rejected(pipeline, planned["malformed"], "MalformedObject", "orders")
    assert execution.states.count("TransformState") == 1


@pytest.mark.parametrize(("scenario", "state"), [("throttled", "ValidateState"), ("unreachable", "OutputToS3")])
def test_a_transient_error_is_retried_after_2_4_and_8_seconds(
    pipeline: Pipeline, planned: dict[str, Drop], scenario: str, state: str
) -> None:
    run = pipeline.run(planned[scenario].run_id)
    execution = pipeline.execution(run.run_id)
    (attempts,) = execution.attempts("ParallelOutput" if state == "OutputToS3" else state)
    assert_backoff(attempts)
    assert [error for _, _, error in attempts] == [scenario.title()] * 3 + [None]
    assert (run.status, run.retries, run.rows_out) == (Status.SUCCEEDED, 0, ROWS)
    assert not pipeline.dead_letters(run.run_id)


def test_a_function_that_takes_too_long_fails_the_run(pipeline: Pipeline, planned: dict[str, Drop]) -> None:
    execution = assert_failed(pipeline, planned["time-out"], "Sandbox.Timedout", f"{HASTY_SECONDS}.00 seconds")
    assert [len(attempts) for attempts in execution.attempts("TransformState")] == [1, 1, 1, 1]


def test_a_function_that_runs_out_of_memory_fails_the_run(pipeline: Pipeline, planned: dict[str, Drop]) -> None:
    execution = assert_failed(pipeline, planned["out of memory"], "Runtime.OutOfMemory", "signal: killed")
    assert [len(attempts) for attempts in execution.attempts("ValidateState")] == [1, 1, 1, 1]


def test_a_large_object_goes_through_the_maps_whose_killed_children_are_tried_again(
    pipeline: Pipeline, planned: dict[str, Drop]
) -> None:
    spread, alone = (pipeline.run(planned[name].run_id) for name in ("spread", "alone"))
    states = pipeline.execution(spread.run_id).states
    assert [states.count(state) for state in ("ValidateMap", "TransformMap", "ValidateState")] == [2, 1, 0]
    assert pipeline.execution(alone.run_id).states.count("ValidateState") == 1
    assert not pipeline.keys("StagingBucket", f"faults/{spread.run_id}/"), "both children were killed"
    assert (spread.status, spread.retries, spread.rules) == (Status.PARTIAL, 0, MIXED_RULES)
    assert (spread.rows_in, spread.rows_deduplicated) == (MANY, MIXED_REPEATED)
    assert pipeline.made(spread) == pipeline.made(alone)


def test_spent_retries_fail_the_run(pipeline: Pipeline, planned: dict[str, Drop]) -> None:
    execution = assert_failed(pipeline, planned["retries exhausted"], "Throttled", "Throttled was planned.")
    visits = execution.attempts("IngestState")
    assert len(visits) == 4
    for attempts in visits:
        assert_backoff(attempts)


# Last: an alarm looks once a minute


def test_the_alarm_on_the_queue_goes_off(pipeline: Pipeline, partial: Drop) -> None:
    assert pipeline.run(partial.run_id).status == Status.PARTIAL
    subject = 'ALARM: "filegate-local-dlq-not-empty"'
    assert eventually(lambda: [a for a in pipeline.all_alerts() if a["Subject"].startswith(subject)], PATIENCE)


def assert_backoff(attempts: Sequence[tuple[datetime, datetime, str | None]]) -> None:
    assert len(attempts) == 4
    for wait, ((_, failed, _), (again, _, _)) in zip((2, 4, 8), pairwise(attempts), strict=True):
        assert wait - 0.01 <= (again - failed).total_seconds() < wait + 5  # a busy machine wakes up late


def assert_rejected(pipeline: Pipeline, drop: Drop, error: str, dataset: str) -> Execution:
    return assert_ended(pipeline, drop, Status.REJECTED, error, dataset)


def assert_failed(pipeline: Pipeline, drop: Drop, error: str, reason: str) -> Execution:
    execution = assert_ended(pipeline, drop, Status.FAILED, error, "orders")
    assert reason in (execution.cause or "")
    return execution


def assert_ended(pipeline: Pipeline, drop: Drop, status: Status, error: str, dataset: str) -> Execution:
    """The execution, the ledger, the queue and the alert tell one story, and nothing was published."""
    execution = pipeline.execution(drop.run_id)
    run = pipeline.run(drop.run_id)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", status, run.error_message)
    assert (run.status, run.error_type) == (status, error)
    (letter,) = pipeline.dead_letters(run.run_id)
    assert letter["failure"] == {"status": status, "type": error, "message": run.error_message}
    assert_alert(pipeline, run.run_id, status)
    assert pipeline.manifest(dataset, run.run_id) is None
    assert not [key for key in pipeline.keys("ProcessedBucket", f"{dataset}/") if run.run_id in key]
    return execution


def assert_alert(pipeline: Pipeline, run_id: str, status: str) -> None:
    (alert,) = pipeline.alerts(run_id)
    assert alert["Subject"] == f"[filegate local] {status}"
    assert f"filegate show {run_id}" in alert["Message"]
