"""Filegate's own stages, one after another in one process, over folders as buckets."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.stage_probe import context_of  # first: it hides what the functions' images do not hold

# isort: split
from benchmarks.candidates import Work
from benchmarks.delivery import delivered, part_of
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from filegate.pipeline.execution import STAGES, walk
from filegate.pipeline.fan_out import listed_ranges
from filegate.runs.run import Run
from filegate.runs.states import State


def ready(job: Job, output: Path) -> Work:
    context = context_of(output, job.data.datasets)
    assert context.registry.dataset(job.table)  # which a function loads once, too
    landed = delivered(job, output)

    def work(phases: Phases) -> None:
        def call(state: State, run: Run) -> Run:
            with phases(part_of(state)):
                return STAGES[state](run, context)

        steps = walk(landed, call, partial(listed_ranges, context=context))
        next(run for run in steps if run.published is not None)  # the commit is the ledger's, and no candidate has one

    return work
