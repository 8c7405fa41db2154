"""Runs one candidate in this process: python -m benchmarks.candidates CANDIDATE JOB FOLDER OUTPUT.

FOLDER is where the data of a scale lie, OUTPUT an empty one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

name, job_name, folder, output = sys.argv[1:]
candidate = import_module(f"benchmarks.candidates.{name}")  # first: it may have a say in how libraries are loaded

# isort: split
from benchmarks.data import Data  # noqa: E402
from benchmarks.jobs import job  # noqa: E402
from benchmarks.phases import Phases  # noqa: E402

work = candidate.ready(job(job_name, Data(Path(folder))), Path(output))
phases = Phases(sys.stdout)
with phases("all"):
    work(phases)
