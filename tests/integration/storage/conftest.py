"""An embedded cloud for each module, with the pipeline's own table in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from filegate.devcloud.cloud import EmbeddedCloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud() as running:
        yield running


@pytest.fixture(scope="module")
def table(cloud: EmbeddedCloud) -> str:
    return cloud.deploy()["LedgerTable"]
