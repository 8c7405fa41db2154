"""`filegate try`: what becomes of files, without any cloud."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import typer

import filegate
from filegate.cli.files import DatasetOption, FileArguments, OutOption
from filegate.cli.outcome import Outcome, keep, write_outcomes
from filegate.cli.shared import Session, command
from filegate.cli.tables import exit_status
from filegate.cli.text import line
from filegate.dataset.registry import Registry
from filegate.operations.deliver import with_datasets

app = typer.Typer(add_completion=False)


@command(app, "try")
def try_(session: Session, files: FileArguments, dataset: DatasetOption = None, out: OutOption = None) -> int:
    """Run files through their contracts without any cloud, and show which rows break which rule.

    Nothing is stored but by --out: Parquet and the quarantine.

    Exit status: 0 every file got through (SUCCEEDED or PARTIAL); 3 one was REJECTED; 2 wrong use; 1 any other problem.
    """
    datasets = session.datasets_folder()
    outcomes = []
    with TemporaryDirectory(prefix="filegate-try-") as folder:
        for file, name in with_datasets(files, Registry(datasets).names(), dataset):
            with session.waiting(f"Running {line(file.name)} …"):
                done = filegate.run(file, name, datasets=datasets, folder=folder)
            outcomes.append(Outcome(done.record, done.store, file))
        if out is not None:
            keep(session, outcomes, out)
        write_outcomes(session, outcomes, in_cloud=False)
    return exit_status(one.run for one in outcomes)
