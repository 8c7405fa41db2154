"""The command line on a cloud in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from filegate.cli.app import app
from tests.unit.operations.fakes import MemoryCloud

Filegate = Callable[..., Result]


@pytest.fixture
def filegate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filegate:
    """Runs a command as its words; no cloud and no datasets are anywhere near."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FILEGATE_ENVIRONMENT", "FILEGATE_DATASETS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], prog_name="filegate")

    return run


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> MemoryCloud:
    """The cloud that every command talks to."""
    made = MemoryCloud()
    for name in ("connect", "connect_if_any"):
        monkeypatch.setattr(f"filegate.cli.connection.{name}", lambda session: made.cloud)
    return made


def documents(result: Result) -> list[dict[str, Any]]:
    """What a program reads: one JSON object a line, and nothing else on standard output."""
    return [json.loads(line) for line in result.stdout.splitlines()]
