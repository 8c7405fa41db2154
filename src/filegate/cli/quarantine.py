"""`filegate quarantine`: the rows that a run rejected."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from filegate.cli.shared import Session, command

if TYPE_CHECKING:
    from rich.console import RenderableType

    from filegate.operations.quarantine import RejectedRow

RECORD_CHARACTERS = 300


def add_to(app: typer.Typer) -> None:
    command(app)(quarantine)


def quarantine(
    session: Session,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its first four or more digits.")],
    rule: Annotated[
        str | None, typer.Option("--rule", "-r", help="Only rows that broke this rule.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many rows, the first ones.")] = 20,
) -> None:
    """Show the rows that a run rejected: where each is, what was received, what was allowed."""
    from filegate.operations.find import find  # noqa: PLC0415
    from filegate.operations.quarantine import rejected_rows  # noqa: PLC0415

    cloud = session.cloud()
    found = find(cloud.ledger, run)
    rows = itertools.islice(rejected_rows(found, cloud.store, rule=rule), limit)
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
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import text  # noqa: PLC0415

    return Group(Text(text.place(row.row, row.byte_offset), "bold"), reasons(row))


def reasons(row: RejectedRow, record_characters: int = RECORD_CHARACTERS) -> RenderableType:
    """The rules that a row broke, and the row itself."""
    from rich.console import Group  # noqa: PLC0415
    from rich.padding import Padding  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import text  # noqa: PLC0415

    lines = []
    for broken in row.broken:
        line = Text.assemble((text.line(broken.rule), "red"), "  ")
        if broken.column is not None or broken.value is not None:
            line.append("received ").append(text.value(broken.value), "yellow").append("; ")
        lines.append(line.append(f"allowed: {text.line(broken.allowed)}"))
    lines.append(Text(text.shortened(_record(row), record_characters), "dim"))
    return Padding(Group(*lines), (0, 0, 0, 2))


def _record(row: RejectedRow) -> str:
    from filegate.cli import text  # noqa: PLC0415

    if row.values is None:
        return text.value((row.raw or b"").decode(errors="backslashreplace"), RECORD_CHARACTERS)
    return "  ".join(f"{text.line(name)}={text.field(value)}" for name, value in row.values.items())
