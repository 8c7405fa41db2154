"""One LocalStack a session, with the project's own images built from this tree as its functions."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from harness.pipeline import Drop, Pipeline
from harness.stack import REPOSITORY, STAGES, Stack, running

from .. import docker_engine
from ..images.conftest import build
from . import scenarios

FIXTURES = Path(__file__).parents[1] / "e2e" / "fixtures"
FAULTY = Path(__file__).parent / "image" / "Dockerfile"
PARALLEL = "4"
PATIENCE = 240.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "large: takes minutes, as functions have no more of a processor than in Lambda")


@pytest.fixture(scope="session")
def images() -> None:
    """The four stages' images and LocalStack's, as this tree makes them: those that `make up` starts."""
    engine = docker_engine.architecture("the pipeline on LocalStack")
    build(f"linux/{engine}", "local")
    command = [str(REPOSITORY / "infra" / "localstack" / "build.sh"), "image"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


@pytest.fixture(scope="session")
def faulty_images(images: None) -> dict[str, str]:
    """Of each stage the real image, with planned faults in front of its handler."""
    names = {stage: f"filegate-faulty/{stage}:test" for stage in STAGES}
    for stage, name in names.items():
        options = ["--file", str(FAULTY), "--build-arg", f"STAGE={stage}", "--tag", name]
        command = ["docker", "build", "--quiet", *options, str(FIXTURES)]
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
    return names


@pytest.fixture(scope="session")
def stack(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack"), LAMBDA_IMAGES_PARALLEL=PARALLEL) as stack:
        yield stack
    assert not stack.containers()


@pytest.fixture(scope="session")
def pipeline(stack: Stack) -> Pipeline:
    """The pipeline of the session's stack, with every alert in its inbox."""
    pipeline = stack.pipeline(patience=PATIENCE)
    assert pipeline.inbox
    return pipeline


@pytest.fixture(scope="session")
def planned(pipeline: Pipeline, faulty_images: dict[str, str]) -> dict[str, Drop]:
    """The run of every scenario, started."""
    return scenarios.start(pipeline, scenarios.machines(pipeline, faulty_images))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save what the stacks tell when a test fails."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for stack in {id(v): v for v in item.funcargs.values() if isinstance(v, Stack)}.values():
            folder = stack.save_diagnostics(f"{item.path.stem}.{item.name}".replace("/", "-"))
            report.sections.append(("diagnostics", f"Logs and executions are in {folder}"))
    return report
