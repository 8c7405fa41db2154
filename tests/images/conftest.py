"""The stages' images, built once a session, where a Docker engine answers."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from harness.function import STAGES, docker

from .. import docker_engine

REPOSITORY = Path(__file__).parents[2]
TAG = "test"


@pytest.fixture(scope="session")
def engine() -> str:
    """The Docker engine's architecture."""
    return docker_engine.architecture("the container images")


@pytest.fixture(scope="session")
def images(engine: str) -> dict[str, str]:
    """The name of each stage's image, for the engine's own platform."""
    return build(f"linux/{engine}", TAG)


def build(platform: str, tag: str) -> dict[str, str]:
    environment = {**os.environ, "PLATFORM": platform, "REPOSITORY": "filegate", "TAG": tag}
    built = subprocess.run(
        [REPOSITORY / "scripts" / "build-images.sh"], env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return {stage: f"filegate/{stage}:{tag}" for stage in STAGES}


@dataclass(frozen=True)
class File:
    """A file or folder of an image: its size in bytes, its mode, and of bytecode its first bytes."""

    size: int
    mode: int
    folder: bool
    head: bytes


@pytest.fixture(scope="session")
def files(images: dict[str, str]) -> Callable[[str], dict[str, File]]:
    """All files of a stage's image, by path without the leading slash."""

    @cache
    def listing(stage: str) -> dict[str, File]:
        container = docker("create", images[stage])
        try:
            with (
                subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export,
                tarfile.open(fileobj=export.stdout, mode="r|") as archive,
            ):
                return {entry.name: _file(archive, entry) for entry in archive}
        finally:
            docker("rm", container)

    return listing


def _file(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> File:
    stream = archive.extractfile(entry) if entry.isreg() and entry.name.endswith(".pyc") else None
    return File(entry.size, entry.mode, entry.isdir(), stream.read(16) if stream else b"")
