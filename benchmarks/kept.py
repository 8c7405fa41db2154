"""What each of Filegate's functions keeps in memory, in MB as JSON, each call in a fresh process.

    python -m benchmarks.kept JOB FOLDER OUTPUT

Of several calls of a function, the one counts that kept the most: so much its memory has to hold.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

from benchmarks.data import Data
from benchmarks.delivery import delivered, part_of
from benchmarks.jobs import Job, job
from benchmarks.measure import MB
from filegate.pipeline.execution import walk
from filegate.pipeline.fan_out import listed_ranges
from filegate.runs.run import Run
from filegate.runs.states import State
from harness.stage_probe import context_of
from harness.stage_process import probed


def kept(asked: Job, output: Path) -> dict[str, float]:
    """The most anonymous memory of each function's calls, in MB."""
    most: defaultdict[str, float] = defaultdict(float)

    def call(state: State, run: Run) -> Run:
        done = probed(state, run, output, asked.data.datasets)
        most[part_of(state)] = max(most[part_of(state)], round(done.anonymous_bytes / MB, 1))
        return done.run

    context = context_of(output, asked.data.datasets)
    steps = walk(delivered(asked, output), call, partial(listed_ranges, context=context))
    next(run for run in steps if run.published is not None)
    return dict(most)


if __name__ == "__main__":
    name, folder, place = sys.argv[1:]
    json.dump(kept(job(name, Data(Path(folder))), Path(place)), sys.stdout)
