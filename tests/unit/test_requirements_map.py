"""docs/requirements.md lists every requirement, with existing files and tests."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "docs/requirements.md").read_text()
ROWS = {
    cells[1]: cells[1:-1]
    for line in MAP.splitlines()
    if re.match(r"\| [CR]\d", line) and (cells := re.split(r" *\| *", line))
}
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", MAP)))
PATHS = sorted(set(re.findall(r"`((?:src|infra|scripts|tests|images)/[^\s`:]*)`", MAP)))


def test_no_requirement_is_missing() -> None:
    wanted = [f"C{n}" for n in range(1, 7)] + [f"R{n}" for n in range(1, 31)]
    assert [row for row in ROWS if re.fullmatch(r"[CR]\d+", row)] == wanted


@pytest.mark.parametrize(("file", "function"), NAMED)
def test_every_named_test_exists(file: str, function: str) -> None:
    assert f"def {function}(" in (ROOT / file).read_text()


@pytest.mark.parametrize("path", PATHS)
def test_every_named_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("requirement", [row for row in ROWS if re.fullmatch(r"[CR]\d+", row)])
def test_every_requirement_has_a_test(requirement: str) -> None:
    proof = ROWS[requirement][-1]
    assert re.search(r"`tests/[\w/]+\.py::\w+`", proof)
    assert "not built" not in proof.lower()


@pytest.mark.parametrize(
    "name", ["images", "docker-compose.yml", "infra/cloudformation", "localstack-init", "tests", "Makefile"]
)
def test_the_top_level_is_as_required(name: str) -> None:
    assert (ROOT / name).exists()
