"""Progress of running runs on a terminal, one line each."""

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
"""How often a run's progress is logged where no terminal can redraw lines."""


@dataclass
class RunLine:
    """One file, or one replay."""

    name: str
    bytes: int = 0
    sent: int = 0
    run: RunRecord | None = None
    logged_at: datetime = field(default_factory=now)


class RunLines:
    """The lines, by number; those of runs are found by run id once they are known.

    Args:
        log: where the progress of long runs is logged; None if the lines themselves are shown, or nothing.
    """

    def __init__(self, log: Console | None = None) -> None:
        self._log = log
        self._lines: list[RunLine] = []
        self._of_run: dict[str, RunLine] = {}
        self._spinner = Spinner("dots", style="cyan")

    def add(self, name: str, size: int = 0) -> RunLine:
        """One more line; `size` is the number of bytes to upload."""
        line = RunLine(name, bytes=size)
        self._lines.append(line)
        return line

    def delivered(self, line: RunLine, run_id: str) -> None:
        line.sent = line.bytes
        self._of_run[run_id] = line

    def update(self, run: RunRecord) -> None:
        line = self._of_run[run.run_id]
        line.run = run
        if self._log is not None:
            self._log_progress(line, run, self._log)

    def _log_progress(self, line: RunLine, run: RunRecord, log: Console) -> None:
        at, found = now(), progress_of(run)
        if found is not None and at - line.logged_at >= LOG_EVERY:
            facts = filter(None, [found.state, text.percent(found), text.how_far(found, at)])
            log.print(Text(f"{text.line(line.name)}: {' · '.join(facts)}"), soft_wrap=True)
            line.logged_at = at

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for line in self._lines:
            done = line.run is not None and line.run.status != Status.RUNNING
            mark = Text(MARKS[line.run.status], text.STYLES[line.run.status]) if done and line.run else self._spinner
            table.add_row(mark, Text(text.line(line.name)), _doing(line), _done(line.run))
        return table


def _doing(line: RunLine) -> Text:
    if line.run is None:
        if line.sent < line.bytes:
            return Text(f"uploading {line.sent / line.bytes:.0%}", "dim")
        return Text("waiting for its run", "dim")
    if line.run.status == Status.RUNNING:
        again = f", restart {line.run.retries}" if line.run.retries else ""
        return Text(text.line(f"{line.run.state}{again}"), "cyan")
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
