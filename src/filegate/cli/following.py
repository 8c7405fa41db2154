"""Deliver files and follow runs, with their progress on a terminal, one line each, and answer what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from filegate.cli import tables, text
from filegate.cli.outcome import Outcome, write_outcomes
from filegate.cli.shared import PROBLEM, Session, report
from filegate.operations.deliver import check_starts_runs, deliver
from filegate.operations.follow import Follower, RunStalled
from filegate.operations.progress import progress_of
from filegate.runs.clock import now
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.runs.states import Status

if TYPE_CHECKING:
    from filegate.operations.cloud import Cloud

MARKS = {Status.SUCCEEDED: "✓", Status.PARTIAL: "✓", Status.REJECTED: "✗", Status.FAILED: "✗"}
BAR = 12  # columns
LOG_EVERY = timedelta(minutes=1)
"""How often a run's progress is logged where no terminal can redraw lines."""


@dataclass(frozen=True)
class Followed:
    """The runs that appeared in the ledger, in the order they were started in; all have ended unless `stalled`."""

    outcomes: list[Outcome]
    stalled: RunStalled | None = None

    @property
    def runs(self) -> list[RunRecord]:
        return [one.run for one in self.outcomes]


def deliver_all(session: Session, cloud: Cloud, files: Sequence[tuple[Path, str]]) -> Followed:
    """Delivers files, each to its dataset, and follows their runs to the end.

    Raises:
        WrongUse: one would start no run; nothing is delivered.
    """
    check_starts_runs(files, cloud.outputs.ignored_keys)
    follower = Follower(cloud.ledger, cloud.store)
    with watched(session.err, quiet=session.as_json) as lines:
        waiting = [(lines.add(file.name, file), file, dataset) for file, dataset in files]
        for line, file, dataset in waiting:
            run_id = deliver(file, dataset, bucket=cloud.outputs.raw_bucket, upload=cloud.upload, on_sent=line.add_sent)
            lines.delivered(line, run_id)
            follower.add(run_id, file.name)
            lines.update(follower.poll())
        return _follow(follower, cloud, lines)


def follow_all(session: Session, cloud: Cloud, runs: Iterable[tuple[str, str]]) -> Followed:
    """Follows runs, given by id and name, to their end."""
    follower = Follower(cloud.ledger, cloud.store)
    with watched(session.err, quiet=session.as_json) as lines:
        for run_id, name in runs:
            lines.delivered(lines.add(name), run_id)
            follower.add(run_id, name)
        return _follow(follower, cloud, lines)


def _follow(follower: Follower, cloud: Cloud, lines: RunLines) -> Followed:
    stalled = None
    try:
        lines.update(follower.changes())
    except RunStalled as error:
        stalled = error
    return Followed([Outcome(line.run, cloud.store, line.file) for line in lines if line.run is not None], stalled)


def answer(session: Session, cloud: Cloud, followed: Followed, *, lasting: bool = True) -> int:
    """Writes what became of runs; returns the exit status. `lasting`: the cloud is there for further commands."""
    write_outcomes(session, followed.outcomes)
    if not session.as_json:
        for run in followed.runs:
            if run.superseded_by is not None:
                became = tables.superseded(run, cloud.ledger.get(run.superseded_by))
                session.lines([Text(), Text(text.line(f"{run.key}: {became}."))])
        unfinished = [run for run in followed.runs if run.status != Status.SUCCEEDED]
        if unfinished and lasting:
            session.show("", Text(f"More: filegate show {short(unfinished[0].run_id)}", "dim"))
    status = tables.exit_status(followed.runs)
    if followed.stalled is not None:
        report(session, followed.stalled)
        return status or PROBLEM
    return status


@dataclass
class RunLine:
    """One file, or one replay."""

    name: str
    file: Path | None = None
    bytes: int = 0
    sent: int = 0
    run: RunRecord | None = None
    logged_at: datetime = field(default_factory=now)

    def add_sent(self, count: int) -> None:
        self.sent += count


class RunLines:
    """The lines in the order they were added. If they are not shown, progress of long runs is written to a `log`."""

    def __init__(self, log: Console | None = None) -> None:
        self._log = log
        self._lines: list[RunLine] = []
        self._of_run: dict[str, RunLine] = {}
        self._spinner = Spinner("dots", style="cyan")

    def __iter__(self) -> Iterator[RunLine]:
        return iter(self._lines)

    def add(self, name: str, file: Path | None = None) -> RunLine:
        """One more line; `file` is to be uploaded."""
        line = RunLine(name, file, 0 if file is None else file.stat().st_size)
        self._lines.append(line)
        return line

    def delivered(self, line: RunLine, run_id: str) -> None:
        line.sent = line.bytes
        self._of_run[run_id] = line

    def update(self, changed: Iterable[RunRecord]) -> None:
        for run in changed:
            line = self._of_run[run.run_id]
            line.run = run
            at, found = now(), progress_of(run)
            if self._log is not None and found is not None and at - line.logged_at >= LOG_EVERY:
                facts = filter(None, [found.state, text.percent(found), text.how_far(found, at)])
                self._log.print(Text(f"{text.line(line.name)}: {' · '.join(facts)}"), soft_wrap=True)
                line.logged_at = at

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for line in self._lines:
            status = Status.RUNNING if line.run is None else line.run.status
            mark = self._spinner if status == Status.RUNNING else Text(MARKS[status], text.STYLES[status])
            table.add_row(mark, Text(text.line(line.name)), _doing(line), _done(line.run))
        return table


def _doing(line: RunLine) -> Text:
    if line.run is None:
        if line.sent < line.bytes:
            return Text(f"uploading {line.sent / line.bytes:.0%}", "dim")
        return Text("waiting for its run", "dim")
    if line.run.status == Status.RUNNING:
        restart = f", restart {line.run.retries}" if line.run.retries else ""
        return Text(text.line(f"{line.run.state}{restart}"), "cyan")
    return text.status(line.run.status)


def _done(run: RunRecord | None) -> RenderableType:
    """The progress of a long run; the number of rows of any other."""
    if run is None:
        return ""
    found = progress_of(run)
    if found is None:
        return Text(text.counted(run.rows_in, "row") if run.rows_in else "", "dim")
    facts = Text(text.how_far(found, now()), "dim", no_wrap=True, overflow="ellipsis")
    if found.chunks is None:
        return facts
    both = Table.grid(padding=(0, 2, 0, 0))
    both.add_row(ProgressBar(found.chunks, found.chunks_done, BAR, complete_style="cyan", finished_style="cyan"), facts)
    return both


@contextmanager
def watched(console: Console, *, quiet: bool) -> Iterator[RunLines]:
    """Shows progress during the block: in lines that are redrawn if the console is a terminal, else in a log.

    Nothing is shown if `quiet`.
    """
    if quiet or not console.is_terminal:
        yield RunLines(None if quiet else console)
        return
    lines = RunLines()
    with Live(lines, console=console, transient=True, refresh_per_second=10):
        yield lines
