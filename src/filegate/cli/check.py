"""`filegate check`: whether every dataset is declared well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from filegate import operations
from filegate.cli.shared import PROBLEM, Session, command
from filegate.cli.text import clean, line
from filegate.dataset.registry import Registry
from filegate.errors import WrongUse

if TYPE_CHECKING:
    from filegate.operations.check import CheckedDataset

app = typer.Typer(add_completion=False)


@command(app)
def check(session: Session) -> int:
    """Check every dataset: its declaration, its reference tables, its transform.

    Exit status: 0 all are right; 1 one is wrong.
    """
    found = check_all(session)
    if session.as_json:
        session.write(*(one.to_json() for one in found))
    for one in found if not session.as_json else ():
        if not one.problems:
            session.show(Text.assemble(("✓ ", "green"), line(one.name)))
        for problem in one.problems:
            session.show(Text.assemble(("✗ ", "red"), f"{line(one.name)}  ", (clean(problem.problem), "red")))
            if problem.advice:
                session.show(Text(f"  {clean(problem.advice)}"))
    return PROBLEM if any(one.problems for one in found) else 0


def check_all(session: Session) -> list[CheckedDataset]:
    """The datasets of the folder, each with what is wrong with it. Raises WrongUse if there is none."""
    folder = session.datasets_folder()
    with session.waiting("Checking …"):
        found = list(operations.check.check(Registry(folder)))
    if not found:
        raise WrongUse(f"No dataset is declared in {folder}.", advice="Write one module a dataset: <name>.py.")
    return found
