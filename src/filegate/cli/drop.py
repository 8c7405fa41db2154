"""`filegate drop`: deliver files and see what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filegate.cli.connection import connected_or_embedded, dataset_names
from filegate.cli.following import deliver_all
from filegate.cli.outcome import answer
from filegate.cli.shared import Session, command
from filegate.cli.text import counted, line
from filegate.errors import WrongUse
from filegate.operations.collect import collect
from filegate.operations.deliver import check_keys, dataset_of
from filegate.runs.record import RunRecord

if TYPE_CHECKING:
    from filegate.operations.cloud import Cloud

app = typer.Typer(add_completion=False)


@command(app)
def drop(
    session: Session,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="The files to deliver.", show_default=False)],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", "-d", help="Their dataset, where neither folder nor name says it.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Fetch what they became: Parquet, and the quarantine.", show_default=False),
    ] = None,
) -> int:
    """Deliver files, follow their runs, and show what became of every row.

    Without `filegate local` or --environment, an embedded cloud is started for this command alone.

    Exit status: 0 every file got through (SUCCEEDED or PARTIAL, superseded or not); 3 one was REJECTED; 4 one FAILED;
    2 wrong use; 1 any other problem.
    """
    known = dataset_names(session)
    deliveries = [(file, _dataset(file, known, dataset)) for file in files]
    check_keys(deliveries)
    with connected_or_embedded(session) as (cloud, own):
        try:
            followed = deliver_all(session, cloud, deliveries)
        except KeyboardInterrupt:
            if not own:
                session.err.print("What was delivered goes on without you: filegate runs")
            raise
        if out is not None:
            _collect(session, cloud, followed.runs, out)
        status = answer(session, cloud, followed, lasting=not own)
    if own and out is None:
        session.err.print(
            "\nThe embedded cloud of this command is gone, and all it held. Keep the files with --out DIR,"
            "\nor start a cloud that stays with `filegate local`.",
            style="dim",
        )
    return status


def _dataset(file: Path, known: Sequence[str], given: str | None) -> str:

    if not file.is_file():
        raise WrongUse(f"There is no file {file}.", advice="Name files, not folders.")
    return dataset_of(file, known, given)


def _collect(session: Session, cloud: Cloud, runs: Sequence[RunRecord], folder: Path) -> None:

    with session.waiting("Fetching the output …"):
        made = [collect(run, cloud.store, folder) for run in runs]
    output, quarantine = sum(len(one.output) for one in made), sum(len(one.quarantine) for one in made)
    there = f"{counted(output, 'published file')} and {quarantine:,} of quarantine are in {line(str(folder))}."
    session.err.print(there, end="\n\n")
