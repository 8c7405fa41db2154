"""What each function does as it starts: its image holds no more than it imports, and its start-up time follows it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.function import ENVIRONMENT, STAGES

IMAGES = Path(__file__).parents[2] / "images"
HEAVY = {"pandera", "polars", "zstandard"}
SHOWN = "import sys, handler; print(*{name.partition('.')[0] for name in sys.modules})"
BEFORE_POLARS = """
import os, sys
import handler
import polars
names = list(sys.modules)
print(names.index("filegate.aws_lambda.allocator") < names.index("polars"), os.environ["_RJEM_MALLOC_CONF"])
"""
COLLECTED = """
import gc
import handler
print(gc.get_stats()[2]["collections"], gc.isenabled(), gc.get_freeze_count() > 50_000)
"""
CLIENTS = """
import botocore.client
made = []
create = botocore.client.ClientCreator.create_client
def recorded(*args, service_name, **named):
    made.append(service_name)
    return create(*args, service_name=service_name, **named)
botocore.client.ClientCreator.create_client = recorded
import handler
print(*made)
"""


def printed(stage: str, program: str, **environment: str) -> str:
    """What a program prints in a process that starts as the stage's function does."""
    variables = {**os.environ, **ENVIRONMENT, **environment}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=IMAGES / stage, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("ingest", {"polars"}),  # and zstandard with the first object that needs it
        ("validate", {"polars"}),
        ("transform", {"pandera", "polars"}),  # as the datasets' modules do
        ("output", set()),
    ],
)
def test_a_function_starts_with_what_its_stage_uses(stage: str, expected: set[str]) -> None:
    assert set(printed(stage, SHOWN).split()) & HEAVY == expected


@pytest.mark.parametrize("stage", STAGES)
def test_the_allocator_has_its_settings_before_polars_asks_for_them(stage: str) -> None:
    before, settings = printed(stage, BEFORE_POLARS, _RJEM_MALLOC_CONF="narenas:7").split()
    assert before == "True"
    assert "narenas:1," in settings
    assert "narenas:7" not in settings


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_looks_for_garbage_in_what_a_function_starts_with(stage: str) -> None:
    assert printed(stage, COLLECTED) == "0 True True"


@pytest.mark.parametrize("stage", STAGES)
def test_a_function_makes_the_clients_that_it_needs_as_it_starts(stage: str) -> None:
    assert printed(stage, CLIENTS) == "s3 dynamodb"
