"""What the functions tell, read from where an operator reads it: their log groups, the ledger, the messages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filegate.runs.cost import by_stage, cost_usd
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from harness.pipeline import Drop, Pipeline

FIXTURES = Path(__file__).parent / "fixtures"
DATASETS = FIXTURES / "secretive"
IMAGES = FIXTURES / "images"

STAGES = ("ingest", "validate", "transform", "output")
CANARY = "canary-4f1d"
NUMBER = "980734123"
GOOD = "".join(f"{n},{CANARY} {n},2001-02-03\n" for n in range(1, 9))
HEADER = "id,name,born\n"
JSON = "".join(json.dumps({"id": n, "name": f"{CANARY} {n}", "born": "2001-02-03"}) + "\n" for n in range(1, 5))
OBJECTS: dict[str, str | bytes] = {
    "clean.csv": HEADER + GOOD,
    "rejects.csv": f"{HEADER}{GOOD}{CANARY},x,2001-02-03\n9,x,{CANARY}\n9,x,\n{NUMBER},{CANARY * 5},2001-02-03\n",
    "malformed.csv": f'{HEADER}{GOOD}1,2,3,{CANARY}\n"{CANARY}" 7,x\n"{CANARY}',
    "intolerable.csv": f"{HEADER}{GOOD}" + f"{CANARY},x,{CANARY}\n" * 20,
    "rows.jsonl": f'{JSON}{{"id": "{CANARY}", "name": ["{CANARY}"]}}\n{{"id": {NUMBER}, "{CANARY}\n',
    "nothing but rubbish.json": f'[{{"id": "{CANARY}", {CANARY}',
    "check.csv": f"{HEADER}{GOOD}9,check {CANARY},\n",
    "transform.csv": f"{HEADER}{GOOD}9,transform {CANARY},\n",
    "bytes.csv": f"{HEADER}{GOOD}9,{CANARY} ü,\n10,{CANARY} ".encode() + b"\xff\xfe\x00,\n",
}


@pytest.fixture(scope="module")
def drops(pipeline: Pipeline) -> dict[str, Drop]:
    """Every object's run, once it is over."""
    assert pipeline.inbox
    started = {
        name: pipeline.drop(f"people/{name}", data if isinstance(data, bytes) else data.encode())
        for name, data in OBJECTS.items()
    }
    started["a defect.csv"] = pipeline.drop(
        "people/a defect.csv", (HEADER + GOOD).encode(), faults={"ValidateState": ["RuntimeError"] * 4}
    )
    started["throttled.csv"] = pipeline.drop(
        "people/throttled.csv", (HEADER + GOOD).encode(), faults={"TransformState": ["Throttled"]}
    )
    for drop in started.values():
        pipeline.execution(drop.run_id)
    return started


@pytest.fixture(scope="module")
def logs(pipeline: Pipeline, drops: dict[str, Drop]) -> dict[str, list[str]]:
    """All that each function wrote."""
    client: Any = pipeline.client("logs")
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for stage in STAGES:
        group = f"/aws/lambda/filegate-local-{stage}"
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group):
            lines[stage] += [line for event in page["events"] for line in event["message"].splitlines()]
    return lines


def structured(lines: list[str]) -> Iterator[dict[str, Any]]:
    """The lines that the project's own code wrote: others are Lambda's and its runtime's."""
    for line in lines:
        if line.startswith("{"):
            yield json.loads(line)


