"""The Lambda side of a stage: what it logs, what it counts, what it keeps of its use, and what it never tells."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics

from filegate.aws_lambda import function as functions
from filegate.aws_lambda import observability
from filegate.aws_lambda.function import UnexpectedError, lambda_function
from filegate.aws_lambda.settings import FunctionSettings
from filegate.dataset.registry import Registry
from filegate.errors import ClaimLost, EmptyObject, FilegateError, SchemaMismatch, Throttled, UnknownDataset
from filegate.pipeline.context import Context
from filegate.runs.run import (
    Committed,
    FanOut,
    Ingested,
    Invocation,
    Request,
    Retries,
    Run,
    Transformed,
    Usage,
    Validated,
)
from filegate.runs.states import State, Status
from filegate.storage.memory import MemoryLedger
from tests.memory_store import MemoryObjectStore

RUN = Run(run_id="r1", execution="e1", request=Request(bucket="raw", key="flights/a.csv", version_id="v1"))
INVOKED = SimpleNamespace(
    function_name="filegate-test-ingest",
    memory_limit_in_mb="512",
    invoked_function_arn="arn:ingest",
    aws_request_id="0f0f0f0f-0000-4000-8000-000000000001",
)
INVOCATION = "0f0f0f0f0000"
INGESTED = Ingested(claim="CLAIMED", rows=7, bytes=90, chunks=1)
VALIDATED = Validated(
    verdict="VALID",
    rows_in=7,
    rows_accepted=6,
    rows_rejected=1,
    share_of_tolerance=0.5,
    rules={"carrier:isin": 1},
    message="",
    manifest="",
    quarantine="",
)
REJECTED = VALIDATED.model_copy(
    update={"verdict": "INVALID", "rows_accepted": 1, "rows_rejected": 6, "share_of_tolerance": 3.0}
)
TRANSFORMED = Transformed(rows_out=6, rows_deduplicated=0, bytes_out=400, parts=1, manifest="")
COMMITTED = Committed(status=Status.PARTIAL, output="", run_seconds=9.5, age_seconds=61.25, cost_usd=0.0005)

Stage = Callable[[Run, Context], Run]


@dataclass
class Function:
    """A function on fakes, and all it wrote."""

    ledger: MemoryLedger
    logged: io.StringIO
    printed: Callable[[], str]

    def call(self, stage: Stage, run: Run = RUN, state: State = State.INGEST, **more: Any) -> dict[str, Any]:
        event = {"state": state, "run": run.model_dump(mode="json", exclude_none=True), **more}
        return lambda_function({state: stage})(event, INVOKED)  # type: ignore[arg-type]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]

    def metrics(self) -> dict[frozenset[tuple[str, str]], dict[str, Any]]:
        """The metrics' values by their dimensions."""
        found = {}
        for emf in map(json.loads, self.printed().splitlines()):
            (directive,) = emf["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == "Filegate"
            assert emf["run_id"] == "r1"
            (names,) = directive["Dimensions"]
            dimensions = frozenset((name, emf[name]) for name in names)
            found[dimensions] = {metric["Name"]: emf[metric["Name"]] for metric in directive["Metrics"]}
        return found

    def of_dataset(self) -> dict[str, Any]:
        dimensions = {("environment", "test"), ("service", "ingest"), ("dataset", "flights")}
        return {name: value for name, (value,) in self.metrics().get(frozenset(dimensions), {}).items()}


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Function:
    logged = io.StringIO()
    monkeypatch.setattr(observability.logger.registered_handler, "stream", logged)
    monkeypatch.setattr(observability, "ENVIRONMENT", "test")
    monkeypatch.setattr(observability, "_memory_used_percent", lambda _: 41.5)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Filegate")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "ingest")
    ledger = MemoryLedger()
    settings = FunctionSettings(ledger_table="t", staging_bucket="s", processed_bucket="p", quarantine_bucket="q")
    context = Context(MemoryObjectStore(), ledger, Registry(tmp_path), settings)
    monkeypatch.setattr(functions, "_context", lambda: context)
    return Function(ledger, logged, lambda: capsys.readouterr().out)


def adding(**sections: Any) -> Stage:
    return lambda run, _: run.model_copy(update=sections)


def failing(error: Exception) -> Stage:
    def fail(run: Run, context: Context) -> Run:
        context.ledger.claim(run, datetime.now(UTC))
        raise error

    return fail


# Metrics


def test_an_arrival_is_counted_by_dataset(function: Function) -> None:
    function.call(adding(ingested=INGESTED))
    assert function.of_dataset() == {"objects": 1, "object_bytes": 90}


@pytest.mark.parametrize("validated", [VALIDATED, REJECTED])
def test_rows_are_counted_whatever_the_verdict(function: Function, validated: Validated) -> None:
    function.call(adding(validated=validated), state=State.VALIDATE)
    assert function.of_dataset() == {
        "rows_in": 7,
        "rows_accepted": validated.rows_accepted,
        "rows_rejected": validated.rows_rejected,
        "rejected_share_of_tolerance": validated.share_of_tolerance,
    }


def test_a_commit_tells_what_was_published_how_old_it_was_and_what_it_cost(function: Function) -> None:
    function.call(adding(transformed=TRANSFORMED, committed=COMMITTED), state=State.COMMIT)
    assert function.of_dataset() == {
        "rows_out": 6,
        "run_seconds": 9.5,
        "age_at_publication_seconds": 61.25,
        "cost_usd": 0.0005,
    }


def test_a_superseded_run_published_nothing(function: Function) -> None:
    late = COMMITTED.model_copy(update={"superseded_by": "r2"})
    function.call(adding(transformed=TRANSFORMED, committed=late), state=State.COMMIT)
    assert function.of_dataset() == {"run_seconds": 9.5, "cost_usd": 0.0005}


@pytest.mark.parametrize("stage", [adding(ingested=INGESTED), adding()])
def test_every_stage_tells_its_time_and_memory_without_the_dataset(function: Function, stage: Stage) -> None:
    function.call(stage)
    own = function.metrics()[frozenset({("environment", "test"), ("service", "ingest")})]
    assert set(own) == {"seconds", "memory_used_percent"}
    assert own["seconds"][0] >= 0
    assert own["memory_used_percent"] == [41.5]


@pytest.mark.skipif(sys.platform != "linux", reason="as on Lambda, /proc is asked")
def test_the_memory_used_is_this_process_s_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    ballast = b"1" * (64 << 20)
    used = observability._memory_used_percent(1 << 20)
    assert used is not None  # of a terabyte
    assert (observability._memory_used_percent(100) or 0) > 64
    del ballast
    assert (observability._memory_used_percent(100) or 0) > 64
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert observability._memory_used_percent(100) is None


def test_the_share_of_the_tolerance_is_there_for_an_alarm_over_all_datasets(function: Function) -> None:
    function.call(adding(validated=REJECTED), state=State.VALIDATE)
    metrics = function.metrics()
    assert metrics[frozenset({("environment", "test"), ("service", "ingest")})]["rejected_share_of_tolerance"] == [3.0]


def test_no_dimension_has_as_many_values_as_there_are_runs(function: Function) -> None:
    function.call(adding(ingested=INGESTED))
    names = {name for dimensions in function.metrics() for name, _ in dimensions}
    assert names == {"environment", "service", "dataset"}


@pytest.mark.parametrize(
    ("error", "counted"),
    [(EmptyObject("no rows."), {"objects": 1}), (UnknownDataset("none such."), {}), (Throttled("later."), {})],
)
def test_an_unreadable_object_has_arrived_all_the_same(
    function: Function, error: FilegateError, counted: dict[str, int]
) -> None:
    with pytest.raises(type(error)):
        function.call(failing(error))
    assert function.of_dataset() == counted


def test_a_failed_stage_tells_its_time_too(function: Function) -> None:
    with pytest.raises(Throttled):
        function.call(failing(Throttled("later.")))
    assert frozenset({("environment", "test"), ("service", "ingest")}) in function.metrics()


def test_what_a_restart_repeats_is_not_counted_again(function: Function) -> None:
    before = Usage(invocations={"a": Invocation(state=State.INGEST, seconds=1, memory_mb=512)})
    function.call(adding(ingested=INGESTED), RUN.model_copy(update={"usage": before}))
    assert function.of_dataset() == {}


def test_a_replay_is_no_arrival(function: Function) -> None:
    replay = RUN.model_copy(update={"request": RUN.request.model_copy(update={"replay_of": "r0"})})
    function.call(adding(ingested=INGESTED), replay)
    assert function.of_dataset() == {}


def test_metrics_that_fail_do_not_harm_the_run(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: EphemeralMetrics) -> None:
        raise OSError("no room")

    monkeypatch.setattr(EphemeralMetrics, "flush_metrics", fail)
    assert function.call(adding(ingested=INGESTED))["ingested"]["rows"] == 7
    assert ("WARNING", "metrics were lost") in {(line["level"], line["message"]) for line in function.lines()}


# Logs


def test_every_line_names_its_run(function: Function) -> None:
    function.call(adding(ingested=INGESTED))
    lines = function.lines()
    assert [line["message"] for line in lines] == ["started", "done"]
    for line in lines:
        assert (line["run_id"], line["dataset"], line["state"]) == ("r1", "flights", State.INGEST)
        assert (line["execution"], line["environment"]) == ("e1", "test")
        assert {"service", "timestamp", "function_request_id"} <= set(line)


def test_the_last_line_has_the_counts_and_the_seconds(function: Function) -> None:
    function.call(adding(validated=VALIDATED), state=State.VALIDATE)
    done = function.lines()[-1]
    assert (done["rows_in"], done["rows_accepted"], done["rows_rejected"]) == (7, 6, 1)
    assert done["rules"] == [{"rule": "carrier:isin", "rows": 1}]
    assert done["seconds"] >= 0


def test_what_an_operator_should_look_at_is_a_warning(function: Function) -> None:
    late = COMMITTED.model_copy(update={"superseded_by": "r2"})
    function.call(
        adding(validated=REJECTED), RUN.model_copy(update={"retries": Retries(count=2)}), state=State.VALIDATE
    )
    function.call(adding(transformed=TRANSFORMED, committed=late), state=State.COMMIT)
    warnings = {line["message"]: line for line in function.lines() if line["level"] == "WARNING"}
    assert warnings["started again"]["restarts"] == 2
    assert warnings["rows were rejected"]["share_of_tolerance"] == 3.0
    assert warnings["superseded: a newer version is published already"]["superseded_by"] == "r2"


def test_a_function_short_of_memory_is_a_warning(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observability, "_memory_used_percent", lambda _: 93.5)
    function.call(adding(ingested=INGESTED))
    (warning,) = [line for line in function.lines() if line["level"] == "WARNING"]
    assert warning["memory_used_percent"] == 93.5


@pytest.mark.parametrize(
    ("error", "level"), [(SchemaMismatch("no column 'a'.", advice="Add it."), "ERROR"), (Throttled("slow."), "WARNING")]
)
def test_an_error_of_the_pipelines_own_passes_as_it_is_and_is_logged(
    function: Function, error: FilegateError, level: str
) -> None:
    with pytest.raises(type(error)) as caught:
        function.call(failing(error))
    assert caught.value is error
    last = function.lines()[-1]
    assert (last["level"], last["error_type"], last["error_message"]) == (level, type(error).__name__, str(error))


def test_an_unexpected_error_tells_its_place_but_not_its_text(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnexpectedError) as caught:
        function.call(failing(ValueError("row value 4711")))
    assert "ValueError at test_functions.py:" in str(caught.value)
    assert "4711" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "4711" not in capsys.readouterr().out + function.logged.getvalue()
    assert function.lines()[-1]["error_type"] == "UnexpectedError"


# Ranges


RANGE = {"index": 7}
SPREAD = RUN.model_copy(
    update={
        "ingested": INGESTED.model_copy(update={"chunks": 160_000}),
        "fan_out": FanOut(ranges="runs/r1/ranges/ValidateState0.json"),
        "usage": Usage(invocations={"a": Invocation(state=State.INGEST, seconds=1, memory_mb=512)}),
    }
)


@pytest.mark.parametrize(
    ("state", "run"), [(State.VALIDATE_RANGE, SPREAD), (State.TRANSFORM_RANGE, SPREAD.with_validated(VALIDATED))]
)
def test_a_range_names_itself_and_tells_its_own_time_alone(function: Function, state: State, run: Run) -> None:
    """Rows, rules and rejects are the reduce step's to tell, once a run."""
    function.call(adding(), run, state, range=RANGE)
    lines = function.lines()
    assert [(line["message"], line["run_id"], line["state"], line["range"]) for line in lines] == [
        ("started", "r1", state, 7),
        ("done", "r1", state, 7),
    ]
    assert max(map(len, function.logged.getvalue().splitlines())) < 1_000
    metrics = function.metrics()
    assert set(metrics) == {frozenset({("environment", "test"), ("service", "ingest")})}
    assert {name for own in metrics.values() for name in own} == {"seconds", "memory_used_percent"}


def test_a_range_of_a_run_that_was_restarted_is_no_warning(function: Function) -> None:
    """There may be thousands; ingest has told of the restart."""
    function.call(adding(), SPREAD.model_copy(update={"retries": Retries(count=1)}), State.VALIDATE_RANGE, range=RANGE)
    assert {line["level"] for line in function.lines()} == {"INFO"}


def test_the_next_call_is_no_range_any_more(function: Function) -> None:
    """A process is used again."""
    handle = lambda_function({State.VALIDATE_RANGE: adding(), State.VALIDATE_REDUCE: adding()})
    for event in ({"state": "ValidateRange", "range": RANGE}, {"state": "ValidateReduce"}):
        handle({**event, "run": SPREAD.model_dump(mode="json")}, INVOKED)  # type: ignore[arg-type]
    assert ["range" in line for line in function.lines()] == [True, True, False, False]


@pytest.mark.parametrize(("looks", "before"), [(0, 0), (1, 1)])
def test_a_spread_run_is_counted_once(function: Function, looks: int, before: int) -> None:
    """By the reduce step that ends with a validated object, be it after a second look."""
    used = {f"b{number}": Invocation(state=State.VALIDATE_REDUCE, seconds=1, memory_mb=256) for number in range(before)}
    run = SPREAD.model_copy(
        update={"fan_out": FanOut(ranges="x", looks=looks), "usage": SPREAD.usage | Usage(invocations=used)}
    )
    function.call(adding(), run, State.VALIDATE_REDUCE)  # sends some ranges through the map once more
    assert function.of_dataset() == {}
    function.call(adding(validated=VALIDATED), run, State.VALIDATE_REDUCE)
    assert function.of_dataset()["rows_in"] == 7
    assert [line["rules"] for line in function.lines() if "rules" in line] == [[{"rule": "carrier:isin", "rows": 1}]]
    again = run.model_copy(
        update={
            "usage": run.usage
            | Usage(invocations={"c": Invocation(state=State.VALIDATE_REDUCE, seconds=1, memory_mb=256)})
        }
    )
    function.call(adding(validated=VALIDATED), again, State.VALIDATE_REDUCE)  # a restart
    assert function.of_dataset() == {}


def test_ranges_that_fail_do_not_fill_the_run_s_item(function: Function) -> None:
    """Hundreds of attempts would: DynamoDB takes 400 KB."""
    with pytest.raises(Throttled):
        function.call(failing(Throttled("later.")), SPREAD, State.VALIDATE_RANGE, range=RANGE)
    record = function.ledger.get("r1")
    assert record is not None
    assert record.usage == Usage()
    last = function.lines()[-1]
    assert (last["level"], last["range"], last["error_type"]) == ("WARNING", 7, "Throttled")


# The document, and what was used


def test_the_result_is_the_document_with_the_new_section(function: Function) -> None:
    result = function.call(adding(validated=VALIDATED))
    assert result["run_id"] == "r1"
    assert result["validated"]["rows_rejected"] == 1
    assert "error" not in result


def test_the_result_tells_what_was_used_so_far(function: Function) -> None:
    before = Usage(invocations={"a": Invocation(state=State.INGEST, seconds=1, memory_mb=512)})

    def stage(run: Run, context: Context) -> Run:
        functions._requests.add("s3_reads", 3)
        return run

    result = function.call(stage, RUN.model_copy(update={"usage": before}), state=State.VALIDATE)
    used = Usage.model_validate(result["usage"]).invocations
    assert used["a"] == before.invocations["a"]
    assert (used[INVOCATION].state, used[INVOCATION].memory_mb) == ("ValidateState", 512)
    assert (used[INVOCATION].s3_reads, used[INVOCATION].failed) == (3, False)


def test_the_start_of_the_process_is_charged_once(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_initialisation", lambda: 1_000.0)
    handle = lambda_function({State.INGEST: adding()})
    event = {"state": "IngestState", "run": RUN.model_dump(mode="json")}
    first, second = (handle(event, INVOKED)["usage"]["invocations"][INVOCATION] for _ in range(2))  # type: ignore[arg-type]
    assert first["seconds"] >= 1_000
    assert second["seconds"] < 1_000


def test_what_a_failed_invocation_used_is_kept(function: Function) -> None:
    before = Usage(invocations={"a": Invocation(state=State.INGEST, seconds=1, memory_mb=512)})
    with pytest.raises(SchemaMismatch):
        function.call(failing(SchemaMismatch("no.")), RUN.model_copy(update={"usage": before}))
    record = function.ledger.get("r1")
    assert record is not None
    assert set(record.usage.invocations) == {"a", INVOCATION}
    assert record.usage.invocations[INVOCATION].failed


def test_the_first_error_counts_even_if_its_use_cannot_be_kept(function: Function) -> None:
    def fail(run: Run, _: Context) -> Run:
        raise ClaimLost("another's now.")  # so that the ledger refuses the write, too

    with pytest.raises(ClaimLost, match="another's now"):
        function.call(fail)
    assert function.lines()[-1]["message"] == "what it used was not kept"
