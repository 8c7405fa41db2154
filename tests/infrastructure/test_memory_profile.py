"""R26: the functions' memory is that of the last profile, which shows enough headroom."""

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
def test_r26_a_function_s_memory_is_profiled_and_leaves_room(resources: dict[str, Any], stage: str) -> None:
    profiled = {name: (int(memory), int(filled)) for name, memory, filled in OWN.findall(PAGE.read_text())}
    memory, filled = profiled[stage]
    assert resources[f"{stage.title()}Function"]["Properties"]["MemorySize"] == memory, "make profile"
    assert filled <= 80
