"""One embedded cloud a module, with the whole pipeline deployed to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filegate.local import EmbeddedCloud

from .pipeline import Pipeline

FIXTURES = Path(__file__).parent / "fixtures"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    """The pipeline of this module: its constants may name other `DATASETS` and `IMAGES` than the project's own."""
    datasets = getattr(request.module, "DATASETS", REPOSITORY / "datasets")
    images = getattr(request.module, "IMAGES", REPOSITORY / "images")
    with EmbeddedCloud(datasets=datasets, images=images) as cloud:
        yield Pipeline(cloud.session(), cloud.deploy())
