"""Many small files at once: none is lost, each of their calls is explained, and no process stays behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from benchmarks.small_files.calls import UnknownCall, calls_of
from benchmarks.small_files.deliveries import Delivery, deliveries
from benchmarks.small_files.measure import plain_calls
from benchmarks.small_files.proof import Lost, prove_none_lost
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.runs.record import RunRecord
from harness.pipeline import Drop, Execution, Pipeline
from harness.proxy import RecordingProxy

FILES = 100
CHILD = "filegate.devcloud.child"
FIGURES = Path(__file__).parents[2] / "docs" / "throughput.json"


@dataclass(frozen=True)
class Crowd:
    """The files, their runs' ends, and the processes that were there meanwhile."""

    pipeline: Pipeline
    delivered: list[tuple[Delivery, Drop]]
    runs: list[RunRecord]
    executions: list[Execution]
    processes: set[int]


@pytest.fixture(scope="module")
def cloud(proxy: RecordingProxy) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def crowd(cloud: EmbeddedCloud) -> Crowd:
    pipeline = Pipeline(cloud.session(), cloud.deploy())
    with ThreadPoolExecutor(8) as pool:
        delivered = list(pool.map(lambda one: (one, pipeline.drop(one.key, one.data)), deliveries(FILES)))
    runs, processes = [], set()
    for _, drop in delivered:
        runs.append(pipeline.run(drop.run_id))
        processes |= function_processes()
    for _, drop in delivered:
        pipeline.execution(drop.run_id)
    return Crowd(pipeline, delivered, runs, pipeline.all_executions(), processes)


def running_functions() -> dict[int, int]:
    """The parents of the processes that are a function's, by process id."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    found = (line.split(maxsplit=2) for line in listed.splitlines() if CHILD in line)
    return {int(pid): int(parent) for pid, parent, _ in found}


def function_processes() -> set[int]:
    """The processes of this process's functions."""
    return {pid for pid, parent in running_functions().items() if parent == os.getpid()}


def test_each_file_is_run_once_and_every_row_is_where_it_must_be(crowd: Crowd) -> None:
    rows = prove_none_lost(crowd.pipeline, crowd.delivered, crowd.runs, crowd.executions)
    assert rows == sum(run.rows_out + run.rows_rejected for run in crowd.runs)


def test_a_row_or_a_run_that_is_missing_or_there_twice_is_seen(crowd: Crowd) -> None:
    """The proof of the test before."""
    (file, drop), *others = crowd.delivered
    one_more = [(replace(file, published=file.published[:-1]), drop), *others]
    with pytest.raises(Lost, match="published rows"):
        prove_none_lost(crowd.pipeline, one_more, crowd.runs, crowd.executions)
    other_row = [(replace(file, published=(0, *file.published[1:])), drop), *others]
    with pytest.raises(Lost, match="the published rows' flight"):
        prove_none_lost(crowd.pipeline, other_row, crowd.runs, crowd.executions)
    with pytest.raises(Lost, match="executions"):
        prove_none_lost(crowd.pipeline, crowd.delivered, crowd.runs, [*crowd.executions, crowd.executions[0]])


def test_a_plain_run_makes_the_calls_that_are_explained_and_no_others(crowd: Crowd, proxy: RecordingProxy) -> None:
    by_run = calls_of(proxy.exchanges, [drop for _, drop in crowd.delivered], crowd.pipeline)
    found = [asdict(call) for call in plain_calls(crowd.delivered, by_run)]
    assert found == json.loads(FIGURES.read_text())["calls"], (
        "Run `make bench-small`, and say in docs/throughput.md why."
    )


def test_a_call_that_nobody_explained_is_named(crowd: Crowd, proxy: RecordingProxy) -> None:
    strange = replace(next(one for one in proxy.exchanges if one.path.endswith("output.json")), method="HEAD")
    with pytest.raises(UnknownCall, match="HEAD of output manifest"):
        calls_of([strange], [], crowd.pipeline)


def test_no_process_stays_behind(cloud: EmbeddedCloud, crowd: Crowd) -> None:
    cloud.stop()  # the last test of this module
    assert crowd.processes
    # By what they run, too: on a busy machine, another process may have the id of one that ended minutes ago.
    assert not crowd.processes & running_functions().keys()
    assert not function_processes()
