"""A large object is spread over many invocations: nothing else about its run is different, whatever goes wrong.

All scenarios start at once, as in test_statemachine.py; chunks are small here, so that a megabyte is a large object.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from filegate.operations import dlq
from filegate.operations.ports import SqsQueue, StepFunctionsStateMachine
from filegate.runs import cost as usage
from filegate.runs.record import RunRecord
from filegate.runs.run import replay_id_of
from filegate.runs.states import Status
from filegate.storage.s3 import S3ObjectStore
from harness.pipeline import Drop, Execution, Pipeline

from . import transitions
from .readings import CHUNK, CLEAN, MANY, MIXED, MIXED_REPEATED, MIXED_RULES, RANGE, ROWS, SMALL_CHUNKS, readings, row

FIXTURES = Path(__file__).parent / "fixtures"
IMAGES = FIXTURES / "images"

LIMIT = 24 * CHUNK
PARAMETERS = {**SMALL_CHUNKS, "WholeObjectBytes": str(LIMIT)}
NEVER = str(1 << 40)
TIMEOUT = 8
TOLERATED = 0.1


@dataclass(frozen=True)
class Scenario:
    """An object, the dataset it belongs to, the faults that its run meets, and the machine that it runs on."""

    data: bytes = CLEAN
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    machine: str = "deployed"
    dataset: str = "readings"


def in_both_maps(*faults: str, machine: str = "deployed") -> Scenario:
    return Scenario(faults={"ValidateRange.0": faults, "TransformRange.0": faults}, machine=machine)


LIVES = {
    "dies as it begins": (in_both_maps("exit"), ["Runtime.ExitError"]),
    "dies midway": (in_both_maps("amid:exit"), ["Runtime.ExitError"]),
    "dies before it answers": (in_both_maps("after:exit"), ["Runtime.ExitError"]),
    "takes too long": (in_both_maps("sleep", machine="hasty"), ["Sandbox.Timedout"]),
    "is throttled": (in_both_maps(*["Throttled"] * 3), ["Throttled"] * 3),
    "has a defect": (in_both_maps("RuntimeError"), ["UnexpectedError"]),
}
CUTS = (CHUNK, 80_000, 120_000)
BROKEN = ["RuntimeError"] * 4  # as often as one map tries it
LAST = RANGE + 1

SCENARIOS = {
    # The slowest first.
    "breaks for good": Scenario(faults={"ValidateRange.1": BROKEN * 4}),
    "a map breaks": Scenario(faults={"ValidateRange.1": BROKEN, "TransformRange.1": BROKEN}),
    **{f"a child {name}": scenario for name, (scenario, _) in LIVES.items()},
    **{f"the claim is lost in {state}": Scenario(faults={state: ["disown"]}) for state in
       ("ValidateRange.1", "ValidateReduce", "TransformRange.1", "TransformReduce")},
    "success": Scenario(),
    **{f"spread, by {size}": Scenario(MIXED, machine=f"spread {size}") for size in CUTS},
    **{f"alone, by {size}": Scenario(MIXED, machine=f"alone {size}") for size in CUTS},
    "a child dies on the second look": Scenario(MIXED, {"ValidateRange.2": ["pass", "amid:exit"]}),
    "answers are lost": Scenario(MIXED, {"ValidateReduce": ["after:Unreachable"] * 2,
                                         "TransformReduce": ["after:Unreachable"]}),
    "reduces break": Scenario(MIXED, {"ValidateReduce": ["pass", "after:RuntimeError"],
                                      "TransformReduce": ["after:RuntimeError"]}),
    "a check fails": Scenario(readings(changed={1: row(1, note="check"), LAST: row(LAST, note="check")})),
    "a transform fails": Scenario(readings(changed={LAST: row(LAST, note="transform")})),
    "the object is deleted": Scenario(faults={"ValidateRange.1": ["delete"]}),
    **{f"{state} rejects": Scenario(faults={state: ["after:MalformedObject"]}) for state in
       ("ValidateReduce", "TransformReduce")},
    "an outcome of validate is lost": Scenario(faults={"ValidateReduce": ["lose validated/00001.json"] * 4}),
    "an outcome of transform is lost": Scenario(faults={"TransformReduce": ["lose transformed/00001.json"] * 4}),
    "one range is all bad": Scenario(
        readings(changed={number: row(number, hour="noon") for number in range(LAST, ROWS + 1)})
    ),
    "repeated from range to range": Scenario(
        readings(changed={number: row(number - RANGE) for number in range(LAST, ROWS + 1)})
    ),
    "whole, spread": Scenario(dataset="totals"),
    "whole, alone": Scenario(dataset="totals", machine=f"alone {CHUNK}"),
    "whole, too large": Scenario(MIXED, dataset="totals"),
    "to be fixed": Scenario(dataset="sites"),
}  # fmt: skip

SITES = """
from pandera.polars import Check, Column, DataFrameSchema
from filegate import Csv, Dataset

