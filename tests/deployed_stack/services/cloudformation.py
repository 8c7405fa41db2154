"""Nested stacks."""

from __future__ import annotations

from collections.abc import Mapping

from tests.deployed_stack.properties import Property, Read
from tests.deployed_stack.shapes import tags


def _stack(path: str) -> Read:
    return Read(service="cloudformation", operation="describe_stacks", argument="StackName", path=f"Stacks[0].{path}")


_STACK = {
    "Parameters": Property(
        _stack("Parameters"),
        lambda values: [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
    ),
    "Tags": tags(_stack("Tags")),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::CloudFormation::Stack": _STACK,
}
