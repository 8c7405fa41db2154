"""Tables keep their numbers whole, however narrow the terminal is."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from filegate.cli import tables
from filegate.operations.dlq import list_messages
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from tests.unit.operations.fakes import MemoryCloud


@pytest.mark.parametrize("table", [tables.ends, tables.listing])
@pytest.mark.parametrize("width", [80, 99, 100, 160])
def test_only_file_names_are_cut(table: Callable[[list[RunRecord]], tables.FittedTable], width: int) -> None:
    counts = {"rows_in": 1_234_567, "rows_accepted": 1_234_566, "rows_rejected": 1, "rows_out": 1_234_566}
    run = MemoryCloud().has("a-very-long-file-name-indeed", Status.REJECTED, **counts)
    written = io.StringIO()
    Console(width=width, file=written).print(table([run]))
    header, line = written.getvalue().splitlines()
    assert "1,234,567" in line
    assert "1,234,566" in line
    assert "REJECTED" in line
    assert "…" not in header
    assert line.count("…") <= 1
    assert header.rstrip().endswith(("where it went", "started (UTC)")) or width < 100
    assert line.rstrip().endswith("quarantine + queue") or table is tables.listing or width < 100


@pytest.mark.parametrize("width", [80, 99, 100, 160])
def test_a_running_run_s_percentage_is_whole(width: int) -> None:
    counts: dict[str, Any] = {"chunks_due": 172, "chunks_done": 171, "rows_in": 1_234_567, "rows_rejected": 1_234_567}
    run = MemoryCloud().is_under_way("a-very-long-file-name-indeed", seconds=30, **counts)
    written = io.StringIO()
    Console(width=width, file=written).print(tables.listing([run]))
    header, line = written.getvalue().splitlines()
    assert "RUNNING 99 %" in line
    assert "…" not in header
    assert line.count("…") <= 1


def test_a_long_name_hides_nothing_else_at_80_columns() -> None:
    cloud = MemoryCloud()
    run = cloud.has("x" * 180, Status.REJECTED, dataset="y" * 60, error_type="SchemaMismatch")
    cloud.message_about(run)
    (message,) = list_messages(cloud.queue)
    for table in (tables.listing([run]), tables.waiting([message], {run.run_id: run})):
        written = io.StringIO()
        Console(width=80, file=written).print(table)
        header, line = written.getvalue().splitlines()
        assert line.startswith(run.run_id[:12])
        assert "REJECTED" in line
        assert len(line) <= 80
    assert "SchemaMismatch: 3 of" in line
    assert header.split() == ["run", "object", "status", "reason"]
