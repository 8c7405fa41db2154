"""One embedded cloud a module, with the whole pipeline deployed to it and every policy enforced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filegate.devcloud.cloud import EmbeddedCloud
from harness.pipeline import Pipeline
from harness.proxy import RecordingProxy, policies_enforced

FIXTURES = Path(__file__).parent / "fixtures"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def proxy() -> Iterator[RecordingProxy]:
    """What the functions of this module's cloud call."""
    proxy = RecordingProxy()
    with proxy.watched():
        yield proxy


@pytest.fixture(scope="module")
def datasets(request: pytest.FixtureRequest) -> Path:
    """The folder of this module's `DATASETS`, or else the project's own."""
    return Path(getattr(request.module, "DATASETS", REPOSITORY / "datasets"))


@pytest.fixture(scope="module")
def pipeline(request: pytest.FixtureRequest, proxy: RecordingProxy, datasets: Path) -> Iterator[Pipeline]:
    """The pipeline of this module: its constants may name other `IMAGES` than the project's own, and `PARAMETERS`.

    The functions may do what the templates grant them, and nothing else.
    """
    images = getattr(request.module, "IMAGES", REPOSITORY / "images")
    with EmbeddedCloud(datasets=datasets, images=images) as cloud:
        outputs = cloud.deploy(getattr(request.module, "PARAMETERS", {}))
        with policies_enforced():
            yield Pipeline(cloud.session(), outputs)
