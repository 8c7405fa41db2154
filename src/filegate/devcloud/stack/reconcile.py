"""Make a deployed stack what its templates say, and prove it, on clouds whose CloudFormation drops properties.

The local clouds report a stack as complete although they ignored the encryption, the lifecycle or the expiry that its
template asks for. So every property of every resource is read back from its service and compared with the template;
what was dropped is set through the service's own API and compared again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from filegate.devcloud.stack import resources
from filegate.devcloud.stack.intrinsics import NOT_CREATED, Scope
from filegate.devcloud.stack.properties import Aws, NoSuchService, Property
from filegate.errors import FilegateError

if TYPE_CHECKING:
    import boto3

_NESTED = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Difference:
    """One property that is not as the template says; `actual` is None if it is not set at all."""

    resource: str
    property: str
    wanted: Any
    actual: Any


@dataclass(frozen=True)
class Unproved:
    """A property that this cloud cannot show, for the reason that is given in the tables of `resources`.

    `property` is empty where the whole resource is not there.
    """

    resource: str
    property: str
    reason: str


class StackDiffers(FilegateError):
    """A deployed stack is not what its templates say.

    Attributes:
        differences: every property that differs.
    """

    def __init__(self, stack_name: str, differences: list[Difference]) -> None:
        self.differences = differences
        rows = [
            f"  {difference.resource}.{difference.property}: wanted {json.dumps(difference.wanted)}, "
            f"is {json.dumps(difference.actual, default=str)}"
            for difference in differences
        ]
        super().__init__("\n".join([f"Stack {stack_name} is not what it should be:", *rows]))


def reconcile(
    session: boto3.Session, stack_name: str, *, expected: Mapping[str, Collection[str]] = MappingProxyType({})
) -> list[Unproved]:
    """Set what CloudFormation dropped, in the stack and in its nested ones, and prove that nothing is missing.

    Args:
        session: whose credentials, region and endpoint are used.
        stack_name: the main stack.
        expected: the properties that the templates must set at the least, by resource (`Storage.RawBucket`): what a
            template no longer asks for cannot differ, so this is what notices.

    Returns:
        What this cloud has no notion of.

    Raises:
        StackDiffers: a property still differs, or is not one that can be read back; a resource or property that was
            expected is not in the templates.
    """
    aws = Aws(session)
    differences: list[Difference] = []
    unproved: list[Unproved] = []
    found: dict[str, set[str]] = {}
    for resource in _resources(aws, stack_name, prefix=""):
        found[resource.name] = set(resource.properties)
        for item in _compare(aws, resource):
            if isinstance(item, Unproved):
                unproved.append(item)
            else:
                differences.append(item)
    for name, properties in expected.items():
        missing = set(properties) - found[name] if name in found else {"(the resource)"}
        differences += [Difference(name, item, "in the template", None) for item in sorted(missing)]
    if differences:
        raise StackDiffers(stack_name, differences)
    return unproved


@dataclass(frozen=True, kw_only=True)
class _Resource:
    """A resource of the stack: `name` is the path of logical ids, `id` what its service knows it by."""

    name: str
    kind: str
    id: str
    properties: Mapping[str, Any]


def _compare(aws: Aws, resource: _Resource) -> Iterator[Difference | Unproved]:
    absent = resources.NOT_CREATED.get(resource.kind)
    if resource.id == NOT_CREATED:
        yield Unproved(resource.name, "", absent) if absent else Difference(resource.name, "(the resource)", "", None)
        return
    try:
        for name, wanted in resource.properties.items():
            known = resources.PROPERTIES.get(resource.kind, {}).get(name)
            if known is None:
                yield Difference(resource.name, name, wanted, f"not listed in {resources.__name__}")
            else:
                yield from _settle(aws, resource, name, known, known.form(wanted))
    except NoSuchService:
        if absent is None:
            raise
        yield Unproved(resource.name, "", absent)


def _settle(aws: Aws, resource: _Resource, name: str, known: Property, wanted: Any) -> Iterator[Difference | Unproved]:
    actual = known.read(aws, resource.id)
    if not matches(wanted, actual) and known.write is not None:
        known.write(aws, resource.id, wanted)
        actual = known.read(aws, resource.id)
    if matches(wanted, actual):
        return
    reason = resources.NOT_TOLD.get((resource.kind, name))
    if actual is None and reason is not None:
        yield Unproved(resource.name, name, reason)
    else:
        yield Difference(resource.name, name, wanted, actual)


def matches(wanted: Any, actual: Any) -> bool:
    """Whether `actual` says all that `wanted` does.

    It may say more, since services fill in defaults; lists may be in another order, and hold as many items; numbers
    and booleans may be spelt as text.
    """
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(matches(value, actual.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(actual, list) or len(actual) != len(wanted):
            return False
        unmatched = list(actual)
        for value in wanted:
            found = next((index for index, item in enumerate(unmatched) if matches(value, item)), None)
            if found is None:
                return False
            del unmatched[found]
        return True
    return actual is not None and _spelling(wanted) == _spelling(actual)


def _spelling(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _resources(aws: Aws, stack_name: str, prefix: str) -> Iterator[_Resource]:
    template = aws.read("cloudformation", "get_template", {"StackName": stack_name})["TemplateBody"]
    if isinstance(template, str):
        template = json.loads(template)
    scope = _scope(aws, stack_name, template)
    for logical_id, resource in template["Resources"].items():
        if "Condition" in resource and not scope.condition(resource["Condition"]):
            continue
        kind, physical_id = scope.resources[logical_id]
        properties = scope.resolve(resource.get("Properties", {}))
        wanted = resources.COMBINED[kind](aws, properties) if kind in resources.COMBINED else properties
        compared = {key: value for key, value in wanted.items() if key not in resources.NOT_COMPARED.get(kind, ())}
        for identity in _identities(kind, physical_id, properties):
            yield _Resource(name=prefix + logical_id, kind=kind, id=identity, properties=compared)
        if kind == _NESTED:
            yield from _resources(aws, physical_id, prefix=f"{prefix}{logical_id}.")


def _identities(kind: str, physical_id: str, properties: Mapping[str, Any]) -> list[str]:
    if kind not in resources.ATTACHED_BY:
        return [physical_id]
    attached = properties[resources.ATTACHED_BY[kind]]
    return attached if isinstance(attached, list) else [attached]


def _scope(aws: Aws, stack_name: str, template: Mapping[str, Any]) -> Scope:
    stack = aws.read("cloudformation", "describe_stacks", {"StackName": stack_name})["Stacks"][0]
    summaries = aws.read("cloudformation", "list_stack_resources", {"StackName": stack_name})["StackResourceSummaries"]
    deployed = {item["LogicalResourceId"]: (item["ResourceType"], item["PhysicalResourceId"]) for item in summaries}
    _, partition, _, region, account, _ = stack["StackId"].split(":", 5)
    return Scope(
        pseudo={
            "AWS::AccountId": account,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackId": stack["StackId"],
            "AWS::StackName": stack["StackName"],
            "AWS::URLSuffix": "amazonaws.com",
        },
        parameters={item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])},
        resources=deployed,
        outputs={
            logical_id: _outputs(aws, physical_id)
            for logical_id, (kind, physical_id) in deployed.items()
            if kind == _NESTED
        },
        conditions=template.get("Conditions", {}),
        zones=lambda: _zones(aws),
    )


def _zones(aws: Aws) -> list[str]:
    zones = aws.read("ec2", "describe_availability_zones", {})["AvailabilityZones"]
    return [zone["ZoneName"] for zone in zones]


def _outputs(aws: Aws, stack_name: str) -> dict[str, str]:
    stack = aws.read("cloudformation", "describe_stacks", {"StackName": stack_name})["Stacks"][0]
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
