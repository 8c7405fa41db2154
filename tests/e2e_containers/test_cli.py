"""The command line against LocalStack, from a shell set up as .env.example says; each command is a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.pipeline import Pipeline
from harness.stack import REPOSITORY, Stack

from .scenarios import CLEAN_FLIGHTS, FLIGHT_ROWS, FLIGHTS, MISTYPED, WRONG_HEADER

COMMAND = [sys.executable, "-c", "from filegate.cli import main; main()", "-e", "local", "--json"]
ONE_MISTYPED = CLEAN_FLIGHTS + b"".join(line for line in FLIGHTS.splitlines(keepends=True) if MISTYPED in line)
TAIL_NUMBERS, MORE_TAIL_NUMBERS = "^N[0-9A-Z]", "^[DN][0-9A-Z]"
NEEDED_TO_BUILD = (".dockerignore", "pyproject.toml", "datasets", "images", "requirements", "scripts", "src")
CONTRACT_STAGES = ("ingest", "validate", "transform")

pytestmark = pytest.mark.usefixtures("planned")  # whose retries are waited for meanwhile


@dataclass(frozen=True)
class Shell:
    """A folder of files to drop, and variables."""

    folder: Path
    variables: dict[str, str]

    def run(self, *words: object) -> tuple[int, list[dict[str, Any]]]:
        """The exit status, and the objects printed."""
        command = [*COMMAND, *map(str, words)]
        done = subprocess.run(command, cwd=REPOSITORY, env=self.variables, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def drop(self, name: str, data: bytes) -> tuple[int, dict[str, Any]]:
        (self.folder / name).write_bytes(data)
        status, (run,) = self.run("drop", self.folder / name, "--dataset", "flights")
        return status, run

    def waiting(self) -> list[str]:
        """The runs that have a message in the dead-letter queue."""
        _, messages = self.run("dlq", "list")
        return [message["run_id"] for message in messages]


@pytest.fixture(scope="module")
def shell(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FILEGATE_"))}
    return Shell(tmp_path_factory.mktemp("files"), {**kept, **example, "AWS_ENDPOINT_URL": stack.endpoint})


@pytest.fixture(scope="module")
def rejected(shell: Shell) -> dict[str, Any]:
    status, run = shell.drop("wrong_header.csv", WRONG_HEADER)
    assert (status, run["status"]) == (3, "REJECTED")
    return run


def test_a_dropped_file_is_followed_to_its_end(shell: Shell) -> None:
    status, run = shell.drop("two_days.csv", FLIGHTS)
    assert (status, run["status"]) == (0, "PARTIAL")
    assert run["rows_in"] == run["rows_accepted"] + run["rows_rejected"] == FLIGHT_ROWS


def test_runs_and_show_tell_of_it(shell: Shell, rejected: dict[str, Any]) -> None:
    status, runs = shell.run("runs", "--status", "rejected")
    assert status == 0
    assert rejected["run_id"] in {run["run_id"] for run in runs}
    status, (story,) = shell.run("show", rejected["run_id"])
    assert (status, story["status"], story["error"]["type"]) == (0, "REJECTED", "SchemaMismatch")


def test_a_replay_without_a_fix_ends_as_before(shell: Shell, rejected: dict[str, Any]) -> None:
    assert rejected["run_id"] in shell.waiting()
    status, (replay,) = shell.run("dlq", "replay", rejected["run_id"])
    assert (status, replay["status"]) == (3, "REJECTED")
    _, (story,) = shell.run("show", rejected["run_id"])
    assert story["replayed_by"] == replay["run_id"]
    waiting = shell.waiting()
    assert rejected["run_id"] not in waiting
    assert replay["run_id"] in waiting


@pytest.fixture
def fix(pipeline: Pipeline, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Deploys images whose contract takes tail numbers like the mistyped one; afterwards, the real ones again."""
    functions = {stage: pipeline.outputs[f"{stage.title()}Function"] for stage in CONTRACT_STAGES}

    def deploy(image: str) -> None:
        for stage, function in functions.items():
            pipeline.lambdas.update_function_code(FunctionName=function, ImageUri=image.format(stage))
        for function in functions.values():
            waiter = pipeline.lambdas.get_waiter("function_updated_v2")
            waiter.wait(FunctionName=function, WaiterConfig={"Delay": 0.2})

    def fix_contract() -> None:
        for name in NEEDED_TO_BUILD:
            source, target = REPOSITORY / name, tmp_path / name
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        contract = tmp_path / "datasets" / "flights.py"
        assert TAIL_NUMBERS in contract.read_text()
        contract.write_text(contract.read_text().replace(TAIL_NUMBERS, MORE_TAIL_NUMBERS))
        command = [str(tmp_path / "scripts" / "build-images.sh"), *CONTRACT_STAGES]
        named = {**os.environ, "REPOSITORY": "filegate-fixed", "TAG": "test"}
        built = subprocess.run(command, env=named, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        deploy("filegate-fixed/{}:test")

    yield fix_contract
    deploy("filegate/{}:local")


def test_a_replay_after_the_contract_was_fixed_publishes_the_rejected_row(
    shell: Shell, pipeline: Pipeline, fix: Callable[[], None]
) -> None:
    status, first = shell.drop("mistyped.csv", ONE_MISTYPED)
    assert (status, first["status"], first["rows_rejected"]) == (0, "PARTIAL", 1)
    fix()
    status, (replay,) = shell.run("dlq", "replay", first["run_id"])
    assert (status, replay["status"], replay["rows_rejected"]) == (0, "SUCCEEDED", 0)
    assert MISTYPED.decode() in pipeline.published("flights", replay["run_id"])["tailnum"].to_list()
    assert first["run_id"] not in shell.waiting()
    _, (story,) = shell.run("show", first["run_id"])
    assert story["replayed_by"] == replay["run_id"]
