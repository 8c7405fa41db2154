"""The JSON object that programs read keeps its shape."""

from __future__ import annotations

import json

from filegate.operations.artefacts import cut_short, published
from filegate.operations.result import result
from filegate.runs.states import Status
from tests.unit.operations.fakes import MemoryCloud


def test_a_partial_run(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    document = result(run, cloud.store)
    assert json.loads(json.dumps(document)) == {
        "run_id": run.run_id,
        "dataset": "flights",
        "object": "s3://raw/flights/january.csv",
        "status": "PARTIAL",
        "rows_in": 5,
        "rows_accepted": 2,
        "rows_rejected": 3,
        "rows_out": 2,
        "layout": None,
        "rules": {"flight:ge": 3, "carrier:isin": 1},
        "output": [f"s3://processed/flights/month={month}/{run.run_id}-00000.parquet" for month in (1, 2)],
        "superseded_by": None,
        "quarantine": f"s3://quarantine/flights/{run.run_id}/manifest.json",
        "error": None,
        "seconds": 1.5,
        "progress": None,
    }
    assert list(document["rules"]) == ["flight:ge", "carrier:isin"]


def test_a_rejected_run(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.REJECTED, error_type="SchemaMismatch", error_message="No column 'flight'.")
    document = result(run, cloud.store)
    assert document["error"] == {"type": "SchemaMismatch", "message": "No column 'flight'."}
    assert (document["output"], document["quarantine"]) == ([], None)


def test_a_run_under_way(cloud: MemoryCloud) -> None:
    document = result(cloud.has("january", Status.RUNNING), cloud.store)
    assert (document["seconds"], document["progress"]) == (None, None)


def test_a_run_that_takes_long_reports_how_far_it_is(cloud: MemoryCloud) -> None:
    run = cloud.is_under_way("january", seconds=20, chunks_done=43, chunks_due=172, rows_done=8_000)
    assert json.loads(json.dumps(result(run, cloud.store)["progress"])) == {
        "state": "ValidateState",
        "since": "2026-01-31T10:00:05.000Z",
        "alive_at": "2026-01-31T10:00:25.000Z",
        "chunks_done": 43,
        "chunks": 172,
        "percent": 25,
        "rows_done": 8_000,
        "rows_per_second": 400,
        "seconds_left": None,  # it should be over since 2026
    }


def test_a_commit_without_its_manifest_was_cut_short(cloud: MemoryCloud) -> None:
    done = [cloud.has_partial(), cloud.has("b", Status.FAILED), cloud.has("c", superseded_by="f" * 64)]
    assert not any(cut_short(run, cloud.store) for run in done)
    cloud.store.delete("processed", [f"flights/_manifests/{run.run_id}.json" for run in done])
    assert [cut_short(run, cloud.store) for run in done] == [True, False, False]


def test_a_superseded_run_has_no_output_any_more(cloud: MemoryCloud) -> None:
    run = cloud.has_partial(superseded_by="f" * 64)
    cloud.store.delete("processed", [f"flights/_manifests/{run.run_id}.json"])
    assert result(run, cloud.store)["superseded_by"] == "f" * 64
    assert published(run, cloud.store) is None
