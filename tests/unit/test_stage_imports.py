"""What each function imports as it starts: its image holds no more, and its start-up time and memory follow it."""

import subprocess
import sys
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
HEAVY = {"pandera", "polars", "zstandard"}
SHOWN = "import sys, handler; print(*{name.partition('.')[0] for name in sys.modules})"


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("ingest", {"pandera", "polars"}),  # and zstandard with the first object that needs it
        ("validate", {"pandera", "polars"}),
        ("transform", {"pandera", "polars"}),
        ("output", set()),
    ],
)
def test_a_function_starts_with_what_its_stage_uses(stage: str, expected: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SHOWN], cwd=IMAGES / stage, check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) & HEAVY == expected
