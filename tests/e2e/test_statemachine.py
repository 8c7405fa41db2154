"""Every transition of the state machine, taken on the embedded cloud by the real functions.

All scenarios start at once, since most of their time is spent waiting for retries; then each test looks at its own.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from filegate import errors
from filegate.runs import cost as usage
from filegate.runs.run import replay_id_of
from filegate.runs.states import Status
from harness.pipeline import Drop, Execution, Pipeline, eventually

from . import transitions

FIXTURES = Path(__file__).parent / "fixtures"
IMAGES = FIXTURES / "images"
DATASETS = FIXTURES / "datasets"

ROWS = 10
CLEAN = b"id,name,amount,ordered\n" + b"".join(b"%d,name %d,1.5,2026-01-31\n" % (i, i) for i in range(1, ROWS + 1))
ONE_BAD = CLEAN.replace(b"\n3,", b"\nthree,")
MOST_BAD = CLEAN.replace(b"2026-01-31", b"2026-02-31")

BEFORE_COMMIT = ("IngestState", "ValidateState", "TransformState", "OutputToS3")
STATES = (*BEFORE_COMMIT, "CommitState")


def leaves(kind: type[errors.FilegateError]) -> list[str]:
    return sorted(leaf.__name__ for leaf in kind.__subclasses__())


PERMANENT = leaves(errors.PermanentError)
TRANSIENT = leaves(errors.TransientError)


@dataclass(frozen=True)
class Scenario:
    """An object, and the faults that its run meets."""

    data: bytes = CLEAN
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)


SCENARIOS = {
    # The slowest first.
    "exhausted": Scenario(faults={"IngestState": ["Throttled"] * 16}),
    "never commits": Scenario(faults={"CommitState": ["RuntimeError"] * 16}),
    "function times out": Scenario(faults={"TransformState": ["sleep"]}),
    **{f"{state} is throttled": Scenario(faults={state: ["Throttled"] * 3}) for state in STATES},
    **{f"{name} passes": Scenario(faults={"ValidateState": [name] * 3}) for name in TRANSIENT},
    "success": Scenario(),
    "partial": Scenario(ONE_BAD),
    "intolerable": Scenario(MOST_BAD),
    **{f"{name} is permanent": Scenario(faults={"IngestState": [name]}) for name in PERMANENT},
    **{f"{state} rejects": Scenario(faults={state: ["MalformedObject"]}) for state in BEFORE_COMMIT},
    **{f"{state} breaks": Scenario(faults={state: ["RuntimeError"]}) for state in BEFORE_COMMIT},
    "commit rejects": Scenario(faults={"CommitState": ["ObjectGone"] * 4}),
    "commit breaks": Scenario(faults={"CommitState": ["RuntimeError"] * 3}),
    **{f"the answer of {state} is lost": Scenario(ONE_BAD, {state: ["after:Unreachable"]}) for state in STATES},
    "breaks for good": Scenario(faults={"ValidateState": ["RuntimeError"] * 4}),
    "function dies": Scenario(faults={"ValidateState": ["exit"]}),
    "commit never heard of": Scenario(ONE_BAD, {"CommitState": ["after:RuntimeError"] * 4}),
    "claim lost": Scenario(faults={"TransformState": ["disown"]}),
    "claim lost at output": Scenario(faults={"TransformState": ["after:disown"]}),
}
TIMEOUT = 6


@pytest.fixture(scope="module")
def runs(pipeline: Pipeline) -> dict[str, Drop]:
    """Every scenario's run, started."""
    assert pipeline.inbox
    pipeline.lambdas.update_function_configuration(FunctionName=pipeline.outputs["TransformFunction"], Timeout=TIMEOUT)
    return {
        name: pipeline.drop(f"orders/{name}.csv", scenario.data, faults=scenario.faults)
        for name, scenario in SCENARIOS.items()
    }


