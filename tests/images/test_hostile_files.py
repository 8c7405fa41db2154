"""Hostile files in the images, under the memory that the templates give their functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.hostile import FILES, HostileFile
from harness.hostile.stages import passages
from harness.stage_image import InImages


@pytest.mark.parametrize("file", FILES, ids=[file.key for file in FILES])
def test_a_hostile_file_ends_no_function_s_process(images: dict[str, str], file: HostileFile, tmp_path: Path) -> None:
    for passage in passages(file, tmp_path, InImages(images)):
        assert passage.death is None
