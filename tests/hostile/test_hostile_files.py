"""No small file exceeds a function's memory: each hostile file, each stage in a process of its own under its limit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.hostile import FILES, HostileFile
from harness.hostile.stages import passages

MAX_DOCUMENT = 64 << 10
"""Bytes of a run's document: Step Functions carries 256 KiB, in which it stands with an error or a manifest."""
MAX_REFUSAL = 4 << 10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")


@pytest.mark.parametrize("file", FILES, ids=[file.key for file in FILES])
def test_a_hostile_file_stays_within_each_function_s_memory(
    file: HostileFile, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for passage in passages(file, tmp_path):
        record_property(passage.stage, f"{passage.anonymous_bytes / 1e6:.0f} MB, {passage.ended}")
        assert passage.death is None
        assert len(passage.run.model_dump_json()) < MAX_DOCUMENT
        assert len(passage.refusal or "") < MAX_REFUSAL