@pytest.fixture(scope="module")
def broken_machines(pipeline: Pipeline, runs: dict[str, Drop]) -> dict[str, Drop]:
    """Runs of state machines whose queue and topic, or whose table, do not exist."""
    machine = pipeline.stepfunctions.describe_state_machine(stateMachineArn=pipeline.outputs["StateMachineArn"])
    outputs = pipeline.outputs

    def lacking(name: str, *resources: str) -> str:
        definition = machine["definition"]
        for resource in resources:
            assert outputs[resource] in definition
            definition = definition.replace(outputs[resource], outputs[resource] + "-gone")
        made = pipeline.stepfunctions.create_state_machine(name=name, definition=definition, roleArn=machine["roleArn"])
        return str(made["stateMachineArn"])

    mute = lacking("mute", "DlqUrl", "AlertsTopicArn")
    forgetful = lacking("forgetful", "LedgerTable")

    def started(name: str, machine: str, data: bytes) -> Drop:
        return pipeline.start(pipeline.put(f"orders/{name}.csv", data), machine=machine)

    return {
        "mute success": started("mute success", mute, CLEAN),
        "mute partial": started("mute partial", mute, ONE_BAD),
        "mute rejected": started("mute rejected", mute, MOST_BAD),
        "forgetful": started("forgetful", forgetful, CLEAN),
    }


# R2 to R4, R10: the way of a good object


def test_a_clean_object_is_published(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["success"].run_id)
    execution = pipeline.execution(run.run_id)
    assert execution.status == "SUCCEEDED"
    assert execution.states == [
        "Arrival",
        "Begin",
        "IngestState",
        "WhoseRun",
        "ValidateState",
        "IsValid",
        "TransformState",
        "ParallelOutput",
        "HasRejects",
        "CommitState",
        "IsSuperseded",
        "SuccessNotification",
        "Published",
    ]
    assert (run.status, run.rows_in, run.rows_accepted, run.rows_rejected, run.rows_out) == (
        Status.SUCCEEDED,
        ROWS,
        ROWS,
        0,
        ROWS,
    )
    assert pipeline.published("orders", run.run_id)["id"].to_list() == list(range(1, ROWS + 1))
    assert run.bytes_out == sum(map(len, pipeline.parts("orders", run.run_id).values()))
    assert not pipeline.dead_letters(run.run_id)
    (alert,) = pipeline.alerts(run.run_id)
    assert alert["Subject"] == "[filegate local] SUCCEEDED"


def test_the_ledger_is_written_beside_the_output_and_before_the_commit(
    pipeline: Pipeline, runs: dict[str, Drop]
) -> None:
    run = pipeline.run(runs["success"].run_id)
    assert sorted(run.states, key=run.states.__getitem__) == [
        "IngestState",
        "ValidateState",
        "TransformState",
        "ParallelOutput",
    ]
    assert run.finished_at is not None
    assert run.finished_at >= run.states["ParallelOutput"]


# R4, rule 8: rejected rows


def test_rejected_rows_go_to_quarantine_and_are_told_of(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["partial"].run_id)
    assert pipeline.execution(run.run_id).status == "SUCCEEDED"
    assert (run.status, run.rows_in, run.rows_accepted, run.rows_rejected) == (Status.PARTIAL, ROWS, ROWS - 1, 1)
    assert run.rules == {"id:type": 1}
    (rejected,) = pipeline.quarantined("orders", run.run_id).to_dicts()
    assert rejected["row"] == 3
    assert rejected["values"]["id"] == "three"
    assert CLEAN[rejected["byte_offset"] :].startswith(b"3,name 3")
    (letter,) = pipeline.dead_letters(run.run_id)
    assert letter["failure"]["status"] == "PARTIAL"
    assert letter["validated"]["quarantine"] == run.quarantine
    (alert,) = pipeline.alerts(run.run_id)
    assert alert["Subject"] == "[filegate local] PARTIAL"
    assert "1 of 10 rows were rejected" in alert["Message"]
    assert f"filegate show {run.run_id}" in alert["Message"]


