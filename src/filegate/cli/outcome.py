"""The outcome of runs, for a person or a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from filegate import operations
from filegate.cli import tables
from filegate.cli.rejected import explanation
from filegate.cli.shared import Session
from filegate.cli.text import clean, counted, line
from filegate.errors import AccessDenied, ObjectGone
from filegate.operations.artefacts import collect
from filegate.operations.result import result
from filegate.runs.record import RunRecord
from filegate.storage.objects import ObjectStore

if TYPE_CHECKING:
    from filegate.operations.quarantine import Explanation


MAX_RULES = 6
"""How many rules are explained to a person; a table has them all."""


@dataclass(frozen=True)
class Outcome:
    """A run that has ended, the store that holds its output, and the local file that was delivered, if any."""

    run: RunRecord
    store: ObjectStore
    file: Path | None = None

    def explain(self) -> list[Explanation] | None:
        """What it rejected; None where the quarantine is gone, or this user may not read it."""
        try:
            return operations.quarantine.explain(self.run, self.store, self.file) if self.run.rules else []
        except (AccessDenied, ObjectGone):
            return None


def keep(session: Session, outcomes: Iterable[Outcome], folder: Path) -> None:
    """Copies the published files and the quarantine of runs into a local folder."""
    with session.waiting("Fetching the output …"):
        made = [collect(one.run, one.store, folder) for one in outcomes]
    output, quarantine = sum(len(one.output) for one in made), sum(len(one.quarantine) for one in made)
    there = f"{counted(output, 'published file')} and {quarantine:,} of quarantine are in {line(str(folder))}."
    session.err.print(there, end="\n\n")


def write_outcomes(session: Session, outcomes: Sequence[Outcome], *, in_cloud: bool = True) -> None:
    """A table of the runs, the rules that were broken, and why nothing was published; or a document a run.

    `in_cloud`: whether a cloud has what became of their rows, so that the table says where it went.
    """
    if session.as_json:
        for one in outcomes:
            document = result(one.run, one.store)
            document["file"] = None if one.file is None else str(one.file)
            rules = one.explain()
            session.write({**document, "explanation": rules and [rule.to_json() for rule in rules]})
        return
    runs = [one.run for one in outcomes]
    if runs:
        session.show(tables.ends(runs, places=in_cloud))
    if sum(len(run.rules) for run in runs) > MAX_RULES:
        session.show("", tables.broken_by(runs))
    explain(session, outcomes)
    for run in runs:
        if run.rows_deduplicated:
            repeated = f"{run.key}: {run.rows_deduplicated:,} accepted rows repeat the key of an earlier one: left out."
            session.lines([Text(), Text(line(repeated))])
        if run.error_type is not None:
            what = Text(line(f"{run.key}: {run.error_type}"), "red")
            session.lines([Text(), what, Text(clean(run.error_message or ""))])


def explain(session: Session, outcomes: Iterable[Outcome]) -> None:
    """Shows a person the rules that were broken, as many as fit on a screen or two."""
    remaining = MAX_RULES
    for one in outcomes:
        rules = one.explain() if remaining else []
        if rules is None:
            session.err.print(line(f"{one.run.key}: the quarantine is gone, or not yours to read: no row is shown."))
        for rule in (rules or [])[:remaining]:
            session.lines([Text(), *explanation(rule, one.file, session.terminal_width)])
            remaining -= 1
