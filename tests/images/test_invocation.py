"""Each image answers calls as a Lambda function: read-only, as another user than root, without any AWS to reach."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable, Iterator

import pytest

from harness.function import PYTHON, STAGES, Function, docker, event, function, variables

from .. import docker_engine
from .conftest import REPOSITORY, build


@pytest.fixture(scope="module", params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def running(images: dict[str, str], stage: str) -> Iterator[Function]:
    with function(images[stage]) as container:
        container.start()
        yield container


def test_an_unreachable_aws_is_a_transient_error(running: Function, stage: str) -> None:
    assert running.call(event(stage))["errorType"] == "Unreachable"


def another_stages_state(stage: str) -> str:
    return "ValidateState" if stage == "ingest" else "IngestState"


def test_a_state_of_another_stage_is_an_unexpected_error(running: Function, stage: str) -> None:
    answer = running.call({**event(stage), "state": another_stages_state(stage)})
    assert answer["errorType"] == "UnexpectedError"
    assert answer["errorMessage"].startswith("KeyError at function.py:")


def test_an_event_of_another_kind_is_refused(running: Function, stage: str) -> None:
    for other in ({}, {**event(stage), "state": "NoSuchState"}):
        assert running.call(other)["errorType"] == "ValidationError"


def test_log_lines_are_json_with_the_runs_names(running: Function, stage: str) -> None:
    running.call({**event(stage), "state": another_stages_state(stage)})
    started = [json.loads(line) for line in running.logs().splitlines() if line.startswith("{") and "started" in line]
    assert {(line["run_id"], line["dataset"]) for line in started} == {("r1", "flights")}


def test_the_labels_tell_where_an_image_comes_from(images: dict[str, str], stage: str, engine: str) -> None:
    (image,) = json.loads(docker("image", "inspect", images[stage]))
    labels = image["Config"]["Labels"]
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    revision = labels["org.opencontainers.image.revision"]
    known = subprocess.run(["git", "merge-base", "--is-ancestor", revision, "HEAD"], cwd=REPOSITORY, check=False)
    assert labels["org.opencontainers.image.title"] == f"filegate {stage}"
    assert labels["org.opencontainers.image.version"] == version
    assert known.returncode == 0, revision
    assert labels["org.opencontainers.image.source"]
    assert image["Architecture"] == engine
    assert image["Config"]["Cmd"] == ["handler.handle"]
    assert not [variable for variable in image["Config"]["Env"] if variable.startswith("PIP_")]


def test_how_long_the_handler_takes_to_import(
    images: dict[str, str], stage: str, record_property: Callable[[str, object], None]
) -> None:
    timed = "import time; start = time.perf_counter(); import handler; print(time.perf_counter() - start)"
    seconds = docker("run", "--rm", "--read-only", *variables(), "--entrypoint", PYTHON, images[stage], "-c", timed)
    record_property("import_seconds", float(seconds))


DATASETS = """
import sys
from pathlib import Path
from filegate.dataset.registry import Registry
print(*(type(each).__name__ for each in Registry(Path("datasets"))), "pandera" in sys.modules)
"""


@pytest.mark.parametrize("stage", ["ingest", "validate", "transform"])
def test_the_datasets_come_compiled(images: dict[str, str], stage: str) -> None:
    told = docker("run", "--rm", "--entrypoint", PYTHON, images[stage], "-c", DATASETS)
    assert told == "Declaration Declaration Declaration False"


@pytest.fixture(scope="module")
def arm64_images(engine: str) -> dict[str, str]:
    """What ships, where the engine can run it."""
    images = build("linux/arm64", "test-arm64")
    try:
        docker("run", "--rm", "--platform", "linux/arm64", "--entrypoint", "/bin/true", images["output"])
    except RuntimeError:
        docker_engine.missing(f"NOT TESTED: the arm64 images, as this {engine} engine runs none. See make enable-arm64")
    return images


def test_the_arm64_image_answers(arm64_images: dict[str, str], stage: str) -> None:
    with function(arm64_images[stage], platform="linux/arm64") as container:
        container.start()
        assert container.call({})["errorType"] == "ValidationError"
        assert container.call(event(stage))["errorType"] == "Unreachable"
    if stage == "validate":  # what the building machine compiled serves the other architecture as well
        python = ("--platform", "linux/arm64", "--entrypoint", PYTHON)
        assert docker("run", "--rm", *python, arm64_images[stage], "-c", DATASETS).endswith("Declaration False")
    architecture = docker("image", "inspect", "--format", "{{.Architecture}}", arm64_images[stage])
    assert architecture == "arm64"
