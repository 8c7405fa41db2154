"""What CloudFormation would create from the templates, as data: parameters, conditions and references resolved.

A reference to a resource becomes its template and logical id in angle brackets, which rules can follow:
`<encryption/Key.Arn>`. What only a deployment knows stands in angle brackets, too: `<account>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filegate.deploy import load_template
from filegate.deploy.parameters import read_parameters
from scripts.intrinsics import Scope

DIRECTORY = Path(__file__).parents[1] / "infra" / "cloudformation"
Template = dict[str, Any]

_NESTED = "AWS::CloudFormation::Stack"
_LOOP = "Fn::ForEach::"
_PSEUDO = {
    "AWS::AccountId": "<account>",
    "AWS::Partition": "aws",
    "AWS::Region": "<region>",
    "AWS::StackId": "<stack id>",
    "AWS::StackName": "<stack>",
    "AWS::URLSuffix": "amazonaws.com",
}
# What a deployment is given besides its parameter file: its images, and all that can be asked for. Everything else is
# as the templates' defaults are.
_GIVEN = {
    **{
        f"{stage}ImageUri": f"<account>.dkr.ecr.<region>.amazonaws.com/filegate/{stage.lower()}@sha256:<digest>"
        for stage in ("Ingest", "Validate", "Transform", "Output")
    },
    "AlertEmail": "operators@example.com",
    "Freshness": "flights:24",
    "S3PrefixListId": "pl-s3",
    "DynamoDBPrefixListId": "pl-dynamodb",
    "GitHubRepository": "example@1/filegate@2",
}


@dataclass(frozen=True)
class Resource:
    """A resource that would be created."""

    template: str
    id: str
    type: str
    properties: dict[str, Any]
    deletion_policy: str
    condition: str | None

    def __str__(self) -> str:
        return f"{self.template}/{self.id}"


def load_templates() -> dict[str, Template]:
    """Every template by its file's stem; no part of one is shared with another, so that one can be changed alone."""
    return {path.stem: json.loads(json.dumps(load_template(path))) for path in sorted(DIRECTORY.glob("*.yaml"))}


def declared(template: Template) -> dict[str, Template]:
    """A template's resources by their logical ids, but for those in loops."""
    return {name: body for name, body in template["Resources"].items() if not name.startswith(_LOOP)}


def parameters_of(environment: str) -> dict[str, dict[str, str]]:
    """What a deployment of that name passes to each template that is deployed by itself."""
    files = {"main": environment, "registry": "registry"}
    return {
        template: {**read_parameters(DIRECTORY / "parameters" / f"{file}.json"), **_GIVEN}
        for template, file in files.items()
    }


class Deployment:
    """All resources of the templates, nested ones included, with values for the parameters of those that nest them."""

    def __init__(self, templates: Mapping[str, Template], parameters: Mapping[str, Mapping[str, str]]) -> None:
        nested = {
            Path(resource["Properties"]["TemplateURL"]).stem
            for template in templates.values()
            for resource in declared(template).values()
            if resource["Type"] == _NESTED
        }
        self._roots = [_Stack(templates, stem, parameters.get(stem, {})) for stem in templates if stem not in nested]

    @cached_property
    def resources(self) -> list[Resource]:
        """What would be created, in the order of the templates."""
        return [resource for root in self._roots for resource in root.resources()]

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]

    def referred(self, value: Any) -> Resource | None:
        """The resource that a resolved reference names."""
        found = re.fullmatch(r"<(\w+/\w+)(?:\.\w+)*>", str(value))
        return next((resource for resource in self.resources if found and str(resource) == found[1]), None)


PRODUCTION = parameters_of("prod")


class _Stack:
    """A template with the values of its parameters."""

    def __init__(self, templates: Mapping[str, Template], stem: str, given: Mapping[str, Any]) -> None:
        self._templates, self.stem = templates, stem
        self._template = templates[stem]
        self._children: dict[str, _Stack] = {}
        self._scope = _Planned(
            stack=self,
            pseudo=_PSEUDO,
            parameters={
                name: _listed(parameter, given.get(name, parameter.get("Default", f"<{stem}.{name}>")))
                for name, parameter in self._template.get("Parameters", {}).items()
            },
            resources={},
            outputs={},
            conditions=self._template.get("Conditions", {}),
            zones=lambda: [f"<region>{letter}" for letter in "abc"],
        )

    def resources(self) -> Iterator[Resource]:
        for id_, body in self._bodies():
            if "Condition" in body and not self._scope.condition(body["Condition"]):
                continue
            if body["Type"] == _NESTED:
                yield from self.child(id_).resources()
                continue
            yield Resource(
                template=self.stem,
                id=id_,
                type=body["Type"],
                properties=self._scope.resolve(body.get("Properties", {})),
                deletion_policy=self._scope.resolve(body.get("DeletionPolicy", "Delete")),
                condition=body.get("Condition"),
            )

    def output(self, name: str) -> Any:
        return self._scope.resolve(self._template["Outputs"][name]["Value"])

    def child(self, id_: str) -> _Stack:
        if id_ not in self._children:
            properties = self._template["Resources"][id_]["Properties"]
            parameters = self._scope.resolve(properties.get("Parameters", {}))
            self._children[id_] = _Stack(self._templates, Path(properties["TemplateURL"]).stem, parameters)
        return self._children[id_]

    def _bodies(self) -> Iterator[tuple[str, Any]]:
        """The template's resources, its loops unrolled."""
        for name, body in self._template["Resources"].items():
            if name.startswith(_LOOP):
                variable, collection, inner = body
                for item in self._scope.resolve(collection):
                    text = json.dumps(inner).replace(f"${{{variable}}}", item)
                    text = text.replace(f"&{{{variable}}}", re.sub(r"\W", "", item))
                    yield from json.loads(text.replace(json.dumps({"Ref": variable}), json.dumps(item))).items()
            else:
                yield name, body


@dataclass(frozen=True, kw_only=True)
class _Planned(Scope):
    """What names stand for before there is a stack: resources for themselves."""

    stack: _Stack

    def _reference(self, target: str) -> Any:
        known = target in self.pseudo or target in self.parameters or target == "AWS::NoValue"
        return super()._reference(target) if known else f"<{self.stack.stem}/{target}>"

    def _attribute(self, target: str, attribute: str) -> Any:
        if attribute.startswith("Outputs."):
            return self.stack.child(target).output(attribute.removeprefix("Outputs."))
        return f"<{self.stack.stem}/{target}.{attribute}>"


def _listed(parameter: Template, value: Any) -> Any:
    """A parameter's value as it is referred to: one that is declared as a list, as a list."""
    several = parameter["Type"].startswith("List<") or parameter["Type"] == "CommaDelimitedList"
    return [item for item in value.split(",") if item] if several and isinstance(value, str) else value
