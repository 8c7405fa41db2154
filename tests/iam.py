"""IAM policies as single grants, and whether they match what roles use."""

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
    """A permission that a role needs.

    Attributes:
        role: the role's name.
        action: "s3:GetObject".
        resource: the ARN of the resource.
        call: the call that needs it.
        context: values of condition keys.
    """

    role: str
    action: str
    resource: str
    call: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def request(self) -> EvalContext:
        """The request to evaluate policies for."""
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
    """One action on one resource under one condition: the smallest part of a statement."""

    source: str
    statement: Policy = field(hash=False)

    def covers(self, use: Use) -> bool:
        if "Principal" in self.statement:
            decided = evaluate_resource_policy({"Statement": [self.statement]}, use.request)
        else:
            decided = evaluate(use.request, [parse_policy_document({"Statement": [self.statement]})])
        return bool(decided.decision == "Allow")

    def as_use(self, role: str) -> Use:
        """The use by a role that needs exactly this grant."""
        context = {key: value for keys in self.statement.get("Condition", {}).values() for key, value in keys.items()}
        return Use(role, self.statement["Action"], self.statement["Resource"], self.source, context)

    def __str__(self) -> str:
        shown = f"{self.source}: {self.statement['Action']} on {self.statement['Resource']}"
        return f"{shown} if {json.dumps(self.statement['Condition'])}" if self.statement.get("Condition") else shown


def grants_of(source: str, policy: Policy, *, each_condition: bool = False) -> Iterator[Grant]:
    """The grants of a policy's statements.

    Args:
        source: the policy's name, for messages.
        policy: the document.
        each_condition: whether each value that a condition accepts is a grant of its own.
    """
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        conditions = _each(statement.get("Condition", {})) if each_condition else [statement.get("Condition", {})]
        for action, resource, condition in itertools.product(
            listed(statement["Action"]), listed(statement["Resource"]), conditions
        ):
            single = {"Action": action, "Resource": resource, "Condition": condition}
            yield Grant(f"{source}, {statement['Sid']}", {**statement, **single})


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _each(condition: Mapping[str, Mapping[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """The condition, split by each combination of accepted values."""
    accepted = [(operator, key, listed(values)) for operator, keys in condition.items() for key, values in keys.items()]
    found = []
    for chosen in itertools.product(*(values for _, _, values in accepted)):
        single: dict[str, dict[str, Any]] = {}
        for (operator, key, _), value in zip(accepted, chosen, strict=True):
            single.setdefault(operator, {})[key] = value
        found.append(single)
    return found


def assert_used(granted: Iterable[Grant], used: Iterable[Use], advice: str) -> None:
    """Every grant is used; otherwise fails with the unused ones and `advice`."""
    known = list(used)
    unused = [str(grant) for grant in granted if not any(grant.covers(use) for use in known)]
    assert not unused, "\n".join([f"Granted but never used: {advice}", *dict.fromkeys(unused)])


def assert_granted(granted: Iterable[Grant], used: Iterable[Use], advice: str) -> None:
    """Every use is granted; otherwise fails with the missing ones and `advice`."""
    known = list(granted)
    missing = [str(use) for use in used if not any(grant.covers(use) for grant in known)]
    assert not missing, "\n".join([f"Used but not granted: {advice}", *dict.fromkeys(missing)])
