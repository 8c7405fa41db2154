"""All that the templates would create, one setting per line: tests/infrastructure/resources.yaml, by `make pages`.

So a pull request shows what it adds, changes or takes away.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from scripts.deployment import PRODUCTION, Deployment, Resource, declared, load_templates


def listing() -> str:
    """Production with its defaults, nested stacks included, as YAML.

    <Key.Arn> stands for what CloudFormation fills in. Tags are left out: everything that takes them has the project's.
    """
    templates = load_templates()
    resources: dict[str, dict[str, Any]] = {}
    for resource in Deployment(templates, PRODUCTION).resources:
        resources.setdefault(resource.template, {})[resource.id] = _described(resource)
    for stem, template in templates.items():
        for name, body in declared(template).items():
            if "Condition" in body and name not in resources.get(stem, {}) and stem != "main":
                resources.setdefault(stem, {})[name] = {"Type": body["Type"], "NotMadeUnless": body["Condition"]}
    return yaml.safe_dump(resources, sort_keys=False, width=120, allow_unicode=True)


def _described(resource: Resource) -> dict[str, Any]:
    described = {"Type": resource.type}
    if resource.condition:
        described["MadeIf"] = resource.condition
    if resource.deletion_policy != "Delete":
        described["DeletionPolicy"] = resource.deletion_policy
    properties = {name: _readable(value) for name, value in resource.properties.items() if not name.endswith("Tags")}
    return {**described, **properties}


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
