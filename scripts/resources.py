"""Writes tests/infrastructure/resources.yaml: all that the templates would create, a setting a line.

    make resources

A test compares the two, so that a pull request shows what it adds, changes or takes away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.deployment import PRODUCTION, Deployment, Resource, Template, declared, load_templates

FILE = Path(__file__).parents[1] / "tests" / "infrastructure" / "resources.yaml"
_HEAD = """\
# What the templates would create in production with their defaults, nested stacks included. Written by make resources.
# <Key.Arn> stands for what CloudFormation fills in. Tags are left out: everything that takes them has the project's.
"""


def main() -> None:
    """Write the file."""
    FILE.write_text(listing(load_templates()))
    print(f"Written to {FILE.relative_to(Path.cwd())}.")


def listing(templates: Mapping[str, Template]) -> str:
    """The file as it should be."""
    resources: dict[str, dict[str, Any]] = {}
    for resource in Deployment(templates, PRODUCTION).resources:
        resources.setdefault(resource.template, {})[resource.id] = _told(resource)
    for stem, template in templates.items():
        for name, body in declared(template).items():
            if "Condition" in body and name not in resources.get(stem, {}) and stem != "main":
                resources.setdefault(stem, {})[name] = {"Type": body["Type"], "NotMadeUnless": body["Condition"]}
    return _HEAD + yaml.safe_dump(resources, sort_keys=False, width=120, allow_unicode=True)


def _told(resource: Resource) -> dict[str, Any]:
    told = {"Type": resource.type}
    if resource.condition:
        told["MadeIf"] = resource.condition
    if resource.deletion_policy != "Delete":
        told["DeletionPolicy"] = resource.deletion_policy
    properties = {name: _readable(value) for name, value in resource.properties.items() if not name.endswith("Tags")}
    return {**told, **properties}


def _readable(value: Any) -> Any:
    """JSON inside a text as what it says."""
    if isinstance(value, dict):
        return {name: _readable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


if __name__ == "__main__":
    main()
