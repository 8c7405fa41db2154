"""The values that a template's intrinsic functions have in a deployed stack."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from filegate.devcloud.patches import NOT_CREATED_ID
from filegate.errors import FilegateError

_NOTHING = object()  # what AWS::NoValue stands for: the property or list item is not there
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")

# Attributes that the templates use, by resource type; {id} is the physical id, {name} its last component.
_ATTRIBUTES = {
    "AWS::CloudWatch::Alarm.Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::CloudWatch::CompositeAlarm.Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::DynamoDB::Table.Arn": "arn:{partition}:dynamodb:{region}:{account}:table/{id}",
    "AWS::ECR::Repository.Arn": "arn:{partition}:ecr:{region}:{account}:repository/{id}",
    "AWS::Events::Rule.Arn": "arn:{partition}:events:{region}:{account}:rule/{id}",
    "AWS::IAM::Role.Arn": "arn:{partition}:iam::{account}:role/{id}",
    "AWS::KMS::Key.Arn": "arn:{partition}:kms:{region}:{account}:key/{id}",
    "AWS::Lambda::Function.Arn": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup.Arn": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*",
    "AWS::S3::Bucket.Arn": "arn:{partition}:s3:::{id}",
    "AWS::SQS::Queue.Arn": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::SQS::Queue.QueueName": "{name}",
}


class UnresolvedValue(FilegateError):
    """A template uses an intrinsic function or an attribute that is not known here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """What the names in one stack's template stand for.

    Attributes:
        pseudo: values of `AWS::Region` and its like.
        parameters: values of the template's parameters.
        resources: (type, physical id) by logical id.
        outputs: of the nested stacks, by logical id.
        conditions: the template's conditions, unresolved.
        zones: returns the names of the region's availability zones.
    """

    pseudo: Mapping[str, str]
    parameters: Mapping[str, str]
    resources: Mapping[str, tuple[str, str]]
    outputs: Mapping[str, Mapping[str, str]]
    conditions: Mapping[str, Any]
    zones: Callable[[], Sequence[str]]

    def resolve(self, value: Any) -> Any:
        """`value` with every intrinsic function in it replaced by what it evaluates to.

        Raises:
            UnresolvedValue: a function or an attribute is not known here.
        """
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._evaluate(name, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NOTHING}

    def condition(self, name: str) -> bool:
        return bool(self.resolve(self.conditions[name]))

    def _evaluate(self, name: str, argument: Any) -> Any:  # noqa: PLR0911, PLR0912 - one answer a function
        match name, argument:
            case "Ref", str(target):
                return self._reference(target)
            case "Condition", str(target):
                return self.condition(target)
            case "Fn::GetAtt", [target, attribute]:
                return self._attribute(target, attribute)
            case "Fn::Sub", str(text):
                return _PLACEHOLDER.sub(self._placeholder, text)
            case "Fn::Sub", [str(text), dict(names)]:
                inner = dataclasses.replace(self, parameters={**self.parameters, **self.resolve(names)})
                return inner.resolve({"Fn::Sub": text})
            case "Fn::If", [condition, then, otherwise]:
                return self.resolve(then if self.condition(condition) else otherwise)
            case "Fn::Equals", [left, right]:
                return str(self.resolve(left)) == str(self.resolve(right))
            case "Fn::Not", [inner]:
                return not self.resolve(inner)
            case "Fn::And", [*inner]:
                return all(self.resolve(item) for item in inner)
            case "Fn::Or", [*inner]:
                return any(self.resolve(item) for item in inner)
            case "Fn::Join", [str(separator), items]:
                return separator.join(map(str, self.resolve(items)))
            case "Fn::Split", [str(separator), text]:
                return self.resolve(text).split(separator)
            case "Fn::Select", [index, items]:
                return self._select(int(index), self.resolve(items))
            case "Fn::GetAZs", _:  # of any region, as long as it is the stack's own
                return self.zones()
        raise UnresolvedValue(f"{name} of {argument!r} cannot be evaluated.", advice=f"Add it to {__name__}.")

    def _select(self, index: int, items: Sequence[Any]) -> Any:
        if index >= len(items):
            raise UnresolvedValue(f"Fn::Select finds nothing at {index} of {items!r}.")
        return items[index]

    def _reference(self, target: str) -> Any:
        if target == "AWS::NoValue":
            return _NOTHING
        if target in self.pseudo:
            return self.pseudo[target]
        if target in self.parameters:
            return self.parameters[target]
        if target in self.resources:
            return self.resources[target][1]
        raise UnresolvedValue(f"Ref {target!r} names no parameter and no resource of the stack.")

    def _attribute(self, target: str, attribute: str) -> str:
        if attribute.startswith("Outputs."):
            return self.outputs[target][attribute.removeprefix("Outputs.")]
        kind, physical_id = self.resources[target]
        if physical_id == NOT_CREATED_ID:
            return NOT_CREATED_ID
        form = _ATTRIBUTES.get(f"{kind}.{attribute}")
        if form is None:
            raise UnresolvedValue(f"{kind}.{attribute} cannot be evaluated.", advice=f"Add it to {__name__}.")
        return form.format(
            id=physical_id,
            name=physical_id.rpartition("/")[2],
            partition=self.pseudo["AWS::Partition"],
            region=self.pseudo["AWS::Region"],
            account=self.pseudo["AWS::AccountId"],
        )

    def _placeholder(self, match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        target, dot, attribute = name.partition(".")
        return str(self._attribute(target, attribute) if dot else self._reference(name))
