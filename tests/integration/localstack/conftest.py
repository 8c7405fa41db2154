"""One stack a session, with the pipeline deployed and a probe function beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ... import docker_engine
from .stack import Stack, run, running

PROBE = Path(__file__).parent / "probe"
IMAGES = ("filegate/localstack:local", *(f"filegate/{s}:local" for s in ("ingest", "validate", "transform", "output")))


@pytest.fixture(scope="session")
def images() -> None:
    """The images of `make up`."""
    docker_engine.architecture("the pipeline on LocalStack")
    absent = [image for image in IMAGES if not run("docker", "images", "--quiet", image)]
    if absent:
        docker_engine.missing(
            f"NOT TESTED: the pipeline on LocalStack, for want of {', '.join(absent)}. Build them: make up"
        )


@pytest.fixture(scope="session")
def probe_image(images: None) -> str:
    name = "filegate-probe:test"
    run("docker", "build", "--tag", name, str(PROBE), environment={"DOCKER_BUILDKIT": "1"})
    return name


@pytest.fixture(scope="session")
def stack(images: None) -> Iterator[Stack]:
    """With Lambda's shares of a processor, and three invocations at the same time."""
    stack = Stack({"LAMBDA_IMAGES_CPU_SHARE": "1", "LAMBDA_IMAGES_PARALLEL": "3"})
    with running(stack):
        yield stack
    assert not stack.left()


@pytest.fixture(scope="session")
def create(stack: Stack, probe_image: str) -> Callable[..., str]:
    """Creates a function, of the probe's image by default, and returns its name."""

    def create(name: str, **settings: Any) -> str:
        client = stack.client("lambda")
        defaults = {
            "FunctionName": name,
            "PackageType": "Image",
            "Code": {"ImageUri": probe_image},
            "Role": "arn:aws:iam::000000000000:role/any",
            "MemorySize": 256,
            "Timeout": 30,
        }
        client.create_function(**{**defaults, **settings})
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
        return name

    return create


@pytest.fixture(scope="session")
def probe(create: Callable[..., str]) -> str:
    """A function that tests may share."""
    return create("probe", Environment={"Variables": {"COLOUR": "blue"}})
