"""Filegate's own stages, one after another in one process, over folders as buckets."""

from __future__ import annotations

from pathlib import Path

from tests.integration.stage_probe import FolderObjectStore  # first: it hides what the functions' images do not hold

# isort: split
from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from filegate.registry import Registry
from filegate.runs import Request, Run, run_id_of
from filegate.settings import FunctionSettings
from filegate.stages.context import Context
from filegate.stages.ingest import ingest
from filegate.stages.output import publish
from filegate.stages.transform import transform
from filegate.stages.validate import validate
from filegate.storage.memory import MemoryLedger


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
    assert context.registry[job.table]  # which a function loads once, too

    def work(phases: Phases) -> None:
        run = Run(
            run_id=run_id_of("raw", key, "only"),
            execution="benchmark",
            request=Request(bucket="raw", key=key, version_id="only"),
        )
        for stage in (ingest, validate, transform, publish):
            with phases(stage.__name__):
                run = stage(run, context)

    return work