def test_too_many_rejected_rows_reject_the_object_without_a_retry(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["intolerable"].run_id)
    assert (run.status, run.error_type, run.rows_rejected) == (Status.REJECTED, "TooManyRejects", ROWS)
    execution = assert_rejected(pipeline, run.run_id, "TooManyRejects")
    assert execution.states.count("ValidateState") == 1
    assert pipeline.quarantined("orders", run.run_id).height == ROWS


# R9, R21: permanent errors


@pytest.mark.parametrize("name", PERMANENT)
def test_a_permanent_error_is_never_retried(pipeline: Pipeline, runs: dict[str, Drop], name: str) -> None:
    execution = assert_rejected(pipeline, runs[f"{name} is permanent"].run_id, name)
    assert len(execution.attempts("IngestState")) == 1
    assert "ErrorHandler" not in execution.states


@pytest.mark.parametrize("state", BEFORE_COMMIT)
def test_every_function_may_reject_the_object(pipeline: Pipeline, runs: dict[str, Drop], state: str) -> None:
    execution = assert_rejected(pipeline, runs[f"{state} rejects"].run_id, "MalformedObject")
    assert len(attempts_of(execution, state)) == 1
    assert "ErrorHandler" not in execution.states


def assert_rejected(pipeline: Pipeline, run_id: str, error: str) -> Execution:
    """The ledger, the execution, the queue and the alert tell one story."""
    execution = pipeline.execution(run_id)
    run = pipeline.run(run_id)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "REJECTED", run.error_message)
    assert (run.status, run.error_type) == (Status.REJECTED, error)
    (letter,) = pipeline.dead_letters(run_id)
    assert letter["failure"] == {"status": "REJECTED", "type": error, "message": run.error_message}
    assert letter["request"]["version_id"] == run.version_id
    assert_alert(pipeline, run_id, "REJECTED")
    assert pipeline.manifest("orders", run_id) is None
    return execution


def assert_alert(pipeline: Pipeline, run_id: str, status: str) -> None:
    """One alert, which says what happened, where, and what to do."""
    run = pipeline.run(run_id)
    (alert,) = pipeline.alerts(run_id)
    assert alert["Subject"] == f"[filegate local] {status}"
    text = alert["Message"]
    assert text.startswith(f'{status}: "{run.key}"\n\n{run.error_type}: {run.error_message}\n')
    assert f'"{run.key}" version {run.version_id} in {run.bucket}' in text
    assert f"filegate show {run_id}" in text
    assert f"filegate dlq replay {run_id}" in text


# R7, R21: transient errors


@pytest.mark.parametrize(
    ("scenario", "state"),
    [*((f"{name} passes", "ValidateState") for name in TRANSIENT), *((f"{s} is throttled", s) for s in STATES)],
)
def test_a_transient_error_is_retried_after_2_4_and_8_seconds(
    pipeline: Pipeline, runs: dict[str, Drop], scenario: str, state: str
) -> None:
    run = pipeline.run(runs[scenario].run_id)
    execution = pipeline.execution(run.run_id)
    assert (run.status, run.retries, run.rows_out) == (Status.SUCCEEDED, 0, ROWS)
    assert execution.status == "SUCCEEDED"
    attempts = attempts_of(execution, state)
    assert_backoff(attempts)
    assert len(attempts) == 4
    assert attempts[-1][2] is None
    assert not pipeline.dead_letters(run.run_id)


def attempts_of(execution: Execution, state: str) -> Sequence[tuple[Any, Any, str | None]]:
    """The attempts of a state's only visit. OutputToS3 is the only function within ParallelOutput."""
    (attempts,) = execution.attempts("ParallelOutput" if state == "OutputToS3" else state)
    return attempts


def assert_backoff(attempts: Sequence[tuple[Any, Any, str | None]]) -> None:
    for wait, ((_, failed, _), (again, _, _)) in zip((2, 4, 8), pairwise(attempts), strict=True):
        assert wait - 0.01 <= (again - failed).total_seconds() < wait + 5  # a busy machine wakes up late


# Rules 3 and 4: repeated work changes nothing; the commit is last


