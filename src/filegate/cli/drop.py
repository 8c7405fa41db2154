"""`filegate drop`: deliver files and see what becomes of them."""

from __future__ import annotations

import typer

from filegate.cli.connection import connected_or_embedded, dataset_names
from filegate.cli.following import answer, deliver_all
from filegate.cli.outcome import keep
from filegate.cli.shared import DatasetOption, FileArguments, OutOption, Session, command
from filegate.operations.deliver import with_datasets

app = typer.Typer(add_completion=False)


@command(app)
def drop(session: Session, files: FileArguments, dataset: DatasetOption = None, out: OutOption = None) -> int:
    """Deliver files, follow their runs, and show what became of every row.

    Without `filegate local` or --environment, an embedded cloud is started for this command alone.

    Exit status: 0 every file got through (SUCCEEDED or PARTIAL, superseded or not); 3 one was REJECTED; 4 one FAILED;
    2 wrong use; 1 any other problem.
    """
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # if it cannot be, that is to be known before the work
    deliveries = with_datasets(files, dataset_names(session), dataset)
    with connected_or_embedded(session) as (cloud, own):
        try:
            followed = deliver_all(session, cloud, deliveries)
        except KeyboardInterrupt:
            if not own:
                session.err.print("The runs of what was delivered continue. See them with: filegate runs")
            raise
        if out is not None:
            keep(session, followed.outcomes, out)
        status = answer(session, cloud, followed, lasting=not own)
    if own and out is None:
        session.err.print(
            "\nThe embedded cloud of this command is gone with its data. Keep the files with --out DIR,"
            "\nor start a cloud that stays with `filegate local`.",
            style="dim",
        )
    return status