SCHEMA = DataFrameSchema({"id": Column(int), "sensor": Column(str, Check.isin(["a"])), "hour": Column(int),
                          "note": Column(str)})
dataset = Dataset("sites", schema=SCHEMA, source=Csv(), tolerated_rejects=1)
"""


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this module's own, since a test mends a dataset in it."""
    folder = tmp_path_factory.mktemp("datasets")
    shutil.copytree(FIXTURES / "datasets", folder, dirs_exist_ok=True)
    (folder / "sites.py").write_text(SITES)
    return folder


@pytest.fixture(scope="module")
def runs(pipeline: Pipeline) -> dict[str, Drop]:
    """Every scenario's run, started."""
    assert pipeline.inbox
    functions = {stage: pipeline.outputs[f"{stage.title()}Function"] for stage in ("ingest", "validate", "transform")}

    def cutting(name: str, size: int, **variables: str) -> str:
        chunks = {"FILEGATE_CHUNK_BYTES": str(size), **variables}
        ingest = pipeline.function_like(functions["ingest"], f"{name}-{size}", variables=chunks)
        return pipeline.machine_like(f"{name}-{size}", {"ingest": ingest})

    hasty = {
        stage: pipeline.function_like(functions[stage], "hasty", Timeout=TIMEOUT) for stage in ("validate", "transform")
    }
    machines = {
        "deployed": pipeline.outputs["StateMachineArn"],
        "hasty": pipeline.machine_like("hasty", hasty),
        **{f"spread {size}": cutting("spread", size) for size in CUTS},
        **{f"alone {size}": cutting("alone", size, FILEGATE_FAN_OUT_BYTES=NEVER) for size in CUTS},
    }
    return {
        name: pipeline.start(
            pipeline.put(f"{scenario.dataset}/{name}.csv", scenario.data),
            faults=scenario.faults,
            machine=machines[scenario.machine],
        )
        for name, scenario in SCENARIOS.items()
    }


GOOD_WAY = [
    "Arrival", "Begin", "IngestState", "WhoseRun", "ValidateMap", "ValidateReduce", "IsValid", "TransformMap",
    "TransformReduce", "ParallelOutput", "HasRejects", "CommitState", "IsSuperseded", "SuccessNotification",
    "Published",
]  # fmt: skip
SECOND_LOOK = ["ValidateMap", "ValidateReduce", "IsValid"]


