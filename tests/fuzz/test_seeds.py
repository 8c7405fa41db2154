"""The seeds of the fuzz targets, and what these have found, are tried wherever the tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SEEDS = sorted(Path(__file__).parent.glob("seeds/*/*"))


@pytest.mark.parametrize("seed", SEEDS, ids=[f"{seed.parent.name}/{seed.name}" for seed in SEEDS])
def test_a_seed_is_read_by_the_laws(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds() -> None:
    assert {seed.parent.name for seed in SEEDS} == TARGETS.keys()