@pytest.mark.parametrize("state", STATES)
def test_work_whose_answer_was_lost_may_be_repeated(pipeline: Pipeline, runs: dict[str, Drop], state: str) -> None:
    run = pipeline.run(runs[f"the answer of {state} is lost"].run_id)
    execution = pipeline.execution(run.run_id)
    assert (execution.status, run.status, run.retries) == ("SUCCEEDED", Status.PARTIAL, 0)
    assert (run.rows_in, run.rows_accepted, run.rows_rejected, run.rows_out) == (ROWS, ROWS - 1, 1, ROWS - 1)
    assert [error for _, _, error in attempts_of(execution, state)] == ["Unreachable", None]
    assert pipeline.published("orders", run.run_id).height == ROWS - 1
    assert len(pipeline.dead_letters(run.run_id)) == 1


def test_a_commit_is_retried_whatever_its_error(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    """It may have been half done, so only the commit itself knows how it goes on."""
    run = pipeline.run(runs["commit breaks"].run_id)
    attempts = attempts_of(pipeline.execution(run.run_id), "CommitState")
    assert_backoff(attempts)
    assert [error for _, _, error in attempts] == ["UnexpectedError"] * 3 + [None]
    assert (run.status, run.retries, run.rows_out) == (Status.SUCCEEDED, 0, ROWS)


def test_a_commit_that_never_can_succeed_rejects_the_object(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    execution = assert_rejected(pipeline, runs["commit rejects"].run_id, "ObjectGone")
    assert_backoff(attempts_of(execution, "CommitState"))


# Rules 1, 2 and 5: identity, claim, order


@pytest.mark.parametrize("scenario", ["claim lost", "claim lost at output"])
def test_a_run_that_lost_its_claim_leaves_the_run_to_its_new_owner(
    pipeline: Pipeline, runs: dict[str, Drop], scenario: str
) -> None:
    run_id = runs[scenario].run_id
    execution = pipeline.execution(run_id)
    assert execution.states[-5:] == ["RetryLogic", "Restart", "IngestState", "WhoseRun", "Duplicate"]
    record = pipeline.ledger.get(run_id)
    assert record is not None
    assert (record.status, record.owner) == (Status.RUNNING, "another execution")
    assert pipeline.manifest("orders", run_id) is None
    assert not pipeline.dead_letters(run_id)


def test_an_event_delivered_twice_is_worked_on_once(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    drop = runs["success"]
    before = pipeline.run(drop.run_id)
    pipeline.start(drop)
    pipeline.start(drop)
    again = [e for e in pipeline.executions(drop.run_id, 3) if e.arn != before.owner]
    for execution in again:
        assert execution.status == "SUCCEEDED"
        assert execution.states == ["Arrival", "Begin", "IngestState", "WhoseRun", "Duplicate"]
    after = pipeline.run(drop.run_id)
    assert after == before.model_copy(update={"duplicates": 2})
    assert len(pipeline.alerts(drop.run_id)) == 1


def test_an_event_delivered_again_while_the_run_is_under_way_does_not_disturb_it(pipeline: Pipeline) -> None:
    drop = pipeline.put("orders/twice at once.csv", CLEAN)
    pipeline.start(drop, faults={"ValidateState": ["Throttled"]})
    eventually(lambda: pipeline.ledger.get(drop.run_id))
    pipeline.start(drop)
    first, second = sorted(pipeline.executions(drop.run_id, 2), key=lambda execution: len(execution.states))
    assert first.states[-1] == "Duplicate"
    assert second.states[-1] == "Published"
    run = pipeline.run(drop.run_id)
    assert (run.owner, run.duplicates, run.status, run.rows_out) == (second.arn, 1, Status.SUCCEEDED, ROWS)


def test_a_newer_version_takes_the_older_ones_place(pipeline: Pipeline) -> None:
    older = pipeline.drop("orders/delivered twice.csv", CLEAN)
    assert pipeline.run(older.run_id).status == Status.SUCCEEDED
    newer = pipeline.drop("orders/delivered twice.csv", ONE_BAD)
    run = pipeline.run(newer.run_id)
    assert pipeline.execution(newer.run_id).status == "SUCCEEDED"
    assert (run.supersedes, run.superseded_by) == ((older.run_id,), None)
    assert pipeline.run(older.run_id).superseded_by == newer.run_id
    assert_only_published(pipeline, newer, older)


def test_an_older_version_that_comes_late_changes_nothing(pipeline: Pipeline) -> None:
    older, newer = (pipeline.put("orders/out of order.csv", data) for data in (CLEAN, ONE_BAD))
    pipeline.start(newer, sequencer="00A2")
    assert pipeline.run(newer.run_id).status == Status.PARTIAL
    pipeline.execution(newer.run_id)
    pipeline.start(older, sequencer="00A1FF")  # shorter texts are padded: A1FF < A200
    run = pipeline.run(older.run_id)
    assert pipeline.execution(older.run_id).status == "SUCCEEDED"
    assert (run.status, run.superseded_by) == (Status.SUCCEEDED, newer.run_id)
    assert pipeline.run(newer.run_id).superseded_by is None
    assert_only_published(pipeline, newer, older)


def test_an_older_version_overtaken_on_its_way_yields(pipeline: Pipeline) -> None:
    older, newer = (pipeline.put("orders/overtaken.csv", data) for data in (CLEAN, ONE_BAD))
    pipeline.start(older, sequencer="01", faults={"CommitState": ["Throttled", "Throttled"]})
    pipeline.start(newer, sequencer="02")
    pipeline.execution(newer.run_id)
    assert pipeline.manifest("orders", newer.run_id) is not None
    pipeline.execution(older.run_id)
    assert pipeline.run(older.run_id).superseded_by == newer.run_id
    assert_only_published(pipeline, newer, older)


def assert_only_published(pipeline: Pipeline, one: Drop, other: Drop) -> None:
    assert pipeline.manifest("orders", other.run_id) is None
    assert pipeline.published("orders", one.run_id).height == ROWS - 1
    everything = pipeline.keys("ProcessedBucket", "orders/")
    assert not [key for key in everything if other.run_id in key]


def test_a_late_run_is_not_announced_as_published(pipeline: Pipeline) -> None:
    older, newer = (pipeline.put("orders/late.csv", data) for data in (CLEAN, ONE_BAD))
    pipeline.start(newer, sequencer="02")
    pipeline.execution(newer.run_id)
    pipeline.start(older, sequencer="01")
    assert pipeline.execution(older.run_id).states[-2:] == ["SupersededNotification", "Published"]
    alert = next(alert for alert in pipeline.alerts(older.run_id) if "superseded" in alert["Subject"])
    assert f"by run {newer.run_id}. Nothing of this one is." in alert["Message"]


def test_a_commit_whose_answers_are_all_lost_is_found_by_the_restart(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["commit never heard of"].run_id)
    states = pipeline.execution(run.run_id).states
    assert states[states.index("Restart") :][:4] == ["Restart", "IngestState", "WhoseRun", "CommitState"]
    assert (run.status, run.duplicates) == (Status.PARTIAL, 1)
    assert pipeline.published("orders", run.run_id).height == ROWS - 1
    assert len(pipeline.dead_letters(run.run_id)) == 1


def test_a_folder_made_in_the_console_is_no_file(pipeline: Pipeline) -> None:
    put = pipeline.s3.put_object(Bucket=pipeline.outputs["RawBucket"], Key="orders/2026/", Body=b"")
    folder = Drop(pipeline.outputs["RawBucket"], "orders/2026/", put["VersionId"])
    # As from a rule that lets it through: by default, one ignores such keys.
    request = {"id": "by hand", "bucket": folder.bucket, "key": folder.key, "version_id": folder.version_id, "size": 0}
    pipeline.stepfunctions.start_execution(
        stateMachineArn=pipeline.outputs["StateMachineArn"], input=json.dumps(request)
    )
    assert pipeline.execution(folder.run_id).states == ["Arrival", "Folder"]
    assert pipeline.ledger.get(folder.run_id) is None


def test_an_aborted_execution_is_told_of(pipeline: Pipeline) -> None:
    drop = pipeline.drop("orders/aborted.csv", CLEAN, faults={"TransformState": ["sleep"]})
    execution = eventually(lambda: _owner_in(pipeline, drop.run_id, "ValidateState"))
    pipeline.stepfunctions.stop_execution(executionArn=execution)
    (message,) = eventually(lambda: pipeline.unreported(execution))
    assert message["failure"]["type"] == "ABORTED"
    assert json.loads(message["input"])["key"] == "orders/aborted.csv"
    run = pipeline.run(drop.run_id)
    assert (run.status, run.error_type, run.owner) == (Status.FAILED, "ABORTED", execution)
    recorded = eventually(lambda: _records_of(pipeline, execution))
    assert recorded[0].states == ["Arrival", "ReadEnded", "WhoseEnd", "NameRun", "RecordEnded", "Recorded"]


def test_an_aborted_replay_is_recorded_as_its_own_run(pipeline: Pipeline) -> None:
    drop = pipeline.drop("orders/aborted-again.csv", CLEAN, faults={"TransformState": ["sleep"]})
    first = eventually(lambda: _owner_in(pipeline, drop.run_id, "ValidateState"))
    pipeline.stepfunctions.stop_execution(executionArn=first)
    assert pipeline.run(drop.run_id).error_type == "ABORTED"
    replay = replay_id_of(drop.run_id, "message")
    asleep = {"TransformState": ["sleep"]}
    pipeline.start(drop, run_id=replay, replay_of=drop.run_id, replay_rows="all", faults=asleep)
    second = eventually(lambda: _owner_in(pipeline, replay, "ValidateState"))
    pipeline.stepfunctions.stop_execution(executionArn=second)
    run = pipeline.run(replay)
    assert (run.status, run.error_type, run.replay_of) == (Status.FAILED, "ABORTED", drop.run_id)
    (recorded,) = eventually(lambda: _records_of(pipeline, second))
    assert recorded.states[2:] == ["WhoseEnd", "NameReplay", "RecordEnded", "Recorded"]


def test_the_end_of_an_execution_that_no_longer_owns_its_run_changes_nothing(
    pipeline: Pipeline, runs: dict[str, Drop]
) -> None:
    drop = runs["success"]
    before = pipeline.run(drop.run_id)
    request = {"bucket": drop.bucket, "key": drop.key, "version_id": drop.version_id}
    report = {"ended": before.owner, "status": "TIMED_OUT", "input": json.dumps(request)}
    pipeline.stepfunctions.start_execution(
        stateMachineArn=pipeline.outputs["StateMachineArn"], input=json.dumps(report)
    )
    recorded = eventually(lambda: [item for item in _records_of(pipeline, before.owner) if item.status != "RUNNING"])
    assert [(item.status, item.states[-1]) for item in recorded] == [("SUCCEEDED", "Recorded")]
    assert pipeline.run(drop.run_id) == before


def _owner_in(pipeline: Pipeline, run_id: str, state: str) -> str | None:
    record = pipeline.ledger.get(run_id)
    return record.owner if record is not None and record.state == state else None


def _records_of(pipeline: Pipeline, execution: str) -> list[Execution]:
    """The executions that were started to record the end of another one."""
    return [item for item in pipeline.all_executions() if item.input.get("ended") == execution]


# R24, what an operator does next


def test_a_failed_run_is_replayed_by_a_new_execution(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    failed = runs["breaks for good"]
    pipeline.execution(failed.run_id)
    replay = replay_id_of(failed.run_id, "message")
    pipeline.start(failed, run_id=replay, replay_of=failed.run_id, replay_rows="all")
    run = pipeline.run(replay)
    execution = pipeline.execution(replay)
    assert execution.states[:3] == ["Arrival", "BeginReplay", "IngestState"]
    assert (run.status, run.replay_of, run.rows_out) == (Status.SUCCEEDED, failed.run_id, ROWS)
    assert pipeline.published("orders", replay).height == ROWS


# R11: what happens when telling fails


def test_a_lost_notice_does_not_undo_a_committed_run(pipeline: Pipeline, broken_machines: dict[str, Drop]) -> None:
    run = pipeline.run(broken_machines["mute success"].run_id)
    assert pipeline.execution(run.run_id).states[-2:] == ["SuccessNotification", "Published"]
    assert (run.status, run.rows_out) == (Status.SUCCEEDED, ROWS)


def test_rejected_rows_that_cannot_be_told_of_are_not_committed(
    pipeline: Pipeline, broken_machines: dict[str, Drop]
) -> None:
    run = pipeline.run(broken_machines["mute partial"].run_id)
    execution = pipeline.execution(run.run_id)
    assert run.status == Status.FAILED
    assert execution.states.count("DLQPartial") == 4
    assert "CommitState" not in execution.states
    assert pipeline.manifest("orders", run.run_id) is None


def test_a_rejection_is_recorded_even_if_nobody_can_be_told(
    pipeline: Pipeline, broken_machines: dict[str, Drop]
) -> None:
    run = pipeline.run(broken_machines["mute rejected"].run_id)
    execution = pipeline.execution(run.run_id)
    assert (run.status, run.error_type) == (Status.REJECTED, "TooManyRejects")
    assert (execution.status, execution.error) == ("FAILED", "REJECTED")
    assert execution.states[-5:] == ["DLQRoute", "RecordFailure", "FailureNotification", "WasRejected", "Rejected"]


def test_a_failure_is_told_even_if_it_cannot_be_recorded(pipeline: Pipeline, broken_machines: dict[str, Drop]) -> None:
    run_id = broken_machines["forgetful"].run_id
    execution = pipeline.execution(run_id)
    assert (execution.status, execution.error) == ("FAILED", "FAILED")
    assert [letter["failure"]["status"] for letter in pipeline.dead_letters(run_id)] == ["FAILED"]
    (alert,) = pipeline.alerts(run_id)
    assert alert["Subject"] == "[filegate local] FAILED"
    assert pipeline.manifest("orders", run_id) is None


# R8, R22, R23: retries exhausted: the slowest scenario, so late


def test_spent_retries_restart_the_run_three_times_and_then_fail_it(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    execution = assert_failed(pipeline, runs["exhausted"].run_id, "Throttled")
    visits = execution.attempts("IngestState")
    assert [len(attempts) for attempts in visits] == [4, 4, 4, 4]
    for attempts in visits:
        assert_backoff(attempts)
    assert execution.states.count("ErrorHandler") == 4
    assert execution.states.count("RetryLogic") == 4
    assert execution.states.count("Restart") == 3
    assert pipeline.run(str(execution.run_id)).error_message == "Throttled was planned. Nothing is wrong."


def test_an_unexpected_error_goes_to_the_error_handler_at_once(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    execution = assert_failed(pipeline, runs["breaks for good"].run_id, "UnexpectedError")
    assert [len(attempts) for attempts in execution.attempts("ValidateState")] == [1, 1, 1, 1]
    run = pipeline.run(str(execution.run_id))
    assert run.error_message is not None
    assert run.error_message.startswith("RuntimeError at ")
    assert run.retries == 3


def test_an_unexpected_error_gives_no_row_value_away(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run_id = runs["breaks for good"].run_id
    execution = pipeline.execution(run_id)
    told = [execution.events, pipeline.dead_letters(run_id), pipeline.alerts(run_id)]
    assert "RuntimeError" in json.dumps(told, default=str)
    assert "a row's own value" not in json.dumps(told, default=str)


def assert_failed(pipeline: Pipeline, run_id: str, error: str) -> Execution:
    execution = pipeline.execution(run_id)
    run = pipeline.run(run_id)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "FAILED", run.error_message)
    assert (run.status, run.error_type) == (Status.FAILED, error)
    (letter,) = pipeline.dead_letters(run_id)
    assert letter["failure"] == {"status": "FAILED", "type": error, "message": run.error_message}
    assert_alert(pipeline, run_id, "FAILED")
    assert pipeline.manifest("orders", run_id) is None
    return execution


@pytest.mark.parametrize("state", BEFORE_COMMIT)
def test_a_restart_begins_with_ingest_and_ends_well(pipeline: Pipeline, runs: dict[str, Drop], state: str) -> None:
    run = pipeline.run(runs[f"{state} breaks"].run_id)
    execution = pipeline.execution(run.run_id)
    assert execution.states.count("IngestState") == 2
    assert execution.states[execution.states.index("ErrorHandler") :][:4] == [
        "ErrorHandler",
        "RetryLogic",
        "Restart",
        "IngestState",
    ]
    assert (run.status, run.retries, run.rows_out) == (Status.SUCCEEDED, 1, ROWS)
    assert pipeline.published("orders", run.run_id).height == ROWS


def test_a_function_that_takes_too_long_is_ended_and_the_run_restarted(
    pipeline: Pipeline, runs: dict[str, Drop]
) -> None:
    run = pipeline.run(runs["function times out"].run_id)
    (first, *_), _ = pipeline.execution(run.run_id).attempts("TransformState")
    assert first[2] == "Sandbox.Timedout"
    assert (first[1] - first[0]).total_seconds() >= TIMEOUT
    assert (run.status, run.retries) == (Status.SUCCEEDED, 1)


def test_a_function_whose_process_dies_is_restarted(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["function dies"].run_id)
    (first, *_), _ = pipeline.execution(run.run_id).attempts("ValidateState")
    assert first[2] == "Runtime.ExitError"
    assert (run.status, run.retries) == (Status.SUCCEEDED, 1)


def test_a_run_that_failed_before_its_commit_published_nothing(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    execution = assert_failed(pipeline, runs["never commits"].run_id, "UnexpectedError")
    assert [attempts[-1][2] for attempts in execution.attempts("ParallelOutput")] == [None] * 4
    for attempts in execution.attempts("CommitState"):
        assert_backoff(attempts)
    assert pipeline.run(str(execution.run_id)).output is None


# What a run used


# No trace is left of an attempt that was killed as it began, nor of one before its run was claimed or after its end.
UNCOUNTED = {
    "function times out",
    "function dies",
    "claim lost",
    "claim lost at output",
    "commit never heard of",
    "the answer of CommitState is lost",
    *(name for name, scenario in SCENARIOS.items() if scenario.faults.get("IngestState", ["after"])[0][:5] != "after"),
}


def test_the_steps_of_a_run_are_counted_as_they_were_taken(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    counted, taken = {}, {}
    for name in set(SCENARIOS) - UNCOUNTED:
        run = pipeline.run(runs[name].run_id)
        execution = next(one for one in pipeline.executions(run.run_id) if one.arn == run.owner)
        counted[name], taken[name] = usage.transitions(run), execution.steps
    assert len(counted) > len(SCENARIOS) / 2
    assert counted == taken


# R6 to R11: all of it but what only large objects come to. Last, when all scenarios are over.


def test_every_transition_was_taken(
    pipeline: Pipeline, runs: dict[str, Drop], broken_machines: dict[str, Drop]
) -> None:
    for drop in [*runs.values(), *broken_machines.values()]:
        pipeline.executions(drop.run_id)
    executions = pipeline.all_executions()
    assert transitions.taken(executions, fan_out=False) == transitions.declared(fan_out=False)
    assert not transitions.taken(executions, fan_out=True), "see test_fan_out.py"


def test_the_scenarios_know_every_class_of_error() -> None:
    kinds = {kind.__name__ for _, kind in inspect.getmembers(errors, inspect.isclass)}
    assert set(PERMANENT) | set(TRANSIENT) < kinds
    assert {"Throttled", "Unreachable"} == set(TRANSIENT)
