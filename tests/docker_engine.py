"""The Docker engine that container tests need, and what becomes of them without one."""

from __future__ import annotations

import os
import subprocess
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test, loudly; fail it where FILEGATE_REQUIRE_DOCKER=1 says that nothing may be left out."""
    if os.environ.get("FILEGATE_REQUIRE_DOCKER") == "1":
        pytest.fail(what)
    pytest.skip(what)


def architecture(tested: str) -> str:
    """The engine's architecture; without an engine, `tested` is missing."""
    command = ["docker", "version", "--format", "{{.Server.Arch}}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        missing(f"NOT TESTED: {tested}, as no Docker engine answers. See scripts/ensure-docker.sh")
