"""A job's input as Filegate gets it, and what the parts of its work are called."""

from __future__ import annotations

from pathlib import Path

from benchmarks.jobs import Job
from filegate.runs.address import Address
from filegate.runs.run import Request, Run, run_id_of
from filegate.runs.states import State
from filegate.storage.folder import FolderStore


def delivered(job: Job, buckets: Path) -> Run:
    """The run of the job's input, which lies in the raw bucket from now on; `buckets` has a folder for each bucket."""
    address = Address("raw", f"{job.table}/{job.input.name}")
    version = FolderStore(buckets).link(job.input, address)
    return Run(
        run_id=run_id_of(address.bucket, address.key, version),
        execution="benchmark",
        request=Request(bucket=address.bucket, key=address.key, version_id=version),
    )


def part_of(state: State) -> str:
    """The part of the work that a state's function does."""
    return "publish" if state == State.OUTPUT else state.stage
