"""What each of Filegate's functions keeps in memory, in MB as JSON, each call in a fresh process.

    python -m benchmarks.kept JOB FOLDER OUTPUT

Of several calls of a function, the one counts that kept the most: so much its memory has to hold.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.data import Data
from benchmarks.execution import Execution, delivered
from benchmarks.jobs import Job, job
from benchmarks.measure import MB
from filegate.runs.run import Run
from harness.stage_process import probed


def kept(asked: Job, output: Path) -> dict[str, float]:
    """The most anonymous memory of each function's calls, in MB."""
    calls: list[int] = []

    def call(stage: str, run: Run) -> Run:
        done = probed(stage, run, output, asked.data.datasets)
        calls.append(done.anonymous_bytes)
        return done.run

    found = {}
    run = delivered(asked, output)
    for name, state in Execution(output, call).states.items():
        calls.clear()
        run = state(run)
        found[name] = round(max(calls) / MB, 1)
    return found


if __name__ == "__main__":
    name, folder, place = sys.argv[1:]
    json.dump(kept(job(name, Data(Path(folder))), Path(place)), sys.stdout)
