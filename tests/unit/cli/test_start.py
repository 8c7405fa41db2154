"""The command starts at once: help and errors do not wait for polars."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = ("polars", "pandera", "boto3", "ministack")


@pytest.mark.parametrize("words", [["--help"], ["drop", "--help"], ["dlq", "--help"], ["--version"]])
def test_nothing_slow_is_imported_for_help(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from filegate.cli.app import app\n"
        f"try: app({words!r})\n"
        "except SystemExit: pass\n"
        f"print(*sorted(set({SLOW!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert done.stdout
