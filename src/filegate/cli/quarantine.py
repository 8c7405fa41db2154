"""`filegate quarantine`: the rows that a run rejected."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from filegate import operations
from filegate.cli import connection, text
from filegate.cli.shared import Session, command
from filegate.operations.find import find

if TYPE_CHECKING:
    from filegate.operations.quarantine import RejectedRow

RECORD_CHARACTERS = 300

app = typer.Typer(add_completion=False)


@command(app)
def quarantine(
    session: Session,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its first four or more digits.")],
    rule: Annotated[
        str | None, typer.Option("--rule", "-r", help="Only rows that broke this rule.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of rows to show, in the order of the file.")] = 20,
) -> None:
    """Show the rows that a run rejected: where each is, what was received, what was allowed."""
    cloud = connection.connect(session.settings)
    found = find(cloud.ledger, run)
    rows = itertools.islice(operations.quarantine.rejected_rows(found, cloud.store, rule=rule), limit)
    shown = 0
    for row in rows:
        shown += 1
        if session.as_json:
            session.write(row.to_json())
        else:
            session.show(rejected(row), "")
    there_are = found.rules[rule] if rule is not None else found.rows_rejected
    if shown < there_are:
        session.err.print(f"{shown:,} of {there_are:,} rows. See more with --limit.", style="dim")
    elif not there_are and found.error_type is not None:
        session.err.print(f"The file was refused as a whole ({found.error_type}): filegate show {found.run_id[:12]}")
    elif not there_are:
        session.err.print("This run rejected no rows.")


def rejected(row: RejectedRow) -> RenderableType:
    """A row in quarantine, for a person."""
    return Group(Text(text.place(row.row, row.byte_offset), "bold"), reasons(row))


def reasons(row: RejectedRow, record_characters: int = RECORD_CHARACTERS) -> RenderableType:
    """The rules that a row broke, and the row itself."""
    lines = []
    for broken in row.broken:
        line = Text.assemble((text.line(broken.rule), "red"), "  ")
        if broken.column is not None or broken.value is not None:
            line.append("received ").append(text.value(broken.value), "yellow").append("; ")
        lines.append(line.append(f"allowed: {text.line(broken.allowed)}"))
    lines.append(Text(text.shortened(_record(row), record_characters), "dim"))
    return Padding(Group(*lines), (0, 0, 0, 2))


def _record(row: RejectedRow) -> str:

    if row.values is None:
        return text.value((row.raw or b"").decode(errors="backslashreplace"), RECORD_CHARACTERS)
    return "  ".join(f"{text.line(name)}={text.field(value)}" for name, value in row.values.items())
