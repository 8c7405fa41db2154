"""Runs on their way, a line each, while somebody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from filegate.cli import text
from filegate.operations.progress import progress_of
from filegate.runs.clock import now
from filegate.runs.record import RunRecord
from filegate.runs.states import Status

MARKS = {
    Status.SUCCEEDED: "✓",
    Status.PARTIAL: "✓",
    Status.REJECTED: "✗",
    Status.FAILED: "✗",
}
BAR = 12  # columns
LOG_EVERY = timedelta(minutes=1)
"""Where no terminal can draw a line anew, so often a run says how far it is."""


@dataclass
class Line:
    """One file, or one replay."""

    name: str
    bytes: int = 0
    sent: int = 0
    run: RunRecord | None = None
    said_at: datetime = field(default_factory=now)


class Progress:
    """The lines, by number; those of runs are found by run id once they are known.

    Args:
        log: where long runs now and then say how far they are; None where the lines themselves are shown, or nothing.
    """

    def __init__(self, log: Console | None = None) -> None:
        self._log = log
        self._lines: list[Line] = []
        self._of_run: dict[str, Line] = {}
        self._spinner = Spinner("dots", style="cyan")

    def add(self, name: str, size: int = 0) -> Line:
        """One more line; `size` is the number of bytes to upload."""
        line = Line(name, bytes=size)
        self._lines.append(line)
        return line

    def delivered(self, line: Line, run_id: str) -> None:
        line.sent = line.bytes
        self._of_run[run_id] = line

    def update(self, run: RunRecord) -> None:
        line = self._of_run[run.run_id]
        line.run = run
        if self._log is not None:
            self._say(line, run, self._log)

    def _say(self, line: Line, run: RunRecord, log: Console) -> None:
        at, found = now(), progress_of(run)
        if found is not None and at - line.said_at >= LOG_EVERY:
            facts = filter(None, [found.state, text.percent(found), text.how_far(found, at)])
            log.print(Text(f"{text.line(line.name)}: {' · '.join(facts)}"), soft_wrap=True)
            line.said_at = at

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for line in self._lines:
            done = line.run is not None and line.run.status != Status.RUNNING
            mark = Text(MARKS[line.run.status], text.STYLES[line.run.status]) if done and line.run else self._spinner
            table.add_row(mark, Text(text.line(line.name)), _doing(line), _done(line.run))
        return table


def _doing(line: Line) -> Text:
    if line.run is None:
        if line.sent < line.bytes:
            return Text(f"uploading {line.sent / line.bytes:.0%}", "dim")
        return Text("waiting for its run", "dim")
    if line.run.status == Status.RUNNING:
        again = f", restart {line.run.retries}" if line.run.retries else ""
        return Text(text.line(f"{line.run.state}{again}"), "cyan")
    return text.status(line.run.status)


def _done(run: RunRecord | None) -> RenderableType:
    """How far a run is that takes long; of any other one, how many rows it has."""
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
def watched(console: Console, *, quiet: bool) -> Iterator[Progress]:
    """Shows the progress for the time of the block: in lines that are drawn anew, if the console is a terminal.

    Nothing is shown if `quiet`.
    """
    if quiet or not console.is_terminal:
        yield Progress(None if quiet else console)
        return
    progress = Progress()
    with Live(progress, console=console, transient=True, refresh_per_second=10):
        yield progress
