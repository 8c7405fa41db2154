"""`filegate quarantine`: the rows that a run rejected."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer
from rich.text import Text

from filegate import operations
from filegate.cli import connection
from filegate.cli.rejected import rejected
from filegate.cli.shared import RunArgument, Session, command
from filegate.operations.find import find
from filegate.runs.run import short

app = typer.Typer(add_completion=False)


@command(app)
def quarantine(
    session: Session,
    run: RunArgument,
    rule: Annotated[
        str | None, typer.Option("--rule", "-r", help="Only rows that broke this rule.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of rows to show, in the order of the file.")] = 20,
) -> None:
    """Show the rows that a run rejected: where each is, what was received, what was allowed."""
    cloud = connection.connect(session)
    found = find(cloud.ledger, run)
    rows = list(itertools.islice(operations.quarantine.rejected_rows(found, cloud.store, rule=rule), limit))
    width = session.terminal_width
    if session.as_json:
        session.write(*(row.to_json() for row in rows))
    else:
        session.lines(line for row in rows for line in (*rejected(row, width), Text()))
    there_are = found.rules[rule] if rule is not None else found.rows_rejected
    if len(rows) < there_are:
        session.err.print(f"{len(rows):,} of {there_are:,} rows. See more with --limit.", style="dim")
    elif not there_are and found.error_type is not None:
        session.err.print(f"The file was refused as a whole ({found.error_type}): filegate show {short(found.run_id)}")
    elif not there_are:
        session.err.print("This run rejected no rows.")
