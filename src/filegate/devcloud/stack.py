"""The resources of a deployed stack, with what their templates say about them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filegate.deploy import stack as stacks
from filegate.deploy.template import NESTED
from filegate.errors import FilegateError

if TYPE_CHECKING:
    import boto3

_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
_ARNS = {  # of the types whose id is not one
    "AWS::CloudWatch::Alarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::CloudWatch::CompositeAlarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{id}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{id}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*",
}


class UnresolvedValue(FilegateError):
    """A template uses an intrinsic function, or refers to something, that is not known here."""


@dataclass(frozen=True)
class Resource:
    """A resource of a stack, with the properties to be written."""

    type: str
    id: str  # the physical one
    arn: str  # empty where `_ARNS` has none
    properties: Mapping[str, Any]


def resources(session: boto3.Session, stack_name: str, wanted: Mapping[str, Collection[str]]) -> Iterator[Resource]:
    """The resources of this stack, and of those nested in it, that have a wanted property: names by resource type.

    Raises:
        UnresolvedValue: a wanted property uses what is not known here.
    """
    client = session.client("cloudformation")
    deployed = {
        item["LogicalResourceId"]: (item["ResourceType"], item["PhysicalResourceId"])
        for item in stacks.resources(client, stack_name)
    }
    if any(kind in wanted for kind, _ in deployed.values()):
        stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
        template = client.get_template(StackName=stack_name)["TemplateBody"]
        _, partition, _, region, account, _ = stack["StackId"].split(":", 5)
        scope = {"partition": partition, "region": region, "account": account}
        arns = {name: _ARNS.get(kind, "").format(id=id_, **scope) for name, (kind, id_) in deployed.items()}
        names = {
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::AccountId": account,
            **{item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])},
            **{name: id_ for name, (_, id_) in deployed.items()},
            **{f"{name}.Arn": arn for name, arn in arns.items() if arn},
        }
        values = Values(names, template.get("Conditions", {}))
        for name, (kind, id_) in deployed.items():
            declared = template["Resources"][name].get("Properties", {})
            found = {key: value for key, value in declared.items() if key in wanted.get(kind, ())}
            if found:
                yield Resource(kind, id_, arns[name], values.resolve(found))
    for kind, id_ in deployed.values():
        if kind == NESTED:
            yield from resources(session, id_, wanted)


@dataclass(frozen=True)
class Values:
    """What intrinsic functions evaluate to in one stack."""

    names: Mapping[str, str]  # values by what its template calls them: `RawBucket`, `Group.Arn`, `AWS::Region`
    conditions: Mapping[str, Any]  # of its template, unresolved

    def resolve(self, value: Any) -> Any:  # noqa: PLR0911 - one answer a function
        """`value` with the intrinsic functions in it evaluated: those that occur in properties which a cloud drops.

        Raises:
            UnresolvedValue: there is another function, or a name that stands for nothing.
        """
        match value:
            case {"Ref": name}:
                return self._named(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return self._named(f"{name}.{attribute}")
            case {"Fn::Sub": [str(text), dict(more)]}:
                return Values({**self.names, **self.resolve(more)}, self.conditions).resolve({"Fn::Sub": text})
            case {"Fn::Sub": str(text)}:
                return _PLACEHOLDER.sub(lambda found: self._named(found[1]), text)
            case {"Fn::If": [condition, then, otherwise]}:
                return self.resolve(then if self.resolve(self.conditions[condition]) else otherwise)
            case {"Fn::Equals": [left, right]}:
                return self.resolve(left) == self.resolve(right)
            case dict():
                if function := next((name for name in value if name.startswith("Fn::")), None):
                    raise UnresolvedValue(f"{function} cannot be evaluated.", advice=f"Add it to {__name__}.")
                return {name: self.resolve(item) for name, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
        return value

    def _named(self, name: str) -> str:
        if name not in self.names:
            raise UnresolvedValue(f"{name} is not known in its stack.", advice=f"Add it to {__name__}.")
        return self.names[name]