def test_the_rows_went_every_way_there_is(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    ended = {name: pipeline.run(drop.run_id) for name, drop in drops.items()}
    assert {name: (run.status, run.error_type) for name, run in ended.items()} == {
        "clean.csv": (Status.SUCCEEDED, None),
        "rejects.csv": (Status.PARTIAL, None),
        "malformed.csv": (Status.PARTIAL, None),
        "intolerable.csv": (Status.REJECTED, "TooManyRejects"),
        "rows.jsonl": (Status.PARTIAL, None),
        "nothing but rubbish.json": (Status.REJECTED, "MalformedObject"),
        "check.csv": (Status.REJECTED, "CheckFailed"),
        "transform.csv": (Status.REJECTED, "TransformFailed"),
        "bytes.csv": (Status.PARTIAL, None),
        "a defect.csv": (Status.FAILED, "UnexpectedError"),
        "throttled.csv": (Status.SUCCEEDED, None),
    }
    assert CANARY in str(pipeline.quarantined("people", drops["rejects.csv"].run_id).rows())


def test_no_log_line_has_a_row_value(logs: dict[str, list[str]]) -> None:
    for stage in STAGES:
        assert len(logs[stage]) > len(OBJECTS)
        for line in logs[stage]:
            assert CANARY not in line
            assert NUMBER not in line
            assert "a row's own value" not in line


def test_no_message_and_no_ledger_item_has_a_row_value(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    for name, drop in drops.items():
        told = [pipeline.run(drop.run_id), pipeline.dead_letters(drop.run_id), pipeline.alerts(drop.run_id)]
        assert drop.run_id in str(told)
        assert CANARY not in str(told), name
        assert NUMBER not in str(told), name


@pytest.mark.parametrize("stage", STAGES)
def test_every_line_of_a_function_names_its_run(logs: dict[str, list[str]], drops: dict[str, Drop], stage: str) -> None:
    ids = {drop.run_id for drop in drops.values()}
    lines = [line for line in structured(logs[stage]) if "level" in line]
    for line in lines:
        assert line["run_id"] in ids
        assert (line["dataset"], line["environment"], line["service"]) == ("people", "local", stage)
        assert line["execution"].startswith("arn:")
        assert line["state"].endswith(("State", "OutputToS3"))
    assert {"started", "done"} <= {line["message"] for line in lines}


def test_metrics_have_the_dimensions_that_alarms_ask_for(logs: dict[str, list[str]]) -> None:
    found: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for stage in STAGES:
        for line in structured(logs[stage]):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                (names,) = directive["Dimensions"]
                values = {name: line[name] for name in names}
                assert values.pop("environment") == "local"
                assert values.pop("service") == stage
                found[(stage, *map(str, values.values()))] |= {metric["Name"] for metric in directive["Metrics"]}
    own = {"seconds", "memory_used_percent"}
    of_stages: dict[tuple[str, ...], set[str]] = {(stage,): own for stage in STAGES}
    assert found == {
        **of_stages,
        ("validate",): own | {"rejected_share_of_tolerance"},
        ("ingest", "people"): {"objects", "object_bytes"},
        ("validate", "people"): {"rows_in", "rows_accepted", "rows_rejected", "rejected_share_of_tolerance"},
        ("output", "people"): {"rows_out", "run_seconds", "age_at_publication_seconds", "cost_usd"},
    }


def of(logs: dict[str, list[str]], stage: str, run: RunRecord, metric: str) -> list[float]:
    emitted = [line for line in structured(logs[stage]) if "_aws" in line and line["run_id"] == run.run_id]
    return [value for line in emitted for value in line.get(metric, [])]


def test_metrics_say_what_the_ledger_says(
    pipeline: Pipeline, drops: dict[str, Drop], logs: dict[str, list[str]]
) -> None:
    for name, drop in drops.items():
        run = pipeline.run(drop.run_id)
        assert of(logs, "ingest", run, "objects") == [1], name
        if run.error_type != "MalformedObject":
            assert of(logs, "ingest", run, "object_bytes") == [run.bytes], name
        if run.rows_accepted:
            assert of(logs, "validate", run, "rows_in") == [run.rows_in], name
            assert of(logs, "validate", run, "rows_rejected") == [run.rows_rejected], name
        committed = run.status in (Status.SUCCEEDED, Status.PARTIAL)
        assert of(logs, "output", run, "rows_out") == ([run.rows_out] if committed else []), name
        assert of(logs, "output", run, "cost_usd") == ([run.cost_usd] if committed else []), name
        assert len(of(logs, "output", run, "age_at_publication_seconds")) == (committed and name != "throttled.csv")


def test_the_share_of_the_tolerance_is_told(
    pipeline: Pipeline, drops: dict[str, Drop], logs: dict[str, list[str]]
) -> None:
    run = pipeline.run(drops["intolerable.csv"].run_id)
    over_all, of_dataset = of(logs, "validate", run, "rejected_share_of_tolerance")
    assert over_all == of_dataset == pytest.approx(20 / 28 / 0.5)
    run = pipeline.run(drops["clean.csv"].run_id)
    assert of(logs, "validate", run, "rejected_share_of_tolerance") == [0, 0]


# What a run used


def test_the_ledger_knows_what_a_run_used(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    run = pipeline.run(drops["clean.csv"].run_id)
    stages = by_stage(run.usage)
    assert {name: stage.invocations for name, stage in stages.items()} == {
        "ingest": 1,
        "validate": 1,
        "transform": 1,
        "output": 2,
    }
    memory = {call.state: call.memory_mb for call in run.usage.invocations.values()}
    assert memory == {
        "IngestState": 512,
        "ValidateState": 256,
        "TransformState": 1024,
        "OutputToS3": 512,
        "CommitState": 512,
    }
    for call in run.usage.invocations.values():
        assert call.seconds > 0
        assert call.s3_reads + call.s3_writes > 0
        assert call.ledger_writes > 0 or call.state in ("OutputToS3", "CommitState")  # which write nothing, or last
    assert run.cost_usd == cost_usd(run)
    assert run.cost_usd is not None
    assert 0.0004 < run.cost_usd < 0.002


def test_failed_and_rejected_runs_have_their_use_too(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    expected = {
        "intolerable.csv": {"ingest": 1, "validate": 1},
        "nothing but rubbish.json": {"ingest": 1},
        "check.csv": {"ingest": 1, "validate": 1},
        "transform.csv": {"ingest": 1, "validate": 1, "transform": 1},
        "a defect.csv": {"ingest": 4, "validate": 4},
    }
    for name, invocations in expected.items():
        run = pipeline.run(drops[name].run_id)
        assert {stage: total.invocations for stage, total in by_stage(run.usage).items()} == invocations, name
        assert cost_usd(run) > 0


def test_an_attempt_that_failed_is_part_of_what_its_run_used(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    run = pipeline.run(drops["throttled.csv"].run_id)
    attempts = [call.failed for call in run.usage.invocations.values() if call.state == "TransformState"]
    assert sorted(attempts) == [False, True]
