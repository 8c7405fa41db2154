"""What became of the runs that a command started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from filegate.cli import tables
from filegate.cli.following import Followed
from filegate.cli.shared import PROBLEM, Session, report
from filegate.cli.text import clean, line
from filegate.operations.find import short
from filegate.operations.result import output_addresses, result
from filegate.runs.record import RunRecord
from filegate.runs.states import Status

if TYPE_CHECKING:
    from filegate.operations.cloud import Cloud


def answer(session: Session, cloud: Cloud, followed: Followed, *, lasting: bool = True) -> int:
    """Writes the runs' ends; returns the exit status. `lasting`: the cloud is there for further commands."""
    if session.as_json:
        session.write(*(result(run, output=output_addresses(run, cloud.store)) for run in followed.runs))
    elif followed.runs:
        _show(session, cloud, followed, lasting)
    status = tables.exit_status(followed.runs)
    if followed.stalled is not None:
        report(session, followed.stalled)
        return status or PROBLEM
    return status


def _show(session: Session, cloud: Cloud, followed: Followed, lasting: bool) -> None:
    session.show(tables.ends(followed.runs))
    if any(run.rules for run in followed.runs):
        session.show("", tables.broken_by(followed.runs))
    for run in followed.runs:
        if run.rows_deduplicated:
            repeated = f"{run.key}: {run.rows_deduplicated:,} accepted rows repeat the key of an earlier one: left out."
            session.show("", Text(line(repeated)))
        if run.superseded_by is not None:
            became = tables.superseded(run, cloud.ledger.get(run.superseded_by))
            session.show("", Text(line(f"{run.key}: {became}.")))
        if reason := why(run):
            session.show("", *reason)
    unfinished = [run for run in followed.runs if run.status != Status.SUCCEEDED]
    if unfinished and lasting:
        session.show("", Text(f"More: filegate show {short(unfinished[0].run_id)}", "dim"))


def why(run: RunRecord) -> tuple[Text, Text] | None:
    """Why nothing of a run was published; None if something was."""
    if run.error_type is None:
        return None
    return Text(line(f"{run.key}: {run.error_type}"), "red"), Text(clean(run.error_message or ""))
