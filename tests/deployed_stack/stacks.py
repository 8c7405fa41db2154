"""The resources of a deployed stack, with the values that their templates give to their properties."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from filegate.deploy.template import NESTED
from scripts.intrinsics import Scope

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a stack.

    Attributes:
        name: the path of logical ids from the main stack down, such as `Storage.RawBucket`.
        type: such as `AWS::S3::Bucket`.
        id: its physical id; `NOT_CREATED_ID` if the cloud only recorded it.
        properties: as in the template, intrinsic functions resolved.
    """

    name: str
    type: str
    id: str
    properties: Mapping[str, Any]


class DeployedStacks:
    """The stacks of a cloud, asked for at most once each."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._client = session.client("cloudformation")

    def resources(self, stack_name: str, *, prefix: str = "") -> Iterator[Resource]:
        """The resources of this stack and of the stacks nested in it, in the order of their templates.

        Args:
            stack_name: name or id of the stack.
            prefix: of the resources' names.

        Raises:
            UnresolvedValue: a template uses an intrinsic function or an attribute that is not known here.
        """
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=stack_name)
        summaries = [summary for page in pages for summary in page["StackResourceSummaries"]]
        deployed = {item["LogicalResourceId"]: (item["ResourceType"], item["PhysicalResourceId"]) for item in summaries}
        yield from self._resolved(stack_name, deployed, prefix)
        for logical_id, (kind, physical_id) in deployed.items():
            if kind == NESTED:
                yield from self.resources(physical_id, prefix=f"{prefix}{logical_id}.")

    def _resolved(self, stack_name: str, deployed: Mapping[str, tuple[str, str]], prefix: str) -> Iterator[Resource]:
        body: Any = self._client.get_template(StackName=stack_name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        scope = self._scope(stack_name, template, deployed)
        for logical_id, declared in template["Resources"].items():
            if "Condition" in declared and not scope.condition(declared["Condition"]):
                continue
            kind, physical_id = deployed[logical_id]
            properties = scope.resolve(declared.get("Properties", {}))
            yield Resource(name=prefix + logical_id, type=kind, id=physical_id, properties=properties)

    def _scope(self, stack_name: str, template: Mapping[str, Any], deployed: Mapping[str, tuple[str, str]]) -> Scope:
        stack = self._stacks[stack_name]
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
                logical_id: {
                    item["OutputKey"]: item["OutputValue"] for item in self._stacks[stack_id].get("Outputs", [])
                }
                for logical_id, (kind, stack_id) in deployed.items()
                if kind == NESTED
            },
            conditions=template.get("Conditions", {}),
            zones=self._zones,
        )

    @cached_property
    def _stacks(self) -> dict[str, Mapping[str, Any]]:
        """What `DescribeStacks` says of each stack, by its name and by its id."""
        pages = self._client.get_paginator("describe_stacks").paginate()
        stacks = [stack for page in pages for stack in page["Stacks"]]
        return {stack[key]: stack for key in ("StackName", "StackId") for stack in stacks}

    def _zones(self) -> Sequence[str]:
        zones = self._session.client("ec2").describe_availability_zones()["AvailabilityZones"]
        return [zone["ZoneName"] for zone in zones]
