"""A stage in a process of its own, with as many processors as its function sees: `stage_probe.py` from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filegate.runs.run import Run
from filegate.runs.states import State

PROBE = Path(__file__).parent / "stage_probe.py"
PROCESSORS = 2
"""As many as a function sees that has less than 3 GB. With more, polars works on more at a time, in more memory."""
SAMPLED_EVERY = 0.002
PATIENCE = 900
"""Seconds: a function's time-out."""


@dataclass(frozen=True)
class Probed:
    """The result of a call, and what it took.

    Attributes:
        run: the document that the stage returned; if it refused the object, the one that it was given.
        anonymous_bytes: the most anonymous memory that its process held: what counts against a function's limit and
            cannot be dropped.
        cpu_seconds: of the call.
        refusal: the class and the message of the permanent error that the stage raised; None if it raised none.
    """

    run: Run
    anonymous_bytes: int
    cpu_seconds: float
    refusal: str | None = None


class StageDied(Exception):
    """The process of a stage ended without an answer; `str()` is its last line, or how it was killed."""

    def __init__(self, message: str, anonymous_bytes: int) -> None:
        self.anonymous_bytes = anonymous_bytes
        super().__init__(message)


def probed(state: State, run: Run, folder: Path, datasets: Path, *, limit: int | None = None) -> Probed:
    """Calls the function of a state.

    Args:
        state: of the execution.
        run: its document as the state gets it.
        folder: the object store, with a folder for each bucket.
        datasets: the datasets' modules.
        limit: how many bytes of anonymous memory its process may hold; beyond them it is killed, as in Lambda.

    Raises:
        StageDied: it raised another error than a permanent one, or its process was killed.
    """
    command = [sys.executable, str(PROBE), str(folder), str(datasets), state, run.model_dump_json()]
    environment = os.environ | {"POLARS_MAX_THREADS": str(PROCESSORS)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    with started as process, AnonymousPeak(process, limit) as peak:
        output, errors = process.communicate(timeout=PATIENCE)
    if limit is not None and peak.bytes > limit:
        raise StageDied(f"killed: it held more than {limit >> 20} MiB", peak.bytes)
    if process.returncode:
        reason = errors.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise StageDied(reason[0], peak.bytes)
    answer = json.loads(output)
    return Probed(Run.model_validate(answer["run"]), peak.bytes, answer["cpu_seconds"], answer["refusal"])


class AnonymousPeak:
    """The most anonymous memory that a process held, observed from outside: no lock of its own can hide a peak.

    The process is killed at the block's end if it runs on, and before if it holds more than `limit`.
    """

    def __init__(self, process: subprocess.Popen[str], limit: int | None) -> None:
        self.bytes = 0
        self._process = process
        self._limit = limit
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> AnonymousPeak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        with suppress(OSError, StopIteration):  # it has ended
            while not self._done.wait(SAMPLED_EVERY):
                line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
                self.bytes = max(self.bytes, int(line.split()[1]) * 1024)
                if self._limit is not None and self.bytes > self._limit:
                    self._process.kill()
