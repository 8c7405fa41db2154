"""Where Filegate's CPU goes, by its functions, as JSON; make bench-profile shows it.

    python -m benchmarks.profile JOB FOLDER OUTPUT

Each CPU second of the process, of whichever thread, is put down to the function of Filegate's that was running in the
main thread, or that had called whatever library did. Nothing is sampled; the hook costs some CPU itself, which the
functions that call many others seem to take.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from benchmarks.candidates import filegate
from benchmarks.data import ROOT, Data
from benchmarks.jobs import job
from benchmarks.phases import Phases

OWN = (str(ROOT / "src" / "filegate"), str(ROOT / "data"))
"""Filegate's code, and the datasets'."""


@dataclass(frozen=True)
class Spent:
    """CPU seconds of a function, and of the libraries that it called, in one stage."""

    stage: str
    function: str
    cpu_s: float
    calls: int


class Hook:
    """For `sys.setprofile`: CPU seconds and entries by path of Filegate's functions."""

    def __init__(self) -> None:
        self.seconds: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self.calls: Counter[tuple[str, ...]] = Counter()
        self._path: tuple[str, ...] = ()
        self._since = time.process_time()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        # A comprehension is its function's: it is entered so often that the hook itself would be measured.
        if event not in ("call", "return") or code.co_name.startswith("<") or not code.co_filename.startswith(OWN):
            return
        now = time.process_time()
        self.seconds[self._path] += now - self._since
        if event == "call":
            self._path = (*self._path, f"{Path(code.co_filename).stem}.{code.co_qualname}")
            self.calls[self._path] += 1
        else:
            self._path = self._path[:-1]
        self._since = time.process_time()


def profiled(job_name: str, data: Data, output: Path) -> list[Spent]:
    """What each function took in each stage, the most expensive first."""
    work = filegate.ready(job(job_name, data), output)
    hook = Hook()
    sys.setprofile(hook)
    work(Phases(io.StringIO()))
    sys.setprofile(None)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    calls: Counter[tuple[str, str]] = Counter()
    for path, spent in hook.seconds.items():
        if path:
            at = path[0].rpartition(".")[2], path[-1]
            seconds[at] += spent
            calls[at] += hook.calls[path]
    found = [Spent(*at, round(spent, 3), calls[at]) for at, spent in seconds.items()]
    return sorted(found, key=lambda spent: -spent.cpu_s)


if __name__ == "__main__":
    name, folder, place = sys.argv[1:]
    json.dump([asdict(spent) for spent in profiled(name, Data(Path(folder)), Path(place))], sys.stdout)
