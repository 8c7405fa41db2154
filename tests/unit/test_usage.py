"""What a run used and cost: the meter, the steps of the state machine, the estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from filegate.deploy import load_definition
from filegate.pipeline.context import Meter
from filegate.runs import cost as usage
from filegate.runs import prices
from filegate.runs.cost import Total, by_stage, cost_usd, transitions
from filegate.runs.record import RunRecord
from filegate.runs.run import Invocation, Usage
from filegate.runs.states import State, Status
from filegate.storage.requests import Requests

DEFINITION = Path(__file__).parents[2] / "infra" / "statemachine" / "pipeline.asl.yaml"
STATES: dict[str, Any] = load_definition(DEFINITION)["States"]
GOOD_PATH = ("IngestState", "ValidateState", "TransformState", "OutputToS3", "CommitState")


SPREAD_PATH = (
    "IngestState", "ValidateRange", "ValidateReduce", "TransformRange", "TransformReduce", "OutputToS3", "CommitState"
)  # fmt: skip


def record(*calls: Invocation, status: Status = Status.SUCCEEDED, **facts: Any) -> RunRecord:
    return RunRecord(
        run_id="r1",
        dataset="flights",
        status=status,
        bucket="raw",
        key="flights/a.csv",
        version_id="v1",
        owner="e1",
        started_at="2026-01-31T12:00:00.000Z",
        usage=Usage(invocations={str(number): call for number, call in enumerate(calls)}),
        **facts,
    )


def call(state: str, *, seconds: float = 1.0, memory_mb: int = 512, failed: bool = False, **more: float) -> Invocation:
    facts = {"state": state, "seconds": seconds, "memory_mb": memory_mb, "failed": failed, **more}
    return Invocation.model_validate(facts)


# The meter


def test_the_meter_tells_the_time_and_the_requests_so_far() -> None:
    ticks = iter([100.0, 101.5, 107.25])
    requests = Requests()
    requests.add("s3_reads")  # the invocation before this one's
    meter = Meter("a1", State.INGEST, 512, requests, head_start=2.0, clock=lambda: next(ticks))
    requests.add("s3_writes")
    requests.add("ledger_writes", 2.5)
    assert meter.invocation() == call("IngestState", seconds=3.5, s3_writes=1, ledger_writes=2.5)
    assert meter.usage(failed=True).invocations == {
        "a1": call("IngestState", seconds=9.25, s3_writes=1, ledger_writes=2.5, failed=True)
    }


def test_later_knowledge_of_an_invocation_replaces_the_earlier() -> None:
    so_far, whole, other = call("IngestState"), call("IngestState", seconds=5), call("ValidateState")
    assert Usage(invocations={"a": so_far}) | Usage(invocations={"a": whole, "b": other}) == Usage(
        invocations={"a": whole, "b": other}
    )


def test_stages_are_summed_over_retries_and_restarts() -> None:
    run = record(
        call("CommitState", seconds=0.25),
        call("IngestState", failed=True),
        call("IngestState", seconds=2),
        call("OutputToS3", seconds=0.5),
    )
    assert list(by_stage(run.usage).items()) == [("ingest", Total(2, 3.0, 1.5)), ("output", Total(2, 0.75, 0.375))]


# Steps


def followers(states: dict[str, Any], name: str) -> Iterator[str]:
    state = states[name]
    yield from (choice["Next"] for choice in state.get("Choices", []))
    yield from (catcher["Next"] for catcher in state.get("Catch", []))
    yield from (state[word] for word in ("Next", "Default") if word in state)


@pytest.mark.parametrize(
    "steps",
    [
        (*usage.BEGIN, "IngestState"),
        *(
            (state, *after)
            for state, after in ((state, state.next_steps) for state in State)
            if "UpdateMetadata" not in after and state != "OutputToS3"
        ),
        ("TransformState", "ParallelOutput", *State.OUTPUT.next_steps, "CommitState"),
        ("WhoseRun", "ValidateMap", "ValidateReduce", "IsValid", "ValidateMap"),
        ("IsValid", "TransformMap", "TransformReduce", "ParallelOutput"),
        ("HasRejects", *usage.PARTIAL, "CommitState"),
        ("ValidateState", *usage.RESTART, "IngestState"),
        ("IsValid", *usage.TOO_MANY_REJECTS),
        ("ValidateState", *usage.REJECTED),
        ("ValidateState", *usage.FAILED),
    ],
)
def test_the_steps_are_those_of_the_state_machine(steps: Sequence[str]) -> None:
    for one, next_one in pairwise(steps):
        assert next_one in followers(STATES, one), (one, next_one)


def test_the_parallel_state_holds_a_function_and_a_write() -> None:
    within = {name for branch in STATES["ParallelOutput"]["Branches"] for name in branch["States"]}
    assert within == {"OutputToS3", *State.TRANSFORM.next_steps[1:]}


def test_every_function_belongs_to_a_stage() -> None:
    inner = [branch["States"] for branch in STATES["ParallelOutput"]["Branches"]]
    inner += [state["ItemProcessor"]["States"] for state in STATES.values() if state["Type"] == "Map"]
    tasks = {name: state for part in (STATES, *inner) for name, state in part.items()}
    invoked = {name for name, state in tasks.items() if str(state.get("Resource")).endswith("lambda:invoke")}
    assert invoked == set(State)


@pytest.mark.parametrize(
    ("calls", "facts", "steps"),
    [
        (GOOD_PATH, {}, 15),
        (GOOD_PATH, {"status": Status.PARTIAL}, 17),
        (GOOD_PATH[:2], {"status": Status.REJECTED, "error_type": "TooManyRejects"}, 12),
        ((), {"status": Status.FAILED}, 12),
        (GOOD_PATH[:1], {"status": Status.RUNNING}, 4),
        (("IngestState", *GOOD_PATH), {"retries": 1}, 20),
        (SPREAD_PATH, {}, 17),
    ],
)
def test_steps_follow_from_the_invocations(calls: Sequence[str], facts: dict[str, Any], steps: int) -> None:
    assert transitions(record(*map(call, calls), **facts)) == steps


def test_a_failed_attempt_is_one_step_and_leads_nowhere() -> None:
    run = record(call("ValidateState", failed=True), *map(call, GOOD_PATH))
    assert transitions(run) == 16


# The estimate


def test_the_estimate_is_what_is_used_times_what_it_costs() -> None:
    run = record(
        call("IngestState", seconds=4, s3_reads=1_000, ledger_writes=10),
        call("ValidateState", seconds=8, memory_mb=256, s3_writes=999, ledger_reads=4),
        status=Status.SUCCEEDED,
    )
    assert cost_usd(run) == pytest.approx(
        4 * 0.0000133334  # 2 GB-seconds each
        + 2 * 0.20e-6
        + 6 * 25e-6  # steps: the two at the beginning, two functions, what follows each of them
        + 0.0004
        + 0.005  # the output's manifest included
        + 4 * 0.125e-6
        + (10 + 2 * 6) * 0.625e-6
        + 1e-6  # the event
        + 0.5e-6,  # the notice
        abs=1e-7,
    )


def test_a_run_is_charged_for_the_messages_about_it() -> None:
    alike = {"error_type": "TooManyRejects"}
    succeeded, partial = (record(status=status) for status in (Status.SUCCEEDED, Status.PARTIAL))
    assert cost_usd(partial) - cost_usd(succeeded) == pytest.approx(prices.SQS_REQUEST.of(1), abs=1e-7)
    arrived, replayed = (record(status=Status.REJECTED, replay_of=run, **alike) for run in (None, "r0"))
    assert cost_usd(arrived) - cost_usd(replayed) == pytest.approx(prices.S3_EVENT.of(1), abs=1e-7)


def test_a_small_run_costs_mostly_its_steps() -> None:
    run = record(*map(call, GOOD_PATH))
    assert prices.STATE_TRANSITION.of(15) > cost_usd(run) / 2
