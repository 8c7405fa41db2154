"""Questions about policies: who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from scripts.deployment import Deployment, Resource

Statement = dict[str, Any]

# Conditions that leave nobody but the principals of one account, organisation or resource; each with a fixed value.
_CLOSING = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "kms:calleraccount",
}


def listed(value: Any) -> list[Any]:
    """One or several, as several."""
    return value if isinstance(value, list) else [value]


def statements(resource: Resource) -> Iterator[Statement]:
    """The statements of all policies that a resource carries or is."""
    properties = resource.properties
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for name in ("PolicyDocument", "KeyPolicy", "RepositoryPolicyText", "AccessPolicy"):
        documents += [properties[name]] if name in properties else []
    for document in documents:
        yield from listed(document["Statement"])


def policies_of(resource: Resource, deployment: Deployment, policy_type: str, attribute: str) -> list[Resource]:
    """The policies that are attached to a resource."""
    return [
        policy
        for policy in deployment.of(policy_type)
        if resource in map(deployment.referred, listed(policy.properties[attribute]))
    ]


def allows(statement: Statement, *actions: str) -> bool:
    """Whether a statement allows any of these actions."""
    if statement["Effect"] != "Allow":
        return False
    if "NotAction" in statement:
        return True
    patterns = [pattern.lower() for pattern in listed(statement["Action"])]
    return any(fnmatchcase(action.lower(), pattern) for action in actions for pattern in patterns)


def on_everything(statement: Statement) -> bool:
    """Whether a statement is about all resources, or all keys of KMS."""
    named = listed(statement.get("Resource", []))
    return "NotResource" in statement or any(name == "*" or name.endswith(":key/*") for name in named)


def public(statement: Statement) -> bool:
    """Whether a statement allows something to anybody."""
    if statement["Effect"] != "Allow":
        return False
    if "NotPrincipal" in statement:
        return True
    principals = statement["Principal"]
    anybody = principals == "*" or "*" in listed(principals.get("AWS", []))
    return anybody and not any(
        key.lower() in _CLOSING and not any(value == "*" for value in listed(values))
        for operator, conditions in statement.get("Condition", {}).items()
        if operator.startswith(("String", "Arn")) and "Not" not in operator and not operator.endswith("IfExists")
        for key, values in conditions.items()
    )


def private_everywhere(resource: Resource, deployment: Deployment, policy_type: str, attribute: str) -> bool:
    """Whether no policy attached to a resource is public."""
    attached = policies_of(resource, deployment, policy_type, attribute)
    return not any(public(statement) for policy in attached for statement in statements(policy))
