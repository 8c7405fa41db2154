"""The command line against LocalStack, from this machine, as .env.example sets it up."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from .stack import REPOSITORY, Stack, run

SAMPLES = REPOSITORY / "datasets" / "samples"
FILEGATE = str(Path(sys.executable).with_name("filegate"))


@pytest.fixture(scope="module")
def environment(stack: Stack) -> dict[str, str]:
    """What .env.example says, with this stack's port."""
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {**variables, "AWS_ENDPOINT_URL": stack.endpoint, "NO_PROXY": "127.0.0.1"}


def filegate(environment: dict[str, str], *arguments: str, check: bool = True) -> list[dict[str, Any]]:
    printed = run(FILEGATE, "--json", *arguments, environment=environment, check=check)
    return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture(scope="module")
def partial(environment: dict[str, str]) -> dict[str, Any]:
    (result,) = filegate(environment, "drop", str(SAMPLES / "flights.csv"))
    return result


def test_a_file_runs_through_the_real_images(partial: dict[str, Any]) -> None:
    assert partial["status"] == "PARTIAL"
    assert partial["rows_in"] == partial["rows_accepted"] + partial["rows_rejected"]


def test_runs_and_show_find_it(environment: dict[str, str], partial: dict[str, Any]) -> None:
    assert partial["run_id"] in {run["run_id"] for run in filegate(environment, "runs")}
    (shown,) = filegate(environment, "show", partial["run_id"])
    assert shown["run_id"] == partial["run_id"]


def test_a_rejected_file_waits_in_the_queue(environment: dict[str, str]) -> None:
    (result,) = filegate(
        environment, "drop", str(SAMPLES / "flights_wrong_header.csv"), "--dataset", "flights", check=False
    )
    assert result["status"] == "REJECTED"
    assert result["run_id"] in {letter["run_id"] for letter in filegate(environment, "dlq", "list")}
