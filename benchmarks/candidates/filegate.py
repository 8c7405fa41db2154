"""Filegate's own stages, one after another in one process, over folders as buckets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.integration.stage_probe import FolderObjectStore  # first: it hides what the functions' images do not hold

# isort: split
from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from filegate.registry import Registry
from filegate.runs import Range, Request, Run, run_id_of
from filegate.settings import FunctionSettings
from filegate.stages.context import Context
from filegate.stages.ingest import ingest
from filegate.stages.output import publish
from filegate.stages.transform import reduce_transformed, transform, transform_range
from filegate.stages.validate import reduce_validated, validate, validate_range
from filegate.storage.memory import MemoryLedger

Stage = Callable[[Run, Context], Run]


def ready(job: Job, output: Path) -> Work:
    key = f"{job.table}/{job.input.name}"
    (output / "raw" / job.table).mkdir(parents=True)
    (output / "raw" / key).symlink_to(job.input)
    settings = FunctionSettings(
        ledger_table="ledger",
        staging_bucket="staging",
        processed_bucket="published",
        quarantine_bucket="rejected",
        datasets=job.data.datasets,
    )
    context = Context(FolderObjectStore(output), MemoryLedger(), Registry(settings.datasets), settings)
    assert context.registry.dataset(job.table)  # which a function loads once, too

    def work(phases: Phases) -> None:
        run = Run(
            run_id=run_id_of("raw", key, "only"),
            execution="benchmark",
            request=Request(bucket="raw", key=key, version_id="only"),
        )
        stages: dict[str, Stage] = {
            "ingest": ingest,
            "validate": _validated,
            "transform": _transformed,
            "publish": publish,
        }
        for name, stage in stages.items():
            with phases(name):
                run = stage(run, context)

    return work


def _validated(run: Run, context: Context) -> Run:
    """As the state machine has it: one call, or, for a large object, one a range until the reduce step is content."""
    if run.fan_out is None:
        return validate(run, context)
    while run.validated is None:
        _map(validate_range, run, context)
        run = reduce_validated(run, context)
    return run


def _transformed(run: Run, context: Context) -> Run:
    if run.fan_out is None:
        return transform(run, context)
    _map(transform_range, run, context)
    return reduce_transformed(run, context)


def _map(stage: Stage, run: Run, context: Context) -> None:
    """What the Distributed Map does, but one after another."""
    assert run.fan_out is not None
    for part in json.loads(context.store.read(context.staged_key(run.fan_out.ranges))):
        stage(run.having(range=Range.model_validate(part)), context)
