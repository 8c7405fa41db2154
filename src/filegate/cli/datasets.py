"""`filegate datasets` and `filegate check`: what is declared, and whether it is declared well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from filegate.cli.shared import PROBLEM, Session, command

if TYPE_CHECKING:
    from filegate.operations.check import Checked


def add_to(app: typer.Typer) -> None:
    command(app)(datasets)
    command(app)(check)


def datasets(session: Session) -> None:
    """List the declared datasets and their policies."""
    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import tables, text  # noqa: PLC0415
    from filegate.operations.check import describe  # noqa: PLC0415

    found = _checked(session)
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


def check(session: Session) -> int:
    """Check every dataset: its declaration, its reference tables, its transform. Exit status 1 if one is wrong."""
    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import text  # noqa: PLC0415

    found = _checked(session)
    if session.as_json:
        session.write(*(one.to_json() for one in found))
    for one in found if not session.as_json else ():
        if not one.problems:
            session.show(Text.assemble(("✓ ", "green"), text.line(one.name)))
        for problem in one.problems:
            session.show(Text.assemble(("✗ ", "red"), f"{text.line(one.name)}  ", (text.clean(problem.problem), "red")))
            if problem.advice:
                session.show(Text(f"  {text.clean(problem.advice)}"))
    return PROBLEM if any(one.problems for one in found) else 0


def _checked(session: Session) -> list[Checked]:
    from filegate.dataset.registry import Registry  # noqa: PLC0415
    from filegate.errors import WrongUse  # noqa: PLC0415
    from filegate.operations.check import check as check_all  # noqa: PLC0415

    folder = session.datasets_folder()
    with session.waiting("Checking …"):
        found = list(check_all(Registry(folder)))
    if not found:
        raise WrongUse(f"No dataset is declared in {folder}.", advice="Write one module a dataset: <name>.py.")
    return found
