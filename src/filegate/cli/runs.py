"""`filegate runs`: the latest runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from filegate.cli import connection, tables
from filegate.cli.shared import Session, command
from filegate.operations.find import latest
from filegate.operations.result import result
from filegate.runs.states import Status

app = typer.Typer(add_completion=False)

StatusName = Literal["RUNNING", "SUCCEEDED", "PARTIAL", "REJECTED", "FAILED"]
"""The statuses that the ledger keeps: all but DUPLICATE."""


@command(app)
def runs(
    session: Session,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Only of this dataset.", show_default=False)
    ] = None,
    status: Annotated[
        StatusName | None, typer.Option(help="Only with this status.", case_sensitive=False, show_default=False)
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Only started at this time or later, in UTC.", metavar="2026-01-31[T10:00:00]", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of runs to show, newest first.")] = 20,
) -> None:
    """List the latest runs; of one that takes long, how much of its present state is done."""
    connection.refuse_unknown(session, dataset)
    cloud = connection.connect(session)
    utc = None if since is None else since.replace(tzinfo=UTC)
    wanted = None if status is None else Status(status)
    found = list(itertools.islice(latest(cloud.ledger, dataset=dataset, status=wanted, since=utc), limit))
    if session.as_json:
        session.write(*(result(run, cloud.store) for run in found))
    elif found:
        session.show(tables.listing(found))
    else:
        of_those = any((dataset, status, since))
        session.err.print("No such runs." if of_those else "No runs. Deliver a file with `filegate drop`.")
