"""A stage in its image, under its function's memory: `stage_probe.py` in a container."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filegate.runs.run import Run
from filegate.runs.states import State
from harness.function import PYTHON, variables
from harness.stage_process import PROBE, PROCESSORS, Probed, StageDied

KILLED = 137
"""The exit code of a process that the kernel killed: 128 and the number of the signal."""


@dataclass(frozen=True)
class InImages:
    """Calls the functions of states in containers, as `harness.stage_process.probed` does in processes.

    Attributes:
        images: the image of each stage.
    """

    images: Mapping[str, str]

    def __call__(self, state: State, run: Run, folder: Path, datasets: Path, *, limit: int) -> Probed:
        """See `probed`; `limit` is the container's, swap included. It is not observed how much was held.

        Raises:
            StageDied: the stage raised another error than a permanent one, or its process was killed.
        """
        command = [
            *("docker", "run", "--rm", "--memory", str(limit), "--memory-swap", str(limit), "--network", "none"),
            *(
                "--volume",
                f"{folder}:{folder}",
                "--volume",
                f"{datasets}:{datasets}:ro",
                "--volume",
                f"{PROBE}:{PROBE}:ro",
            ),
            *variables(POLARS_MAX_THREADS=str(PROCESSORS), PYTHONPATH="/var/task"),
            *("--entrypoint", PYTHON, self.images[state.stage], str(PROBE)),
            *(str(folder), str(datasets), state, run.model_dump_json()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == KILLED:
            raise StageDied(f"killed: it held more than {limit >> 20} MiB", limit)
        if done.returncode:
            raise StageDied((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1], 0)
        answer = json.loads(done.stdout)
        return Probed(Run.model_validate(answer["run"]), 0, answer["cpu_seconds"], answer["refusal"])
