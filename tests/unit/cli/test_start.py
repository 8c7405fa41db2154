"""The command starts at once: help and errors do not wait for polars."""

from __future__ import annotations

import subprocess
import sys

import pytest

from filegate.cli.app import COMMANDS, load

SLOW = ("polars", "pandera", "boto3", "ministack")
NOT_LISTED_BY = ("filegate.operations.dlq", "filegate.cli.show", "pydantic")
"""What the list of commands has no use for."""


def imported(words: list[str], modules: tuple[str, ...]) -> set[str]:
    """Which of the modules a call of the command imports."""
    code = (
        "import sys\n"
        "from filegate.cli.app import app\n"
        f"try: app({words!r})\n"
        "except SystemExit: pass\n"
        f"print(*sorted(set({modules!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("stack", "images")])
def test_nothing_slow_is_imported_for_help(command: str) -> None:
    assert imported([command, "--help"], SLOW) == set()


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_no_command_is_imported_to_list_them(words: list[str]) -> None:
    assert imported(words, SLOW + NOT_LISTED_BY) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_the_first_line_of_each_command_s_own_help(name: str) -> None:
    assert load(name).help.split("\n\n")[0] == COMMANDS[name]
