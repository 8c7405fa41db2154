"""A control: what AWS calls it, where AWS explains it, and the rule that checks a resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scripts.deployment import Deployment, Resource

Outcome = Literal["passed", "FAILED", "not applicable"]


@dataclass(frozen=True)
class Excepted:
    """Why a resource does not meet a control, and need not."""

    reason: str


Rule = Callable[[Resource, Deployment], bool | Excepted]


@dataclass(frozen=True)
class Finding:
    """What a rule says of a resource."""

    resource: Resource
    verdict: bool | Excepted


@dataclass(frozen=True)
class Control:
    """A control of AWS Security Hub.

    Attributes:
        id: AWS's id of it.
        title: AWS's title of it.
        types: the resources that it is about.
        rule: whether one of them meets it; where the control is not applicable, whether the reason for that is true.
        not_applicable: why there is nothing here that it asks for; "" where there is.
    """

    id: str
    title: str
    types: tuple[str, ...]
    rule: Rule
    not_applicable: str = ""

    @property
    def source(self) -> str:
        """AWS's description of the control."""
        service, _, number = self.id.lower().partition(".")
        return f"https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{service}-{number}"

    def findings(self, deployment: Deployment) -> list[Finding]:
        """What the rule says of each resource that it is about."""
        return [Finding(resource, self.rule(resource, deployment)) for resource in deployment.of(*self.types)]

    def outcome(self, deployment: Deployment) -> Outcome:
        """The control's result; one that is applicable and finds nothing to check has failed."""
        findings = self.findings(deployment)
        if any(finding.verdict is False for finding in findings):
            return "FAILED"
        if self.not_applicable:
            return "not applicable"
        return "passed" if findings else "FAILED"


def control(id_: str, title: str, *types: str, not_applicable: str = "") -> Callable[[Rule], Control]:
    """Make a control out of its rule."""
    return lambda rule: Control(id_, title, types, rule, not_applicable)