def test_a_large_object_goes_through_the_maps(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["success"].run_id)
    assert pipeline.execution(run.run_id).states == GOOD_WAY
    assert (run.status, run.retries) == (Status.SUCCEEDED, 0)
    assert (run.rows_in, run.rows_accepted, run.rows_out) == (ROWS, ROWS, ROWS)
    assert pipeline.tries(run.run_id) == {
        f"{state}.{index}": [[None]] for state in ("ValidateRange", "TransformRange") for index in (0, 1)
    }
    published = pipeline.published("readings", run.run_id)
    assert published["id"].sort().to_list() == list(range(1, ROWS + 1))
    assert (published["day"] == published["hour"] // 24).all()


# The same result, whichever way


@pytest.mark.parametrize("size", CUTS)
def test_the_parts_are_those_of_a_single_invocation(pipeline: Pipeline, runs: dict[str, Drop], size: int) -> None:
    spread, alone = (pipeline.run(runs[f"{way}, by {size}"].run_id) for way in ("spread", "alone"))
    assert "ValidateMap" in pipeline.execution(spread.run_id).states
    assert "ValidateState" in pipeline.execution(alone.run_id).states
    assert_mixed(spread)
    own = {"run_id", "key", "version_id", "owner", "started_at", "finished_at", "states", "state", "usage", "cost_usd",
           "output", "quarantine", "chunks_due", "chunks_done", "rows_done", "entered_at", "lease_until"}  # fmt: skip
    assert spread.model_dump(exclude=own) == alone.model_dump(exclude=own)
    parts = pipeline.made(spread)
    assert len(parts) > spread.chunks
    assert parts == pipeline.made(alone)


def assert_mixed(run: RunRecord) -> None:
    rejected = sum(MIXED_RULES.values())
    assert (run.status, run.rules) == (Status.PARTIAL, MIXED_RULES)
    assert (run.rows_in, run.rows_accepted, run.rows_rejected) == (MANY, MANY - rejected, rejected)
    assert (run.rows_deduplicated, run.rows_out) == (MIXED_REPEATED, MANY - rejected - MIXED_REPEATED)


def test_only_ranges_with_repeated_rows_are_looked_at_again(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs[f"spread, by {CHUNK}"].run_id)
    at = GOOD_WAY.index("IsValid")
    expected = [*GOOD_WAY[: at + 1], *SECOND_LOOK, *GOOD_WAY[at + 1 :]]
    expected[expected.index("CommitState") : expected.index("CommitState")] = ["DescribePartial", "DLQPartial"]
    assert pipeline.execution(run.run_id).states == expected
    looks = {name: len(attempts) for name, attempts in pipeline.tries(run.run_id).items()}
    once = dict.fromkeys((f"TransformRange.{index}" for index in range(3)), 1)
    assert looks == {"ValidateRange.0": 2, "ValidateRange.1": 1, "ValidateRange.2": 2, **once}
    (letter,) = pipeline.dead_letters(run.run_id)
    assert letter["failure"]["status"] == "PARTIAL"


# A child that fails is tried again, alone


@pytest.mark.parametrize("how", LIVES)
def test_a_child_that_fails_is_tried_again_alone(pipeline: Pipeline, runs: dict[str, Drop], how: str) -> None:
    run = pipeline.run(runs[f"a child {how}"].run_id)
    assert pipeline.execution(run.run_id).states == GOOD_WAY
    assert (run.status, run.retries) == (Status.SUCCEEDED, 0)
    _, errors = LIVES[how]
    assert pipeline.tries(run.run_id) == {
        "ValidateRange.0": [[*errors, None]],
        "ValidateRange.1": [[None]],
        "TransformRange.0": [[*errors, None]],
        "TransformRange.1": [[None]],
    }
    assert pipeline.made(run) == pipeline.made(pipeline.run(runs["success"].run_id))
    assert not pipeline.dead_letters(run.run_id)


@pytest.mark.parametrize("name", ["a child dies on the second look", "answers are lost"])
def test_repeated_work_on_repeated_rows_changes_nothing(pipeline: Pipeline, runs: dict[str, Drop], name: str) -> None:
    run = pipeline.run(runs[name].run_id)
    assert run.retries == 0
    assert_mixed(run)
    assert pipeline.made(run) == pipeline.made(pipeline.run(runs[f"spread, by {CHUNK}"].run_id))


def test_the_child_died_on_the_second_look(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["a child dies on the second look"].run_id)
    assert pipeline.tries(run.run_id)["ValidateRange.2"] == [[None], ["Runtime.ExitError", None]]


# Whole maps, and what brings their ranges together


def test_a_map_that_fails_restarts_the_run(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["a map breaks"].run_id)
    states = pipeline.execution(run.run_id).states
    visits = Counter(states)
    assert [visits[state] for state in ("ValidateMap", "TransformMap", "Restart", "IngestState")] == [3, 2, 2, 3]
    assert (run.status, run.retries) == (Status.SUCCEEDED, 2)
    assert pipeline.made(run) == pipeline.made(pipeline.run(runs["success"].run_id))


def test_a_reduce_that_breaks_restarts_the_run(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["reduces break"].run_id)
    assert run.retries == 2
    assert_mixed(run)
    assert pipeline.made(run) == pipeline.made(pipeline.run(runs[f"spread, by {CHUNK}"].run_id))


@pytest.mark.parametrize("state", ["ValidateRange.1", "ValidateReduce", "TransformRange.1", "TransformReduce"])
def test_an_execution_that_lost_its_claim_ends_without_a_trace(
    pipeline: Pipeline, runs: dict[str, Drop], state: str
) -> None:
    run_id = runs[f"the claim is lost in {state}"].run_id
    execution = pipeline.execution(run_id)
    assert (execution.status, execution.states[-1]) == ("SUCCEEDED", "Duplicate")
    assert pipeline.manifest("readings", run_id) is None
    assert not pipeline.dead_letters(run_id)


@pytest.mark.parametrize("stage", ["validate", "transform"])
def test_a_range_without_an_outcome_is_never_published(pipeline: Pipeline, runs: dict[str, Drop], stage: str) -> None:
    run = assert_ended(pipeline, runs[f"an outcome of {stage} is lost"], Status.FAILED, "ConservationError")
    assert run.error_message == "Range 1 came back without an outcome."


def test_a_child_that_is_broken_for_good_fails_the_run_which_can_be_replayed(
    pipeline: Pipeline, runs: dict[str, Drop]
) -> None:
    drop = runs["breaks for good"]
    run = assert_ended(pipeline, drop, Status.FAILED, "States.ExceedToleratedFailureThreshold")
    assert run.retries == 3
    client = pipeline.client
    queue = SqsQueue(client("sqs"), pipeline.outputs["DlqUrl"])
    with dlq.leased(queue) as lease:
        plan = dlq.replay(
            lease,
            dlq.select(lease.messages, drop.run_id),
            ledger=pipeline.ledger,
            store=S3ObjectStore(client("s3")),
            state_machine=StepFunctionsStateMachine(client("stepfunctions"), pipeline.outputs["StateMachineArn"]),
        )
    replayed = pipeline.run(plan.run_id)
    assert (replayed.status, replayed.replay_of, replayed.retries) == (Status.SUCCEEDED, drop.run_id, 0)
    assert pipeline.made(replayed) == pipeline.made(pipeline.run(runs["success"].run_id))


# The object is at fault


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("a check fails", "CheckFailed", "raised ValueError instead of returning True or False."),
        ("a transform fails", "TransformFailed", "The transform of readings raised ValueError at readings.py:"),
        ("the object is deleted", "ObjectGone", "the object is deleted.csv"),
        ("ValidateReduce rejects", "MalformedObject", "was planned"),
        ("TransformReduce rejects", "MalformedObject", "was planned"),
        ("whole, too large", "ObjectTooLarge", f"has the whole object in memory, for which {LIMIT:,} bytes"),
        ("repeated from range to range", "TooManyRejects", "id:unique 1,200."),
    ],
)
def test_an_object_at_fault_is_rejected_once(
    pipeline: Pipeline, runs: dict[str, Drop], name: str, error: str, says: str
) -> None:
    run = assert_ended(pipeline, runs[name], Status.REJECTED, error)
    assert says in (run.error_message or "")
    execution = pipeline.execution(run.run_id)
    assert "ErrorHandler" not in execution.states
    assert {len(errors) for attempts in pipeline.tries(run.run_id).values() for errors in attempts} <= {1}


