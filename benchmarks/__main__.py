"""Runs every candidate on every job, in turn, and writes docs/benchmarks.json: make bench.

    python -m benchmarks            the whole of it
    python -m benchmarks profile    where Filegate's CPU goes, by its functions: make bench-profile

What is wanted otherwise is said by variables, so that make can hand them on:

    BENCH_SCALE=0.1                   smaller files, for a quick try (the profile's default)
    BENCH_RUNS=2                      fewer rounds
    BENCH_JOBS="lineitem gzip"        not every job
    BENCH_CANDIDATES="floor filegate" not every candidate

With any of them docs/ stays as it is: what was measured is then beside the data, in `measured.json`, as it is after
each run of the whole.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.data import ROOT, Data, prepared
from benchmarks.figures import PLAN, figures
from benchmarks.jobs import job, reference
from benchmarks.measure import CandidateFailed, Taken, measured
from benchmarks.page import FIGURES, profile_table, summary

SCALE, ROUNDS = 1.0, 5
WANTED = {name: os.environ.get(f"BENCH_{name}", "") for name in ("SCALE", "RUNS", "JOBS", "CANDIDATES")}


def main() -> None:
    data = prepared(float(WANTED["SCALE"] or SCALE))
    jobs = WANTED["JOBS"].split() or list(PLAN)
    _write_references(jobs, data)
    runs = _measure(jobs, int(WANTED["RUNS"] or ROUNDS), data)
    kept = {name: _of_filegate("kept", name, data) for name in jobs}
    found = figures(runs, data, kept, _of_filegate("profile", jobs[0], data), _steps(data))
    _keep(found, data)
    print(f"\n{summary(found)}")
    if any(WANTED.values()):
        return
    if out := [f"{each} of {name}" for name, done in runs.items() for each in PLAN[name] if each not in done]:
        sys.exit(f"docs/ is left as it was, as there is no result of {', '.join(out)}.")
    FIGURES.write_text(json.dumps(found, indent=1) + "\n")


def profile() -> None:
    data = prepared(float(WANTED["SCALE"] or 0.1))
    for name in WANTED["JOBS"].split() or ["lineitem"]:
        print(f"{name}\n\n{profile_table(_of_filegate('profile', name, data))}")


def _write_references(jobs: list[str], data: Data) -> None:
    """Makes the results that are missing, as many at once as there are processors."""

    def write(name: str) -> None:
        place = reference(name, data)
        print(f"making {place.relative_to(ROOT)}", flush=True)
        _python("benchmarks.reference", name, data.folder, place)

    missing = [name for name in jobs if not (reference(name, data) / "counts.json").exists()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, {reference(name, data): name for name in reversed(missing)}.values()))


def _measure(jobs: list[str], rounds: int, data: Data) -> dict[str, dict[str, list[Taken]]]:
    """The runs of each job's candidates; one that fails, or is wrong, is out of the job."""
    wanted = WANTED["CANDIDATES"].split()
    runs = {name: {each: list[Taken]() for each in PLAN[name] if not wanted or each in wanted} for name in jobs}
    for number in range(1, rounds + 1):
        for name, candidates in runs.items():
            for candidate in list(candidates)[:: 1 if number % 2 else -1]:
                try:
                    taken = _run(candidate, name, data, check=number == 1)
                except (CandidateFailed, subprocess.CalledProcessError) as failure:
                    print(f"{candidate} is out of {name}: {failure}", flush=True)
                    del candidates[candidate]
                    continue
                candidates[candidate].append(taken)
                _keep(figures(runs, data), data)
                print(f"round {number} of {rounds}  {name:14} {candidate:15} {taken}", flush=True)
    return runs


def _run(candidate: str, name: str, data: Data, *, check: bool) -> Taken:
    with data.output() as output:
        taken = measured(candidate, name, data, output)
        if check and candidate not in ("floor", "decompression"):
            _python("benchmarks.compare", job(name, data).table, output, reference(name, data))
    return taken


def _of_filegate(what: str, name: str, data: Data) -> Any:
    """What is measured of Filegate alone, in a run apart: `kept` or `profile`, as these modules tell it."""
    with data.output() as output:
        return json.loads(_python(f"benchmarks.{what}", name, data.folder, output))


def _steps(data: Data) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(_python("benchmarks.steps", data.folder))
    return found


def _keep(found: dict[str, Any], data: Data) -> None:
    (data.folder / "measured.json").write_text(json.dumps(found, indent=1))


def _python(module: str, *arguments: object) -> str:
    """Runs a module in a process of its own, whose memory and threads are then not ours."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    {"": main, "profile": profile}["".join(sys.argv[1:])]()
