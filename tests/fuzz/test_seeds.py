"""The seeds of the fuzz targets, and what these have found, are tried wherever the tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SEEDS = sorted(Path(__file__).parent.glob("seeds/*/*"))
GUESSED = pytest.mark.xfail(strict=True, reason="undeclared, it is taken for Windows-1252")
MARKS = {("encoding", name): GUESSED for name in ("cesu", "cp1250", "cut", "koi8", "shift_jis")}


MARKS[("parquet", "announces-37-gb")] = pytest.mark.xfail(run=False, reason="polars believes a footer")


def _param(seed: Path):
    name = (seed.parent.name, seed.name)
    return pytest.param(seed, id="/".join(name), marks=MARKS.get(name, ()))


@pytest.mark.parametrize("seed", [_param(seed) for seed in SEEDS])
def test_a_seed_is_read_by_the_laws(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds() -> None:
    assert {seed.parent.name for seed in SEEDS} == TARGETS.keys()
