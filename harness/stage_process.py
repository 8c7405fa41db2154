"""A stage in a process of its own, with as many processors as its function sees: `stage_probe.py` from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filegate.runs.run import Run
from filegate.runs.states import State

PROBE = Path(__file__).parent / "stage_probe.py"
PROCESSORS = 2
"""As many as a function sees that has less than 3 GB. With more, polars works on more at a time, in more memory."""


@dataclass(frozen=True)
class Probed:
    """The result of a call, and what it took. `anonymous_bytes` is the most that its process held meanwhile."""

    run: Run
    anonymous_bytes: int
    cpu_seconds: float


def probed(state: State, run: Run, folder: Path, datasets: Path) -> Probed:
    """Calls the function of a state; `folder` has a folder for each bucket."""
    command = [sys.executable, str(PROBE), str(folder), str(datasets), state, run.model_dump_json()]
    environment = os.environ | {"POLARS_MAX_THREADS": str(PROCESSORS)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    answer = json.loads(done.stdout)
    return Probed(Run.model_validate(answer["run"]), answer["anonymous_bytes"], answer["cpu_seconds"])
