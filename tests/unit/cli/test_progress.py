"""The lines of runs on their way: long runs report how far they are, and no line ever breaks."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from filegate.cli import following
from filegate.cli.following import LOG_EVERY, RunLines, watched
from filegate.runs.clock import now
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from tests.unit.operations.fakes import MemoryCloud


def a_run(**facts: object) -> RunRecord:
    """Half a minute into its validation."""
    since = now().replace(microsecond=0) - timedelta(seconds=31)
    counts: dict[str, Any] = {"chunks_done": 43, "chunks_due": 172, "rows_done": 2_100_000, **facts}
    return MemoryCloud().is_under_way("january", since=since, seconds=30, **counts)


def terminal(width: int = 120) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", legacy_windows=False)


def drawn(run: RunRecord, width: int = 120) -> str:
    lines = RunLines()
    lines.delivered(lines.add("january.csv"), run.run_id)
    lines.update([run])
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(lines)
    return captured.get()


def test_a_long_run_reports_how_far_it_is() -> None:
    line = drawn(a_run())
    assert "january.csv  ValidateState  ━━━ " in line
    assert line.rstrip().endswith("43 of 172 chunks · about 90 s left · 2.1 M rows · 70 k rows/s")


def test_the_bar_is_as_long_as_what_is_done_and_no_longer() -> None:
    assert drawn(a_run(chunks_done=172)).count("━") == following.BAR
    assert drawn(a_run(chunks_done=188)).count("━") == following.BAR
    assert "172 of 172 chunks" in drawn(a_run(chunks_done=188))


def test_ingest_does_not_know_how_many_there_will_be() -> None:
    line = drawn(a_run(state="IngestState", chunks_due=0, chunks_done=512))
    assert "IngestState  512 chunks so far · 2.1 M rows · 70 k rows/s" in line
    assert "━" not in line


def test_a_small_file_shows_nothing_of_it() -> None:
    line = drawn(a_run(chunks_done=0, rows_done=0, rows_in=7))
    assert line.rstrip().endswith("january.csv  ValidateState  7 rows")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_line_is_one_line(width: int) -> None:
    assert drawn(a_run(), width).count("\n") == 1
    assert "43 of 172 chunks · about 90 s left" in drawn(a_run(), max(80, width))


def test_a_terminal_gets_lines_that_are_drawn_anew() -> None:
    console = terminal()
    run = a_run()
    with watched(console, quiet=False) as lines:
        lines.delivered(lines.add("january.csv"), run.run_id)
        lines.update([run])
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "43 of 172 chunks" in written
    assert "\x1b[2K" in written  # and nothing of it stays


class Times:
    """A clock that is put forward."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> object:
        return self.at


@pytest.mark.parametrize("quiet", [False, True])
def test_where_there_is_no_terminal_a_line_is_written_now_and_then(
    monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    times = Times()
    monkeypatch.setattr(following, "now", times)
    monkeypatch.setattr(following.RunLine.__dataclass_fields__["logged_at"], "default_factory", times)
    console = Console(file=io.StringIO(), width=200)
    small = MemoryCloud().has("small", Status.RUNNING, state="ValidateState")
    with watched(console, quiet=quiet) as lines:
        for run in (small, a_run()):
            line = lines.add(run.key)
            line.logged_at = times.at
            lines.delivered(line, run.run_id)
        for minute in range(5):
            times.at += LOG_EVERY / 2
            lines.update([small])
            lines.update([a_run(chunks_done=43 + minute)])
    written = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line[:63] for line in written] == (
        []
        if quiet
        else [
            "flights/january.csv: ValidateState · 25 % · 44 of 172 chunks · ",
            "flights/january.csv: ValidateState · 26 % · 46 of 172 chunks · ",
        ]
    )