def assert_ended(pipeline: Pipeline, drop: Drop, status: Status, error: str) -> RunRecord:
    """The execution, the ledger, the queue and the alert tell one story, and nothing was published."""
    execution, run = pipeline.execution(drop.run_id), pipeline.run(drop.run_id)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", status, run.error_message)
    assert (run.status, run.error_type) == (status, error)
    (letter,) = pipeline.dead_letters(run.run_id)
    assert letter["failure"] == {"status": status, "type": error, "message": run.error_message}
    (alert,) = pipeline.alerts(run.run_id)
    assert run.error_message in alert["Message"]
    assert pipeline.manifest(run.dataset, run.run_id) is None
    assert not [key for key in pipeline.keys("ProcessedBucket", f"{run.dataset}/") if run.run_id in key]
    return run


def test_too_large_an_object_is_refused_before_anything_is_done_with_it(
    pipeline: Pipeline, runs: dict[str, Drop]
) -> None:
    run = pipeline.run(runs["whole, too large"].run_id)
    assert "ValidateMap" not in pipeline.execution(run.run_id).states
    assert "Deliver smaller files" in (run.error_message or "")


def test_a_range_may_be_all_bad_where_the_object_is_good_enough(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs["one range is all bad"].run_id)
    bad = ROWS - RANGE
    assert bad / ROWS < TOLERATED
    assert (run.status, run.rows_rejected, run.rows_out) == (Status.PARTIAL, bad, RANGE)
    assert pipeline.quarantined("readings", run.run_id)["row"].to_list() == list(range(LAST, ROWS + 1))


