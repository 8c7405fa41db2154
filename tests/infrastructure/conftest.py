"""The templates, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filegate.deploy import load_template

DIRECTORY = Path(__file__).parents[2] / "infra" / "cloudformation"

Template = dict[str, Any]


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    """Every template by its file's stem."""
    return {path.stem: load_template(path) for path in sorted(DIRECTORY.glob("*.yaml"))}


@pytest.fixture(scope="session")
def resources(templates: dict[str, Template]) -> dict[str, Template]:
    """Every resource of an environment by its logical id, which is unique over all its templates."""
    return {
        name: resource
        for stem, template in templates.items()
        if stem not in ("main", "registry")
        for entry, found in template["Resources"].items()
        for name, resource in (found[2].items() if entry.startswith("Fn::ForEach::") else [(entry, found)])
    }
