"""What is in a stage's image, and what is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from harness.function import PYTHON, STAGES, docker

from .conftest import REPOSITORY, File

Files = Callable[[str], dict[str, File]]

TASK = PurePosixPath("var/task")
POLARS = 140_000_000
"""polars' library without its symbols is 132 to 139 MB, by architecture; nothing makes it smaller."""
BUDGETS = {
    "ingest": POLARS + 50_000_000,  # polars' and pandera's Python, boto3, powertools, pydantic; zstandard
    "validate": POLARS + 48_000_000,  # the same without zstandard
    "transform": POLARS + 48_000_000,
    "output": 30_000_000,  # boto3, powertools, pydantic
}
"""Bytes that a stage may add to its base."""
UNCHECKED_HASH = (1).to_bytes(4, "little")  # the flags of bytecode that is never compared with its source, PEP 552


def task_files(files: Files, stage: str) -> dict[PurePosixPath, File]:
    """The function's own files, by path below /var/task."""
    return {
        PurePosixPath(name).relative_to(TASK): file
        for name, file in files(stage).items()
        if PurePosixPath(name).is_relative_to(TASK)
    }


@pytest.mark.parametrize("stage", STAGES)
def test_an_image_keeps_to_its_budget(files: Files, stage: str, record_property: Callable[[str, object], None]) -> None:
    size = sum(file.size for file in task_files(files, stage).values())
    record_property("bytes", size)
    assert size < BUDGETS[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_an_image_holds_exactly_what_its_requirements_name(files: Files, stage: str) -> None:
    installed = {
        path.name.partition("-")[0].lower().replace("_", "-")
        for path in task_files(files, stage)
        if path.name.endswith(".dist-info") and len(path.parts) == 1
    }
    lines = (REPOSITORY / "requirements" / f"{stage}.txt").read_text().splitlines()
    assert installed == {line.partition("==")[0].lower() for line in lines if re.match(r"[\w.-]+==", line)}


@pytest.mark.parametrize("stage", STAGES)
def test_an_image_holds_no_tools_tests_caches_or_samples(files: Files, stage: str) -> None:
    own = task_files(files, stage)
    top = {path.parts[0] for path in own if path.parts}
    assert not top & {"bin", "numpy", "pandas", "pip", "pyarrow", "pytest", "samples", "setuptools", "tests", "wheel"}
    assert not [path for path in own if {"tests", "test", "samples"} & set(path.parts)]
    assert not [path for path in own if path.name in {"Dockerfile", "assemble.py", "requirements.txt", "pip.conf"}]
    package = {path.parts[1] for path in own if path.parts[:1] == ("filegate",) and len(path.parts) > 1}
    assert not package & {"cli", "local", "operations"}
    everything = files(stage)
    assert not [name for name in everything if name.startswith(("root/.cache", "function/", "tmp/", "run/secrets/"))]


@pytest.mark.parametrize("stage", STAGES)
def test_datasets_are_where_they_are_used(files: Files, stage: str) -> None:
    found = {str(path) for path in task_files(files, stage) if path.parts[:1] == ("datasets",)}
    if stage == "output":
        assert not found
    else:
        assert {"datasets/flights.py", "datasets/references/airlines.csv"} <= found
        modules = {Path(name) for name in found if name.endswith(".py")}
        assert {str(module.with_suffix(".compiled")) for module in modules} <= found


@pytest.mark.parametrize("stage", STAGES)
def test_botocore_describes_only_the_services_that_are_called(files: Files, stage: str) -> None:
    data = PurePosixPath("botocore/data")
    services = {path.name for path, file in task_files(files, stage).items() if path.parent == data and file.folder}
    assert services == {"dynamodb", "s3"}


CLIENTS = """
import boto3
for region in ("eu-central-1", "us-gov-west-1", "cn-north-1"):
    for service in ("s3", "dynamodb"):
        client = boto3.client(service, region, aws_access_key_id="a", aws_secret_access_key="b")
        model = client.meta.service_model
        print(client.meta.endpoint_url, *(each.name for each in model.client_context_parameters))
        for operation in map(model.operation_model, model.operation_names):
            shapes = (operation.input_shape, operation.output_shape, *operation.error_shapes)
            print(operation.name, dict(operation.http), [list(shape.members) for shape in shapes if shape is not None])
"""


def test_what_is_left_of_the_descriptions_makes_the_same_clients(images: dict[str, str]) -> None:
    """It is a tenth of what boto3 has here."""
    here = subprocess.run([sys.executable, "-c", CLIENTS], capture_output=True, text=True, check=True).stdout.strip()
    assert "https://dynamodb.cn-north-1.amazonaws.com.cn" in here
    assert docker("run", "--rm", "--entrypoint", PYTHON, images["output"], "-c", CLIENTS) == here


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_is_compiled_for_good(files: Files, stage: str) -> None:
    own = task_files(files, stage)
    modules = [path for path in own if path.suffix == ".py"]
    assert len(modules) > 100
    for module in modules:
        bytecode = own.get(module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc")
        assert bytecode is not None, module
        assert bytecode.head[4:8] == UNCHECKED_HASH, module


@pytest.mark.parametrize("stage", STAGES)
def test_any_user_may_read_everything(files: Files, stage: str) -> None:
    for path, file in task_files(files, stage).items():
        wanted = 0o005 if file.folder else 0o004
        assert file.mode & wanted == wanted, path


def test_stages_with_the_same_dependencies_share_their_layer(images: dict[str, str]) -> None:
    """Twice the same build makes the same bytes: no times, no order, no host leaves a trace in them."""
    (*base, validate, _), (*_, transform, _) = (
        json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", images[stage]))
        for stage in ("validate", "transform")
    )
    assert base
    assert validate == transform


def test_the_stages_hold_the_package_as_it_is_here(files: Files) -> None:
    shipped = {path for path in task_files(files, "validate") if path.parts[:1] == ("filegate",)}
    source = REPOSITORY / "src"
    left_out = {"cli", "deploy", "devcloud", "operations"}
    for module in (source / "filegate").rglob("*.py"):
        path = module.relative_to(source)
        assert (PurePosixPath(path) in shipped) is not (path.parts[1] in left_out), Path(path)
