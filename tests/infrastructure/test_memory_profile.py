"""R26: the functions' memory is what the last profile was made with, and the profile lets them have it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "memory.md"
STAGES = ("ingest", "validate", "transform", "output")
# The row of the size in use: stage, **MiB**, share, seconds, processor seconds, MB kept, share of the memory.
OWN = re.compile(r"^\| (\w+) \| \*\*(\d+)\*\* \| \d+% \| [\d.]+ \| [\d.]+ \| \d+ \| (\d+)% \|", re.MULTILINE)


@pytest.mark.parametrize("stage", STAGES)
def test_r26_the_memory_of_a_function_is_that_of_the_profile_and_leaves_room(
    resources: dict[str, Any], stage: str
) -> None:
    profiled = {name: (int(memory), int(filled)) for name, memory, filled in OWN.findall(PAGE.read_text())}
    memory, filled = profiled[stage]
    assert resources[f"{stage.title()}Function"]["Properties"]["MemorySize"] == memory, "make profile"
    assert filled <= 80
