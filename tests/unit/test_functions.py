"""The Lambda side of a stage: what it logs, what it counts, and what it never tells."""

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from filegate import functions, observability
from filegate.errors import SchemaMismatch
from filegate.functions import UnexpectedError, lambda_function
from filegate.runs import Ingested, Run, Validated

EVENT = {
    "state": "IngestState",
    "run": {
        "run_id": "r1",
        "execution": "e1",
        "request": {"bucket": "raw", "key": "flights/a.csv", "version_id": "v1"},
        "error": {"Error": "left over from an earlier attempt"},
    },
}
CONTEXT = SimpleNamespace(
    function_name="ingest", memory_limit_in_mb=512, invoked_function_arn="arn:ingest", aws_request_id="id"
)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a stage as Lambda would; returns its result and the JSON lines it wrote."""
    logged = io.StringIO()
    monkeypatch.setattr(observability.logger.registered_handler, "stream", logged)
    monkeypatch.setattr(functions, "_context", lambda: None)
    monkeypatch.setattr(observability.metrics.provider, "namespace", "Filegate")
    monkeypatch.setattr(observability.metrics.provider, "service", "ingest")

    def run(stage: Callable[[Run, Any], Run]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        result = lambda_function({"IngestState": stage})(EVENT, CONTEXT)  # type: ignore[arg-type]
        return result, [json.loads(line) for line in (logged.getvalue() + capsys.readouterr().out).splitlines()]

    return run


def test_a_stage_reports_its_counts_by_dataset(call: Callable[..., Any]) -> None:
    _, lines = call(lambda run, _: run.having(ingested=Ingested(claim="CLAIMED", rows=7, bytes=90, chunks=1)))
    (emf,) = [line for line in lines if "RowsIn" in line]
    assert (emf["RowsIn"], emf["BytesIn"], emf["dataset"]) == ([7.0], [90.0], "flights")
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Filegate"
    assert "dataset" in directive["Dimensions"][0]


def test_the_result_is_the_document_with_the_new_section(call: Callable[..., Any]) -> None:
    validated = Validated(
        verdict="VALID", rows_in=2, rows_accepted=1, rows_rejected=1, rules={}, message="", manifest="", quarantine=""
    )
    result, _ = call(lambda run, _: run.having(validated=validated))
    assert result["run_id"] == "r1"
    assert result["validated"]["rows_rejected"] == 1
    assert "error" not in result


def test_every_log_line_names_its_run(call: Callable[..., Any]) -> None:
    _, lines = call(lambda run, _: run)
    logged = [line for line in lines if "level" in line]
    assert [line["message"] for line in logged] == ["started", "done"]
    assert {(line["run_id"], line["dataset"], line["state"]) for line in logged} == {("r1", "flights", "IngestState")}


def test_an_error_of_the_pipelines_own_passes_as_it_is(call: Callable[..., Any]) -> None:
    def fail(run: Run, _: Any) -> Run:
        raise SchemaMismatch("no column 'a'.", advice="Add it.")

    with pytest.raises(SchemaMismatch, match=r"no column 'a'\. Add it\."):
        call(fail)


def test_an_unexpected_error_tells_its_place_but_not_its_text(
    call: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(run: Run, _: Any) -> Run:
        raise ValueError("row value 4711")

    with pytest.raises(UnexpectedError) as caught:
        call(fail)
    assert "ValueError at test_functions.py:" in str(caught.value)
    assert "4711" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "4711" not in capsys.readouterr().out
