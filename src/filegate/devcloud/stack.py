"""The resources of a deployed stack, with the values that their templates give to their properties."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filegate.errors import FilegateError

if TYPE_CHECKING:
    import boto3

NESTED_STACK = "AWS::CloudFormation::Stack"
NOT_CREATED_ID = "unknown"  # id and attributes of a resource that a local cloud only took note of, having no such type

_NOTHING = object()  # what AWS::NoValue stands for: the property or list item is not there
_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")

# Attributes that the templates use, by resource type; {id} is the physical id, {name} its last component.
_ATTRIBUTES = {
    "AWS::CloudWatch::Alarm": {"Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}"},
    "AWS::CloudWatch::CompositeAlarm": {"Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}"},
    "AWS::DynamoDB::Table": {"Arn": "arn:{partition}:dynamodb:{region}:{account}:table/{id}"},
    "AWS::ECR::Repository": {"Arn": "arn:{partition}:ecr:{region}:{account}:repository/{id}"},
    "AWS::Events::Rule": {"Arn": "arn:{partition}:events:{region}:{account}:rule/{id}"},
    "AWS::IAM::Role": {"Arn": "arn:{partition}:iam::{account}:role/{id}"},
    "AWS::KMS::Key": {"Arn": "arn:{partition}:kms:{region}:{account}:key/{id}"},
    "AWS::Lambda::Function": {"Arn": "arn:{partition}:lambda:{region}:{account}:function:{id}"},
    "AWS::Logs::LogGroup": {"Arn": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*"},
    "AWS::S3::Bucket": {"Arn": "arn:{partition}:s3:::{id}"},
    "AWS::SQS::Queue": {"Arn": "arn:{partition}:sqs:{region}:{account}:{name}", "QueueName": "{name}"},
}


class UnresolvedValue(FilegateError):
    """A template uses an intrinsic function or a name that is not known here."""


@dataclass(frozen=True)
class Scope:
    """What one stack's template refers to.

    Attributes:
        names: what parameters, pseudo parameters and resources stand for, and attributes such as `Queue.Arn`.
        conditions: the template's conditions, unresolved.
    """

    names: MutableMapping[str, Any]
    conditions: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:  # noqa: PLR0911, PLR0912 - one answer for each function
        """`value` with every intrinsic function in it replaced by what it evaluates to.

        Raises:
            UnresolvedValue: a function or a name is not known here.
        """
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NOTHING]
        if not isinstance(value, dict):
            return value
        match [*value.items()]:
            case [("Ref", "AWS::NoValue")]:
                return _NOTHING
            case [("Ref", str(name))]:
                return self._value(name)
            case [("Condition", str(name))]:
                return self.condition(name)
            case [("Fn::GetAtt", [str(target), str(attribute)])]:
                return self._value(f"{target}.{attribute}")
            case [("Fn::Sub", str(text))]:
                return _PLACEHOLDER.sub(lambda found: str(self._value(found[1])), text)
            case [("Fn::Sub", [str(text), dict(names)])]:
                inner = Scope(ChainMap(self.resolve(names), self.names), self.conditions)
                return inner.resolve({"Fn::Sub": text})
            case [("Fn::If", [str(name), then, otherwise])]:
                return self.resolve(then if self.condition(name) else otherwise)
            case [("Fn::Equals", [left, right])]:
                return str(self.resolve(left)) == str(self.resolve(right))
            case [("Fn::Not", [inner])]:
                return not self.resolve(inner)
            case [("Fn::And", [*inner])]:
                return all(self.resolve(item) for item in inner)
            case [("Fn::Join", [str(separator), items])]:
                return separator.join(map(str, self.resolve(items)))
            case [("Fn::Split", [str(separator), text])]:
                return self.resolve(text).split(separator)
            case [("Fn::Select", [index, items])] if int(index) < len(found := self.resolve(items)):
                return found[int(index)]
            case [("Fn::GetAZs", _)]:  # of any region, as long as it is the stack's own
                return [f"{self._value('AWS::Region')}{letter}" for letter in "abc"]
            case [(str(name), argument)] if name.startswith("Fn::"):
                raise UnresolvedValue(f"{name} of {argument!r} cannot be evaluated.", advice=f"Add it to {__name__}.")
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NOTHING}

    def condition(self, name: str) -> bool:
        return bool(self.resolve(self.conditions[name]))

    def _value(self, name: str) -> Any:
        try:
            return self.names[name]
        except KeyError:
            if self.names.get(name.partition(".")[0]) == NOT_CREATED_ID:
                return NOT_CREATED_ID
            raise UnresolvedValue(
                f"{name!r} is not a parameter, a resource or a known attribute of one.", advice=f"Add it to {__name__}."
            ) from None


@dataclass(frozen=True)
class Resource:
    """A resource of a stack.

    Attributes:
        name: the path of logical ids from the main stack down, such as `Storage.RawBucket`.
        type: such as `AWS::S3::Bucket`.
        id: its physical id; `NOT_CREATED_ID` if the cloud only recorded it.
        arn: of the types whose id is not one; None of the others.
        properties: as in the template, intrinsic functions resolved.
    """

    name: str
    type: str
    id: str
    arn: str | None
    properties: Mapping[str, Any]


def deployed_resources(session: boto3.Session, stack_name: str) -> Iterator[Resource]:
    """The resources of this stack and of the stacks nested in it, in the order of their templates.

    Raises:
        UnresolvedValue: a template uses an intrinsic function or a name that is not known here.
    """
    client = session.client("cloudformation")
    pages = client.get_paginator("describe_stacks").paginate()
    stacks = {stack[key]: stack for stack in pages.search("Stacks[]") for key in ("StackName", "StackId")}
    yield from _resources(client, stacks, stack_name, "")


def _resources(client: Any, stacks: Mapping[str, Any], stack_name: str, prefix: str) -> Iterator[Resource]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    summaries = pages.search("StackResourceSummaries[]")
    deployed = {item["LogicalResourceId"]: (item["ResourceType"], item["PhysicalResourceId"]) for item in summaries}
    names = _names(stacks, stack_name, deployed)
    template = client.get_template(StackName=stack_name)["TemplateBody"]
    scope = Scope(names, template.get("Conditions", {}))
    for logical_id, declared in template["Resources"].items():
        if "Condition" in declared and not scope.condition(declared["Condition"]):
            continue
        kind, id_ = deployed[logical_id]
        properties = scope.resolve(declared.get("Properties", {}))
        yield Resource(prefix + logical_id, kind, id_, names.get(f"{logical_id}.Arn"), properties)
        if kind == NESTED_STACK:
            yield from _resources(client, stacks, id_, f"{prefix}{logical_id}.")


def _names(stacks: Mapping[str, Any], stack_name: str, deployed: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What the stack's template can refer to, for its `Scope`."""
    stack = stacks[stack_name]
    _, partition, _, region, account, _ = stack["StackId"].split(":", 5)
    names = {
        "AWS::AccountId": account,
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::StackId": stack["StackId"],
        "AWS::StackName": stack["StackName"],
        "AWS::URLSuffix": "amazonaws.com",
    }
    names |= {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}
    for logical_id, (kind, id_) in deployed.items():
        names[logical_id] = id_
        if kind == NESTED_STACK:
            outputs = stacks[id_].get("Outputs", [])
            names |= {f"{logical_id}.Outputs.{item['OutputKey']}": item["OutputValue"] for item in outputs}
        elif id_ != NOT_CREATED_ID:
            parts = {"partition": partition, "region": region, "account": account, "id": id_}
            for attribute, form in _ATTRIBUTES.get(kind, {}).items():
                names[f"{logical_id}.{attribute}"] = form.format(**parts, name=id_.rpartition("/")[2])
    return names
