"""`filegate datasets`: what is declared."""

from __future__ import annotations

import typer
from rich.text import Text

from filegate import operations
from filegate.cli import tables, text
from filegate.cli.check import check_all
from filegate.cli.shared import Session, command

app = typer.Typer(add_completion=False)


@command(app)
def datasets(session: Session) -> None:
    """List the declared datasets and their policies."""
    found = check_all(session)
    describe = operations.check.describe
    if session.as_json:
        session.write(*(describe(one.dataset) if one.dataset else one.to_json() for one in found))
        return
    numbers = ("columns", "rules", "tolerated", "due every")
    table = tables.grid("dataset", "formats", *numbers, "key", "partitioned by", numbers=numbers)
    for one in found:
        if one.dataset is None:
            table.add_row(text.line(one.name), Text("see filegate check", "red"))
            continue
        facts = describe(one.dataset)
        table.add_row(
            text.line(one.name),
            ", ".join(facts["formats"]),
            text.count(len(facts["columns"])),
            text.count(len(facts["rules"])),
            f"{facts['tolerated_rejects']:.2%}",
            f"{facts['due_every_hours']} h" if facts["due_every_hours"] else "",
            text.line(", ".join(facts["key"])),
            text.line(", ".join(facts["partition_by"])),
        )
    session.show(table)
