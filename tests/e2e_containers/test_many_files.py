"""Thirty files at once on a machine that has room for a few functions: each gets its run, none is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from filegate.runs.states import Status
from harness.pipeline import Pipeline

from .scenarios import CLEAN_FLIGHTS

FILES = 30


def test_thirty_files_at_once_are_each_run_once(pipeline: Pipeline) -> None:
    with ThreadPoolExecutor(8) as pool:
        drops = list(pool.map(lambda file: pipeline.drop(f"flights/many/{file}.csv", CLEAN_FLIGHTS), range(FILES)))
    runs = [pipeline.run(drop.run_id) for drop in drops]
    assert [run.status for run in runs] == [Status.SUCCEEDED] * FILES
    assert {run.rows_out for run in runs} == {100}
    for run in runs:
        execution = pipeline.execution(run.run_id)
        assert (execution.status, execution.arn) == ("SUCCEEDED", run.owner)
        assert pipeline.manifest("flights", run.run_id) is not None
