"""Runs every candidate on every job, in turn, and tells what it took: make bench."""

from __future__ import annotations

import os
import statistics
import sys
from collections import defaultdict

from benchmarks.data import prepared
from benchmarks.measure import CandidateFailed, Taken, measured

PLAN = {
    "lineitem": ("floor", "filegate"),
    "flights": ("floor", "filegate"),
    "half": ("floor", "filegate"),
    "gzip": ("decompression", "filegate"),
    "zstd": ("decompression", "filegate"),
}
"""Job → its candidates."""


def main() -> None:
    data = prepared(float(os.environ.get("BENCH_SCALE") or 1))
    rounds = int(os.environ.get("BENCH_RUNS") or 5)
    jobs = os.environ.get("BENCH_JOBS", "").split() or list(PLAN)
    runs: defaultdict[str, defaultdict[str, list[Taken]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        for job in jobs:
            wanted = os.environ.get("BENCH_CANDIDATES", "").split() or PLAN[job]
            for candidate in sorted(wanted, reverse=number % 2 == 1):
                with data.output() as output:
                    try:
                        taken = measured(candidate, job, data, output)
                    except CandidateFailed as failure:
                        sys.stderr.write(f"{failure}\n")
                        continue
                runs[job][candidate].append(taken)
                told = " ".join(f"{name} {part.cpu_s:.2f}" for name, part in taken.parts.items())
                sys.stderr.write(
                    f"round {number + 1} of {rounds}  {job:9} {candidate:15} {taken.cpu_s:7.2f} CPU s "
                    f"{taken.wall_s:7.2f} s {taken.peak_mb:7.0f} MB  {told}\n"
                )
    for job, candidates in runs.items():
        medians = {name: statistics.median(run.cpu_s for run in taken) for name, taken in candidates.items()}
        for name, cpu in sorted(medians.items(), key=lambda entry: entry[1]):
            ratio = f"{cpu / medians['floor']:.2f} x floor" if "floor" in medians else ""
            sys.stdout.write(f"{job:9} {name:15} {cpu:7.2f} CPU s  {ratio}\n")


if __name__ == "__main__":
    main()
