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

OUTSTANDING = {
    "blank lines": "the index of a text of blank lines",
    "blank lines, gzipped": "the index of a text of blank lines",
    "blank lines that end with CR": "the index of a text of blank lines",
    "blank lines between objects": "the index of a text of blank lines",
    "9,003 columns, rescued": "columns of a chunk",
    "10,002 columns, rescued": "columns of a chunk",
    "100,000 ignored columns": "columns of a chunk",
    "2,000 columns that break rules": "columns of a chunk",
    "2,000 columns of nulls": "columns of a chunk",
    "a footer that announces 7 GB": "polars believes a footer",
    "a footer that announces 2 billion columns": "polars believes a footer",
    "groups 5,000 deep": "polars descends until the stack ends",
    "30 strings of 64 MB by dictionary": "a slice is cut by its compressed bytes",
    "30 strings of 16 MB": "a slice is cut by its compressed bytes",
    "300,000 row groups": "polars keeps all of a footer",
}
"""Files that are not bounded yet, and what is not."""
PARAMS = [
    pytest.param(
        file,
        id=file.key,
        marks=[pytest.mark.xfail(strict=True, reason=OUTSTANDING[file.name])] if file.name in OUTSTANDING else [],
    )
    for file in FILES
]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")


@pytest.mark.parametrize("file", PARAMS)
def test_a_hostile_file_stays_within_each_function_s_memory(
    file: HostileFile, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for passage in passages(file, tmp_path):
        record_property(passage.stage, f"{passage.anonymous_bytes / 1e6:.0f} MB, {passage.ended}")
        assert passage.death is None
        assert len(passage.run.model_dump_json()) < MAX_DOCUMENT
        assert len(passage.refusal or "") < MAX_REFUSAL
