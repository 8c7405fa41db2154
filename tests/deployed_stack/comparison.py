"""Compare a deployed stack with its templates, property by property.

The local clouds report a stack as complete although they ignored the encryption, the lifecycle or the expiry that its
template asks for. A local deployment writes what they drop of it; this reads every property of every resource back
from its service, and so proves that nothing is missing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import yaml

from filegate.devcloud.patches import NOT_CREATED_ID
from tests.deployed_stack import resources
from tests.deployed_stack.properties import Aws, NoSuchService, Property
from tests.deployed_stack.stacks import DeployedStacks, Resource

# The properties that the templates of a local deployment must have at the least, by resource (`Storage.RawBucket`).
EXPECTED: Mapping[str, list[str]] = yaml.safe_load(Path(__file__).with_name("expected.yaml").read_text())


@dataclass(frozen=True)
class Difference:
    """One property that is not as the template says; `actual` is None if it is not set at all."""

    resource: str
    property: str
    wanted: Any
    actual: Any


@dataclass(frozen=True)
class Unproved:
    """A property that this cloud cannot show, for a reason that `NOT_CREATED` or `NOT_SHOWN` gives.

    `property` is empty where the whole resource is not there.
    """

    resource: str
    property: str
    reason: str


class StackDiffers(AssertionError):
    """A deployed stack is not as its templates say.

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
        super().__init__("\n".join([f"Stack {stack_name} is not as its templates say:", *rows]))


def compare(
    session: boto3.Session,
    stack_name: str,
    *,
    expected: Mapping[str, Collection[str]] = MappingProxyType({}),
    complete: bool = False,
) -> list[Unproved]:
    """Compare every property of the stack, and of the stacks nested in it, with the templates.

    Args:
        session: whose credentials, region and endpoint are used.
        stack_name: the main stack.
        expected: properties that must be in the templates, by resource: what a template no longer asks for cannot
            differ, so this is what notices.
        complete: first write what the cloud's CloudFormation drops of the network, the audit trail and the backups,
            which no local deployment has.

    Returns:
        What this cloud cannot show.

    Raises:
        StackDiffers: a property differs, or is not one that can be read back; a resource or property that was expected
            is not in the templates.
    """
    aws = Aws(session)
    differences: list[Difference] = []
    unproved: list[Unproved] = []
    found: dict[str, set[str]] = {}
    for resource in DeployedStacks(session).resources(stack_name):
        kind, wanted = resource.type, dict(resource.properties)
        found[resource.name] = set(wanted) | found.get(resource.name, set())
        if kind in resources.COMBINED:
            wanted = resources.COMBINED[kind](aws, wanted)
            found[resource.name] |= set(wanted)
        compared = {name: value for name, value in wanted.items() if name not in resources.NOT_COMPARED.get(kind, ())}
        for physical_id in _identities(resource):
            for item in _compare(aws, resource, physical_id, compared, complete=complete):
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


def _identities(resource: Resource) -> list[str]:
    if resource.type not in resources.ATTACHED_BY:
        return [resource.id]
    attached = resource.properties[resources.ATTACHED_BY[resource.type]]
    return attached if isinstance(attached, list) else [attached]


def _compare(
    aws: Aws, resource: Resource, physical_id: str, properties: Mapping[str, Any], *, complete: bool
) -> Iterator[Difference | Unproved]:
    absent = resources.NOT_CREATED.get(resource.type)
    if physical_id == NOT_CREATED_ID:
        yield Unproved(resource.name, "", absent) if absent else Difference(resource.name, "(the resource)", "", None)
        return
    try:
        for name, wanted in properties.items():
            known = resources.PROPERTIES.get(resource.type, {}).get(name)
            if known is None:
                yield Difference(resource.name, name, wanted, f"not listed in {resources.__name__}")
                continue
            shaped = known.form(wanted)
            actual = _read(aws, physical_id, known, shaped, complete=complete)
            if matches(shaped, actual):
                continue
            reason = resources.NOT_SHOWN.get((resource.type, name))
            if actual is None and reason is not None:
                yield Unproved(resource.name, name, reason)
            else:
                yield Difference(resource.name, name, shaped, actual)
    except NoSuchService:
        if absent is None:
            raise
        yield Unproved(resource.name, "", absent)


def _read(aws: Aws, physical_id: str, known: Property, wanted: Any, *, complete: bool) -> Any:
    actual = known.read(aws, physical_id)
    if complete and known.write is not None and not matches(wanted, actual):
        known.write(aws, physical_id, wanted)
        actual = known.read(aws, physical_id)
    return actual


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
