"""R26: the functions' memory is what the last profile was made with, and the profile lets them have it."""

from __future__ import annotations

import pytest

from filegate.deploy import load_template
from harness.function import STAGES
from scripts.monthly_cost import ROOT
from scripts.profile_memory import MIB, measured

FUNCTIONS = load_template(ROOT / "infra/cloudformation/functions.yaml")["Resources"]


@pytest.mark.parametrize("stage", STAGES)
def test_r26_the_memory_of_a_function_is_that_of_the_profile_and_leaves_room(stage: str) -> None:
    profile = measured()
    memory = profile["in_use"][stage]
    assert FUNCTIONS[f"{stage.title()}Function"]["Properties"]["MemorySize"] == memory, "Run: make profile"
    (peak,) = (call["peak"] for call in profile["calls"] if (call["stage"], call["memory"]) == (stage, memory))
    assert 0 < peak <= 0.8 * memory * MIB
