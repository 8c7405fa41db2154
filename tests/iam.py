"""Policies of IAM: what they grant, one thing at a time, and whether that covers what somebody does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate, evaluate_resource_policy, parse_policy_document  # type: ignore[import-untyped]

from filegate.devcloud.cloud import REGION

ACCOUNT = "000000000000"
Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Use:
    """One thing that a role needs to be allowed.

    Attributes:
        role: the role's name.
        action: "s3:GetObject".
        resource: the ARN of what it is done to.
        call: what it is needed for.
        context: the condition keys that a policy may ask for.
    """

    role: str
    action: str
    resource: str
    call: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def question(self) -> EvalContext:
        """What a policy is asked."""
        return EvalContext(
            principal_arn=f"arn:aws:iam::{ACCOUNT}:role/{self.role}",
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=self.action,
            resource_arn=self.resource,
            region=REGION,
            secure_transport=True,
            service_context={key.lower(): value for key, value in self.context.items()},
        )

    def __str__(self) -> str:
        return f"{self.role}: {self.action} on {self.resource}, for {self.call}"


@dataclass(frozen=True)
class Grant:
    """One action on one resource under one set of conditions: the least that a statement can grant."""

    where: str
    statement: Policy = field(hash=False)

    def covers(self, use: Use) -> bool:
        if "Principal" in self.statement:
            decided = evaluate_resource_policy({"Statement": [self.statement]}, use.question)
        else:
            decided = evaluate(use.question, [parse_policy_document({"Statement": [self.statement]})])
        return bool(decided.decision == "Allow")

    def as_use(self, role: str) -> Use:
        """The use that a role would make of it."""
        context = {key: value for keys in self.statement.get("Condition", {}).values() for key, value in keys.items()}
        return Use(role, self.statement["Action"], self.statement["Resource"], self.where, context)

    def __str__(self) -> str:
        told = f"{self.where}: {self.statement['Action']} on {self.statement['Resource']}"
        return f"{told} if {json.dumps(self.statement['Condition'])}" if self.statement.get("Condition") else told


def grants_of(where: str, policy: Policy, *, each_condition: bool = False) -> Iterator[Grant]:
    """All that a policy grants, one by one.

    Args:
        where: whose policy it is, for messages.
        policy: the document.
        each_condition: whether the values that a condition accepts count one by one, too.
    """
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        conditions = _each(statement.get("Condition", {})) if each_condition else [statement.get("Condition", {})]
        for action, resource, condition in itertools.product(
            listed(statement["Action"]), listed(statement["Resource"]), conditions
        ):
            single = {"Action": action, "Resource": resource, "Condition": condition}
            yield Grant(f"{where}, {statement['Sid']}", {**statement, **single})


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _each(condition: Mapping[str, Mapping[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """The condition once for each combination of the values that it accepts."""
    asked = [(operator, key, listed(values)) for operator, keys in condition.items() for key, values in keys.items()]
    found = []
    for chosen in itertools.product(*(values for _, _, values in asked)):
        single: dict[str, dict[str, Any]] = {}
        for (operator, key, _), value in zip(asked, chosen, strict=True):
            single.setdefault(operator, {})[key] = value
        found.append(single)
    return found


def assert_used(granted: Iterable[Grant], used: Iterable[Use], advice: str) -> None:
    """Nothing is granted that nobody needs; `advice` says what to do where something is."""
    known = list(used)
    unused = [str(grant) for grant in granted if not any(grant.covers(use) for use in known)]
    assert not unused, "\n".join([f"Granted but never used: {advice}", *dict.fromkeys(unused)])


def assert_granted(granted: Iterable[Grant], used: Iterable[Use], advice: str) -> None:
    """Nothing is needed that nobody grants; `advice` says what to do where something is."""
    known = list(granted)
    missing = [str(use) for use in used if not any(grant.covers(use) for grant in known)]
    assert not missing, "\n".join([f"Used but not granted: {advice}", *dict.fromkeys(missing)])
