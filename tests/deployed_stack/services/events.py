"""Rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import document, tags


def _rule(path: str) -> Read:
    return Read(service="events", operation="describe_rule", argument="Name", path=path)


def _rule_tags(aws: Aws, rule: str) -> Any:
    arn = _rule("Arn")(aws, rule)
    return aws.read("events", "list_tags_for_resource", {"ResourceARN": arn}).get("Tags")


_RULE = {
    "Description": Property(_rule("Description")),
    "EventPattern": Property(lambda aws, rule: document(_rule("EventPattern")(aws, rule))),
    "Name": Property(_rule("Name")),
    "State": Property(_rule("State")),
    "Tags": tags(_rule_tags),
    "Targets": Property(Read(service="events", operation="list_targets_by_rule", argument="Rule", path="Targets")),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Events::Rule": _RULE,
}
