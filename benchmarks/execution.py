"""What the state machine does with a run of Filegate's: which stage it calls when."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.jobs import Job
from filegate.runs.run import Range, Request, Run, run_id_of

Call = Callable[[str, Run], Run]
"""Calls a stage by its name, wherever that may run."""


class Execution:
    """One after another, ranges too.

    Args:
        buckets: has a folder a bucket.
        call: how stages are called.
    """

    def __init__(self, buckets: Path, call: Call) -> None:
        self._buckets = buckets
        self._call = call

    @property
    def states(self) -> Mapping[str, Callable[[Run], Run]]:
        """All that a function does of a run, by the function's name."""
        return {
            "ingest": lambda run: self._call("ingest", run),
            "validate": self._validated,
            "transform": self._transformed,
            "publish": lambda run: self._call("publish", run),
        }

    def _validated(self, run: Run) -> Run:
        """One call, or, for a large object, one a range until the reduce step is content."""
        if run.fan_out is None:
            return self._call("validate", run)
        while run.validated is None:
            self._map("validate_range", run)
            run = self._call("reduce_validated", run)
        return run

    def _transformed(self, run: Run) -> Run:
        if run.fan_out is None:
            return self._call("transform", run)
        self._map("transform_range", run)
        return self._call("reduce_transformed", run)

    def _map(self, stage: str, run: Run) -> None:
        """What the Distributed Map does."""
        assert run.fan_out is not None
        for part in json.loads((self._buckets / "staging" / run.fan_out.ranges).read_text()):
            self._call(stage, run.with_range(Range.model_validate(part)))


def delivered(job: Job, buckets: Path) -> Run:
    """The run of the job's input, which lies in the raw bucket from now on."""
    key = f"{job.table}/{job.input.name}"
    (buckets / "raw" / job.table).mkdir(parents=True)
    (buckets / "raw" / key).symlink_to(job.input)
    return Run(
        run_id=run_id_of("raw", key, "only"),
        execution="benchmark",
        request=Request(bucket="raw", key=key, version_id="only"),
    )
