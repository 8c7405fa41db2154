"""The state machine's transitions, which are all to be taken by tests: those of a fan-out by tests of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from filegate.deploy import load_definition
from harness.pipeline import Execution

DEFINITION = Path(__file__).parents[2] / "infra" / "statemachine" / "pipeline.asl.yaml"
STATES: dict[str, Any] = load_definition(DEFINITION)["States"]
MAPS = {name for name, state in STATES.items() if state["Type"] == "Map"}
FAN_OUT = MAPS | {STATES[name]["Next"] for name in MAPS}
"""The states that only large objects come to: the maps, and those that bring their ranges together."""

Transition = tuple[str, str]


def declared(*, fan_out: bool) -> set[Transition]:
    """Each pair of a state and one that may follow it: those with a state of a fan-out, or those without."""
    return {pair for name in STATES for pair in _following(name) if bool(FAN_OUT & set(pair)) is fan_out}


def taken(executions: Iterable[Execution], *, fan_out: bool) -> set[Transition]:
    """Those that the executions took."""
    pairs = {pair for one in executions for pair in pairwise(state for state in one.states if state in STATES)}
    return {pair for pair in pairs if bool(FAN_OUT & set(pair)) is fan_out}


def _following(name: str) -> Iterator[Transition]:
    state = STATES[name]
    for target in (
        state.get("Next"),
        state.get("Default"),
        *(choice["Next"] for choice in state.get("Choices", [])),
        *(catcher["Next"] for catcher in state.get("Catch", [])),
    ):
        if target is not None:
            yield name, target
