"""Two hundred files at once: each gets its run, and no process stays behind."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filegate.local import EmbeddedCloud
from filegate.runs import Status

from .pipeline import Pipeline

DATASETS = Path(__file__).parent / "fixtures" / "datasets"
FILES = 200
CHILD = "filegate.local.child"


def rows(file: int) -> bytes:
    lines = (f"{file * 1000 + line},name,1.5,2026-01-31\n" for line in range(1, 11))
    return ("id,name,amount,ordered\n" + "".join(lines)).encode()


def function_processes() -> set[int]:
    """The processes of this process's functions."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    found = (line.split(maxsplit=2) for line in listed.splitlines() if CHILD in line)
    return {int(pid) for pid, parent, _ in found if int(parent) == os.getpid()}


def is_alive(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0


def test_two_hundred_files_at_once_are_each_run_once() -> None:
    with EmbeddedCloud(datasets=DATASETS) as cloud:
        pipeline = Pipeline(cloud.session(), cloud.deploy())
        with ThreadPoolExecutor(8) as pool:
            drops = list(pool.map(lambda file: pipeline.drop(f"orders/{file}.csv", rows(file)), range(FILES)))
        runs = []
        processes = set()
        for drop in drops:
            runs.append(pipeline.run(drop.run_id))
            processes |= function_processes()
        for drop in drops:
            pipeline.execution(drop.run_id)

        assert [run.status for run in runs] == [Status.SUCCEEDED] * FILES
        assert Counter(execution.run_id for execution in pipeline.all_executions()) == {
            drop.run_id: 1 for drop in drops
        }
        assert {run.run_id for run in pipeline.ledger.of_dataset("orders")} == {drop.run_id for drop in drops}
        assert not any(run.duplicates or run.retries for run in runs)
        assert len(pipeline.keys("ProcessedBucket", "orders/_manifests/")) == FILES
        for file in (0, FILES // 2, FILES - 1):
            assert pipeline.published("orders", drops[file].run_id)["id"].to_list() == [
                file * 1000 + line for line in range(1, 11)
            ]
    assert processes
    assert not [pid for pid in processes if is_alive(pid)]
    assert not function_processes()