# Transforms of all rows, and replays of some


def test_a_transform_of_all_rows_is_one_invocation_s(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    spread, alone = (pipeline.run(runs[f"whole, {way}"].run_id) for way in ("spread", "alone"))
    states = pipeline.execution(spread.run_id).states
    assert states[states.index("ValidateMap") :][:4] == ["ValidateMap", "ValidateReduce", "IsValid", "TransformState"]
    totals = pipeline.published("totals", spread.run_id)
    assert totals.select("sensor", "rows").rows() == [("a", ROWS // 2), ("b", ROWS // 2)]
    assert pipeline.made(spread) == pipeline.made(alone)


def test_many_quarantined_rows_are_replayed_by_a_fan_out(
    pipeline: Pipeline, runs: dict[str, Drop], datasets: Path
) -> None:
    drop = runs["to be fixed"]
    first = pipeline.run(drop.run_id)
    assert (first.status, first.rows_out, first.rows_rejected) == (Status.PARTIAL, ROWS // 2, ROWS // 2)
    (datasets / "sites.py").write_text(SITES.replace('["a"]', '["a", "b"]'))
    fixed = {
        stage: pipeline.function_like(pipeline.outputs[f"{stage.title()}Function"], "fixed")
        for stage in ("ingest", "validate", "transform", "output")
    }
    machine = pipeline.machine_like("fixed", fixed)
    replay = replay_id_of(drop.run_id, "message")
    pipeline.start(drop, run_id=replay, replay_of=drop.run_id, replay_rows="quarantined", machine=machine)
    second = pipeline.run(replay)
    assert "ValidateMap" in pipeline.execution(replay).states
    assert (second.status, second.rows_in, second.rows_out) == (Status.SUCCEEDED, ROWS // 2, ROWS // 2)
    ids = [*pipeline.published("sites", drop.run_id)["id"], *pipeline.published("sites", replay)["id"]]
    assert sorted(ids) == list(range(1, ROWS + 1))


# What it took. Last, when all scenarios are over.

# No trace is left of a map that failed, nor of what came after a claim was lost.
UNCOUNTED = {name for name in SCENARIOS if name.startswith(("the claim", "a map", "breaks for good"))}


def test_the_steps_of_a_run_are_counted_as_they_were_taken(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    ended = {name: pipeline.run(runs[name].run_id) for name in set(SCENARIOS) - UNCOUNTED}
    counted = {name: usage.transitions(run) for name, run in ended.items()}
    assert counted == {name: pipeline.execution(run.run_id).steps for name, run in ended.items()}


def test_every_child_is_counted_and_charged_for(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    run = pipeline.run(runs[f"spread, by {CHUNK}"].run_id)
    calls: Counter[str] = Counter()
    for call in run.usage.invocations.values():
        calls[call.state] += call.calls
        assert call.seconds > 0
    assert calls == {
        "IngestState": 1, "ValidateRange": 3 + 2, "ValidateReduce": 2, "TransformRange": 3, "TransformReduce": 1,
        "OutputToS3": 1, "CommitState": 1,
    }  # fmt: skip
    alone = pipeline.run(runs[f"alone, by {CHUNK}"].run_id)
    assert run.cost_usd is not None
    assert alone.cost_usd is not None
    assert alone.cost_usd < run.cost_usd < 3 * alone.cost_usd


def test_every_transition_of_a_fan_out_was_taken(pipeline: Pipeline, runs: dict[str, Drop]) -> None:
    executions: list[Execution] = [each for drop in runs.values() for each in pipeline.executions(drop.run_id)]
    assert transitions.taken(executions, fan_out=True) == transitions.declared(fan_out=True)
