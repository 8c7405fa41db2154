"""Runs one candidate in this process: python -m benchmarks.candidates CANDIDATE JOB FOLDER OUTPUT.

FOLDER is where the data of a scale lie, OUTPUT an empty one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from benchmarks.data import Data
from benchmarks.jobs import job
from benchmarks.phases import Phases

name, job_name, folder, output = sys.argv[1:]
work = import_module(f"benchmarks.candidates.{name}").ready(job(job_name, Data(Path(folder))), Path(output))
phases = Phases(sys.stdout)
with phases("all"):
    work(phases)
