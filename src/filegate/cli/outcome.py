"""The outcome of the runs that a command started."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from filegate import operations
from filegate.cli import tables
from filegate.cli.explanation import explanation
from filegate.cli.following import Followed
from filegate.cli.shared import PROBLEM, Session, report
from filegate.cli.text import clean, counted, line
from filegate.errors import AccessDenied, ObjectGone
from filegate.operations.collect import collect
from filegate.operations.find import short
from filegate.operations.result import output_addresses, result
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from filegate.storage.objects import ObjectStore

if TYPE_CHECKING:
    from filegate.operations.cloud import Cloud
    from filegate.operations.explain import Explanation


MAX_RULES = 6
"""How many rules are explained to a person; a table has them all."""


def answer(session: Session, cloud: Cloud, followed: Followed, *, lasting: bool = True) -> int:
    """Writes what became of runs; returns the exit status. `lasting`: the cloud is there for further commands."""
    write_outcomes(session, outcomes_of(followed, cloud.store))
    if not session.as_json:
        _show_succession(session, cloud, followed.runs)
        unfinished = [run for run in followed.runs if run.status != Status.SUCCEEDED]
        if unfinished and lasting:
            session.show("", Text(f"More: filegate show {short(unfinished[0].run_id)}", "dim"))
    status = tables.exit_status(followed.runs)
    if followed.stalled is not None:
        report(session, followed.stalled)
        return status or PROBLEM
    return status


@dataclass(frozen=True)
class Outcome:
    """A run that has ended.

    Attributes:
        run: as the ledger has it.
        store: holds its output.
        file: the local file that was delivered, if any.
    """

    run: RunRecord
    store: ObjectStore
    file: Path | None = None

    def explain(self) -> list[Explanation]:
        """What it rejected; nothing where the quarantine is gone, or this user may not read it."""
        try:
            return operations.explain.explain(self.run, self.store, self.file) if self.run.rules else []
        except (AccessDenied, ObjectGone):
            return []


def outcomes_of(followed: Followed, store: ObjectStore) -> list[Outcome]:
    return [Outcome(run, store, followed.files.get(run.run_id)) for run in followed.runs]


def keep(session: Session, outcomes: Iterable[Outcome], folder: Path) -> None:
    """Copies the published files and the quarantine of runs into a local folder."""
    with session.waiting("Fetching the output …"):
        made = [collect(one.run, one.store, folder) for one in outcomes]
    output, quarantine = sum(len(one.output) for one in made), sum(len(one.quarantine) for one in made)
    there = f"{counted(output, 'published file')} and {quarantine:,} of quarantine are in {line(str(folder))}."
    session.err.print(there, end="\n\n")


def write_outcomes(session: Session, outcomes: Sequence[Outcome], *, in_cloud: bool = True) -> None:
    """A table of the runs, the rules that were broken, and why nothing was published; or a document a run.

    Args:
        session: of the command.
        outcomes: of runs that have ended.
        in_cloud: whether a cloud has what they became, to be named.
    """
    if session.as_json:
        for one in outcomes:
            document = result(one.run, output=output_addresses(one.run, one.store))
            document["file"] = None if one.file is None else str(one.file)
            session.write({**document, "explanation": [rule.to_json() for rule in one.explain()]})
        return
    if not outcomes:
        return
    runs = [one.run for one in outcomes]
    session.show(tables.ends(runs, places=in_cloud))
    if sum(len(run.rules) for run in runs) > MAX_RULES:
        session.show("", tables.broken_by(runs))
    explain(session, outcomes)
    for run in runs:
        if run.rows_deduplicated:
            repeated = f"{run.key}: {run.rows_deduplicated:,} accepted rows repeat the key of an earlier one: left out."
            session.lines([Text(), Text(line(repeated))])
        if reason := why(run):
            session.lines([Text(), *reason])


def explain(session: Session, outcomes: Iterable[Outcome]) -> None:
    """Shows a person the rules that were broken, as many as fit on a screen or two."""
    explained = ((one.file, rule) for one in outcomes for rule in one.explain())
    for file, rule in itertools.islice(explained, MAX_RULES):
        session.lines([Text(), *explanation(rule, file, session.terminal_width)])


def _show_succession(session: Session, cloud: Cloud, runs: Sequence[RunRecord]) -> None:
    for run in runs:
        if run.superseded_by is not None:
            became = tables.superseded(run, cloud.ledger.get(run.superseded_by))
            session.lines([Text(), Text(line(f"{run.key}: {became}."))])


def why(run: RunRecord) -> tuple[Text, Text] | None:
    """Why nothing of a run was published; None if something was."""
    if run.error_type is None:
        return None
    return Text(line(f"{run.key}: {run.error_type}"), "red"), Text(clean(run.error_message or ""))
