"""What the images' requirement files name: the package's own dependencies, at the versions that the tests run with."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ("ingest", "validate", "transform", "output")


def pins(name: str) -> dict[str, str]:
    """Version by package."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def group(groups: dict[str, list[Any]], name: str) -> set[str]:
    """What a dependency group names, its included groups' too."""
    found: set[str] = set()
    for entry in groups[name]:
        found |= group(groups, entry["include-group"]) if isinstance(entry, dict) else {entry.partition("[")[0]}
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_images_ship_the_versions_that_are_tested(stage: str) -> None:
    tested = pins("development")
    shipped = pins(stage)
    assert shipped
    assert shipped == {package: tested.get(package) for package in shipped}


@pytest.mark.parametrize("stage", STAGES)
def test_every_pin_has_its_hashes(stage: str) -> None:
    text = (ROOT / "requirements" / f"{stage}.txt").read_text()
    assert "://" not in text
    for package in pins(stage):
        assert re.search(rf"^{re.escape(package)}==\S+ \\\n    --hash=sha256:", text, re.MULTILINE), package


def test_the_stages_together_have_the_packages_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = {entry.partition("[")[0] for entry in project["project"]["dependencies"]}
    assert set().union(*(group(project["dependency-groups"], stage) for stage in STAGES)) == declared
