"""Where Filegate's CPU goes: make bench-profile.

Each CPU second of the process, of whichever thread, is put down to the function of Filegate's that was running in the
main thread, or that had called whatever library did. Nothing is sampled; the hook costs some CPU itself, which the
functions that call many others seem to take.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType

from benchmarks.candidates import filegate
from benchmarks.data import ROOT, Data, prepared
from benchmarks.jobs import job
from benchmarks.phases import Phases

OWN = (str(ROOT / "src" / "filegate"), str(ROOT / "data"))
"""Filegate's code, and the datasets'."""


class Profile:
    """A hook for `sys.setprofile`.

    Attributes:
        seconds: CPU seconds by path of Filegate's functions, each function's own and those of the libraries it called.
        calls: how often each path was entered.
    """

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


def profiled(job_name: str, data: Data, output: Path) -> Profile:
    work = filegate.ready(job(job_name, data), output)
    profile = Profile()
    sys.setprofile(profile)
    work(Phases(io.StringIO()))
    sys.setprofile(None)
    return profile


def by_function(profile: Profile) -> list[tuple[str, str, float, int]]:
    """Stage, function, CPU seconds, calls; the dearest first."""
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    calls: Counter[tuple[str, str]] = Counter()
    for path, spent in profile.seconds.items():
        if path:
            seconds[path[0], path[-1]] += spent
            calls[path[0], path[-1]] += profile.calls[path]
    return sorted(((*at, spent, calls[at]) for at, spent in seconds.items()), key=lambda row: -row[2])


def main() -> None:
    data = prepared(float(os.environ.get("BENCH_SCALE") or 0.1))
    with data.output() as output:
        rows = by_function(profiled(os.environ.get("BENCH_JOBS") or "lineitem", data, output))
    total = sum(spent for _, _, spent, _ in rows)
    print(f"{total:8.2f} s in all")
    for stage, function, spent, calls in rows:
        if spent > total / 500:
            print(f"{spent:8.2f} s {spent / total:5.1%} {calls:>8,} calls  {stage.split('.')[-1]:10} {function}")


if __name__ == "__main__":
    main()
