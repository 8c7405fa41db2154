"""Filegate's own stages, one after another in one process, over folders as buckets."""

from __future__ import annotations

from pathlib import Path

from harness.stage_probe import STAGES, context_of  # first: it hides what the functions' images do not hold

# isort: split
from benchmarks.candidates import Work
from benchmarks.execution import Execution, delivered
from benchmarks.jobs import Job
from benchmarks.phases import Phases


def ready(job: Job, output: Path) -> Work:
    context = context_of(output, job.data.datasets)
    assert context.registry.dataset(job.table)  # which a function loads once, too
    execution = Execution(output, lambda stage, run: STAGES[stage](run, context))
    landed = delivered(job, output)

    def work(phases: Phases) -> None:
        run = landed
        for name, state in execution.states.items():
            with phases(name):
                run = state(run)

    return work
