"""`filegate try`: what becomes of files, without any cloud."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

import filegate
from filegate.cli.outcome import Outcome, keep, write_outcomes
from filegate.cli.shared import DatasetOption, FileArguments, OutOption, Session, command
from filegate.cli.tables import exit_status
from filegate.cli.text import line, rounded
from filegate.dataset.registry import Registry
from filegate.operations.deliver import with_datasets
from filegate.runs.run import Run
from filegate.storage.memory import MemoryLedger

if TYPE_CHECKING:
    from rich.status import Status

app = typer.Typer(add_completion=False)


class ShownLedger(MemoryLedger):
    """Keeps a run, and shows the progress of a long one in the `status` line, if there is one, which begins `doing`."""

    def __init__(self, status: Status | None, doing: str) -> None:
        super().__init__()
        self._status, self._doing = status, doing
        self._rows: Counter[str] = Counter()

    def advance(self, run: Run, *, chunks: int, rows: int, now: datetime) -> None:
        super().advance(run, chunks=chunks, rows=rows, now=now)
        stage = "splitting" if run.ingested is None else "validating" if run.validated is None else "transforming"
        self._rows[stage] += rows
        if self._status is not None:
            total = "" if run.ingested is None else f" of {rounded(run.ingested.rows)}"
            self._status.update(f"{self._doing} {stage}: {rounded(self._rows[stage])}{total} rows")


@command(app, "try")
def try_(session: Session, files: FileArguments, dataset: DatasetOption = None, out: OutOption = None) -> int:
    """Run files through their contracts without any cloud, and show which rows break which rule.

    Nothing is stored but by --out: Parquet and the quarantine.

    Exit status: 0 every file got through (SUCCEEDED or PARTIAL); 3 one was REJECTED; 2 wrong use; 1 any other problem.
    """
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # if it cannot be, that is to be known before the work
    datasets = session.datasets_folder()
    outcomes = []
    with TemporaryDirectory(prefix="filegate-try-") as folder:
        for file, name in with_datasets(files, Registry(datasets).names(), dataset):
            doing = f"Running {line(file.name)} …"
            with session.waiting(doing) as status:
                ledger = ShownLedger(status, doing)
                done = filegate.run(file, name, datasets=datasets, folder=folder, ledger=ledger)
            outcomes.append(Outcome(done.record, done.store, file))
        if out is not None:
            keep(session, outcomes, out)
        write_outcomes(session, outcomes, in_cloud=False)
    return exit_status(one.run for one in outcomes)
