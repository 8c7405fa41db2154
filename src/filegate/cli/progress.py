"""Runs on their way, a line each, while somebody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from filegate.cli import text
from filegate.runs import RunRecord, Status

MARKS = {
    Status.SUCCEEDED: "✓",
    Status.PARTIAL: "✓",
    Status.REJECTED: "✗",
    Status.FAILED: "✗",
}


@dataclass
class Line:
    """One file, or one replay."""

    name: str
    bytes: int = 0
    sent: int = 0
    run: RunRecord | None = None


class Progress:
    """The lines, by number; those of runs are found by run id once they are known."""

    def __init__(self) -> None:
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
        self._of_run[run.run_id].run = run

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for line in self._lines:
            done = line.run is not None and line.run.status != Status.RUNNING
            mark = Text(MARKS[line.run.status], text.STYLES[line.run.status]) if done and line.run else self._spinner
            table.add_row(mark, Text(text.line(line.name)), _doing(line), _rows(line.run))
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


def _rows(run: RunRecord | None) -> Text:
    return Text(text.counted(run.rows_in, "row") if run is not None and run.rows_in else "", "dim")


@contextmanager
def watched(console: Console, *, quiet: bool) -> Iterator[Progress]:
    """Shows the progress for the time of the block; nothing if `quiet`, or if the console is no terminal."""
    progress = Progress()
    if quiet or not console.is_terminal:
        yield progress
        return
    with Live(progress, console=console, transient=True, refresh_per_second=10):
        yield progress
