"""One embedded cloud a module, with throwaway functions and a throwaway state machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filegate.devcloud.cloud import EmbeddedCloud

FIXTURES = Path(__file__).parent / "fixtures"
TEMPLATES = Path(__file__).parents[3] / "infra" / "cloudformation"


@pytest.fixture(scope="session")
def images() -> Path:
    return FIXTURES / "images"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real templates around the throwaway state machine."""
    root = tmp_path_factory.mktemp("infra")
    shutil.copytree(TEMPLATES, root / "cloudformation")
    shutil.copytree(FIXTURES / "statemachine", root / "statemachine")
    return root / "cloudformation" / "main.yaml"


@pytest.fixture(scope="module")
def cloud(images: Path) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(images=images) as running:
        yield running


@pytest.fixture(scope="module")
def outputs(cloud: EmbeddedCloud, template: Path) -> dict[str, str]:
    return cloud.deploy(template=template)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Calls a function until it returns something true; fails after some minutes, however busy the machine is."""

    def wait(probe: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 300
        while not (found := probe()):
            assert time.monotonic() < deadline, "nothing came within five minutes"
            time.sleep(0.05)
        return found

    return wait
