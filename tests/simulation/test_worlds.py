"""Worlds in which requests, answers and processes get lost until the commit; and that the laws notice what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from filegate.dataset.registry import Registry
from filegate.runs.address import Address

from .laws import broken_laws
from .world import Plan, World, plan

WORLDS = int(os.environ.get("FILEGATE_WORLDS", "500"))
BATCH = 25
GOOD, BAD = b"id,country\n1,DE\n2,FR\n", b"id,country\n1,DE\n2,XX\n"


def lived(seed: int, registry: Registry, given: Plan | None = None) -> World:
    chance = Random(seed)
    world = World(given or plan(chance), chance, registry)
    world.live()
    return world


@pytest.mark.parametrize("first", range(0, WORLDS, BATCH))
def test_no_law_is_broken(first: int, registry: Registry) -> None:
    broken = {seed: laws for seed in range(first, first + BATCH) if (laws := list(broken_laws(lived(seed, registry))))}
    assert not broken, "each world can be lived again by its seed"


def test_the_same_seed_gives_the_same_world(registry: Registry) -> None:
    one, other = (lived(11, registry) for _ in range(2))
    assert [execution.states for execution in one.machine.executions] == [
        execution.states for execution in other.machine.executions
    ]
    assert one.scheduler.seconds == other.scheduler.seconds > 0


def test_faults_are_met(registry: Registry) -> None:
    worlds = [lived(seed, registry) for seed in range(40)]
    assert sum(len(world.faults) for world in worlds) > 40
    states = [execution.states for world in worlds for execution in world.machine.executions]
    assert any(entered.count("IngestState") > 1 for entered in states), "a restart"
    assert any("ValidateRange" in entered for entered in states), "a fan-out"


def _unpublish(world: World) -> None:
    world.objects.delete("processed", list(world.objects.list("processed", "rows/_manifests/")))


def _publish_again(world: World) -> None:
    (key,) = world.objects.list("processed", "rows/_manifests/")
    world.objects.copy(Address("processed", key), Address("processed", f"{key.removesuffix('.json')}-again.json"))


def _empty_the_quarantine(world: World) -> None:
    world.objects.delete("quarantine", list(world.objects.list("quarantine", "rows/")))


def _lose_the_message(world: World) -> None:
    world.mail.messages.clear()


@pytest.mark.parametrize("damage", [_unpublish, _publish_again, _empty_the_quarantine, _lose_the_message])
def test_the_laws_notice(damage: Callable[[World], None], registry: Registry) -> None:
    world = lived(1, registry, Plan("rows", spread=False, files=(BAD,), starts=((0, 0.0),)))
    assert not list(broken_laws(world))
    damage(world)
    assert list(broken_laws(world))
