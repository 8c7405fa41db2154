"""`filegate runs`: what ran lately."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Annotated, Literal

import typer

from filegate.cli.shared import Session, command

StatusName = Literal["RUNNING", "SUCCEEDED", "PARTIAL", "REJECTED", "FAILED"]
"""The statuses that the ledger keeps; `Status` itself would make `filegate --help` slow."""


def add_to(app: typer.Typer) -> None:
    command(app)(runs)


def runs(
    session: Session,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Of this dataset.", show_default=False)] = None,
    status: Annotated[
        StatusName | None, typer.Option(help="With this status.", case_sensitive=False, show_default=False)
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Started at this time or later, in UTC.", metavar="2026-01-31[T10:00:00]", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the latest.")] = 20,
) -> None:
    """List the latest runs; of one that takes long, how much of its present state is done."""
    from datetime import UTC  # noqa: PLC0415

    from filegate.cli import tables  # noqa: PLC0415
    from filegate.operations.find import latest  # noqa: PLC0415
    from filegate.operations.result import output_addresses, result  # noqa: PLC0415
    from filegate.runs.states import Status  # noqa: PLC0415

    cloud = session.cloud()
    utc = None if since is None else since.replace(tzinfo=UTC)
    wanted = None if status is None else Status(status)
    found = list(itertools.islice(latest(cloud.ledger, dataset=dataset, status=wanted, since=utc), limit))
    if session.as_json:
        session.write(*(result(run, output=output_addresses(run, cloud.store)) for run in found))
    elif found:
        session.show(tables.listing(found))
    else:
        of_those = any((dataset, status, since))
        session.err.print("No such runs." if of_those else "No runs. Deliver a file with `filegate drop`.")
