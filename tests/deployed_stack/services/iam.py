"""Roles and policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read, Write
from tests.deployed_stack.shapes import document, tags


def _role(path: str) -> Read:
    return Read(service="iam", operation="get_role", argument="RoleName", path=f"Role.{path}")


def _inline_policies(aws: Aws, role: str) -> list[dict[str, Any]]:
    names = aws.read("iam", "list_role_policies", {"RoleName": role}).get("PolicyNames", [])
    policies = [aws.read("iam", "get_role_policy", {"RoleName": role, "PolicyName": name}) for name in names]
    return [{**policy, "PolicyDocument": document(policy["PolicyDocument"])} for policy in policies]


def _policy(path: str) -> Read:
    return Read(service="iam", operation="get_policy", argument="PolicyArn", path=f"Policy.{path}")


def _policy_document(aws: Aws, policy: str) -> Any:
    version = {"PolicyArn": policy, "VersionId": _policy("DefaultVersionId")(aws, policy)}
    return document(aws.read("iam", "get_policy_version", version)["PolicyVersion"]["Document"])


_POLICY = {
    "Description": Property(_policy("Description")),
    "ManagedPolicyName": Property(_policy("PolicyName")),
    "PolicyDocument": Property(_policy_document),
}

_ROLE = {
    "AssumeRolePolicyDocument": Property(
        lambda aws, role: document(_role("AssumeRolePolicyDocument")(aws, role)),
    ),
    "Description": Property(_role("Description")),
    "ManagedPolicyArns": Property(
        Read(
            service="iam",
            operation="list_attached_role_policies",
            argument="RoleName",
            path="AttachedPolicies[].PolicyArn",
        )
    ),
    "Path": Property(_role("Path")),
    "PermissionsBoundary": Property(
        _role("PermissionsBoundary.PermissionsBoundaryArn"),
        write=Write(
            service="iam",
            operation="put_role_permissions_boundary",
            argument="RoleName",
            body="PermissionsBoundary",
        ),
    ),
    "Policies": Property(_inline_policies),
    "RoleName": Property(_role("RoleName")),
    "Tags": tags(_role("Tags")),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::IAM::ManagedPolicy": _POLICY,
    "AWS::IAM::Role": _ROLE,
}
