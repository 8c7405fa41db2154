"""R16: each function has a role of its own, which may do what its stage does and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

Resources = dict[str, Any]

READ = {"s3:GetObject", "s3:ListBucket"}
READ_VERSIONS = READ | {"s3:GetObjectVersion"}
WRITE = {"s3:PutObject", "s3:AbortMultipartUpload"}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
TRACE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
NETWORK = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
ALIKE = {"KeyArn": KEY, "*": TRACE | NETWORK}

# What each stage does, from the design: stage → what it touches → actions.
ALLOWED = {
    "Ingest": {
        "RawBucket": READ_VERSIONS,
        "StagingBucket": READ | WRITE,
        "QuarantineBucket": READ,
        "LedgerTable": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "IngestLogGroup": LOG,
        **ALIKE,
    },
    "Validate": {
        "RawBucket": READ_VERSIONS,
        "StagingBucket": READ | WRITE,
        "QuarantineBucket": READ | WRITE,
        "LedgerTable": {"dynamodb:UpdateItem"},
        "ValidateLogGroup": LOG,
        **ALIKE,
    },
    "Transform": {
        "StagingBucket": READ | WRITE,
        "LedgerTable": {"dynamodb:UpdateItem"},
        "TransformLogGroup": LOG,
        **ALIKE,
    },
    "Output": {
        "StagingBucket": READ,
        "ProcessedBucket": READ | WRITE | {"s3:DeleteObject"},
        "LedgerTable": {
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:ConditionCheckItem",
        },
        "OutputLogGroup": LOG,
        **ALIKE,
    },
}
# Statements that may name every resource, and why: the reason stands beside them in the template, too.
EVERY_RESOURCE = {
    "DeliverLogs": "CloudWatch Logs deliveries have no ARNs",
    "Trace": "trace segments have no ARNs",
    "JoinNetwork": "network interfaces have no names before they are made",
}


def statements(resources: Resources, role: str) -> Iterator[dict[str, Any]]:
    """Each statement of a role, those too that hang on a condition of the template."""
    for policy in resources[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def roles(resources: Resources) -> list[str]:
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]


@pytest.mark.parametrize("stage", ALLOWED)
def test_r16_a_function_s_role_allows_what_its_stage_does(resources: Resources, stage: str) -> None:
    granted: dict[str, set[str]] = {}
    for statement in statements(resources, f"{stage}Role"):
        assert statement["Effect"] == "Allow"
        for resource in listed(statement["Resource"]):
            for target in _targets(resource):
                granted.setdefault(target, set()).update(listed(statement["Action"]))
    assert granted == ALLOWED[stage]


def _targets(resource: Any) -> list[str]:
    """The parameter or resource that an ARN is or is made of, or `*`."""
    if resource == "*":
        return ["*"]
    if "Ref" in resource:
        return [resource["Ref"]]
    if "Fn::GetAtt" in resource:
        return [resource["Fn::GetAtt"][0]]
    return [name for name in re.findall(r"\$\{([\w:]+)\}", resource["Fn::Sub"]) if not name.startswith("AWS::")]


@pytest.mark.parametrize("stage", ALLOWED)
def test_r16_r17_a_stage_decrypts_what_it_reads_and_encrypts_what_it_writes(resources: Resources, stage: str) -> None:
    contexts: dict[str, set[str]] = {}
    for statement in statements(resources, f"{stage}Role"):
        if {"Ref": "KeyArn"} not in listed(statement["Resource"]):
            continue
        action, condition = statement["Action"], statement["Condition"]
        service = condition["StringEquals"]["kms:ViaService"]["Fn::Sub"].partition(".")[0]
        if service == "s3":
            places = condition["ArnLike"]["kms:EncryptionContext:aws:s3:arn"]
            contexts[action] = {target for place in places for target in _targets(place)}
            assert len(places) == 2 * len(contexts[action]), "a bucket, for its own key, and its objects"
        else:
            assert (service, action) == ("dynamodb", "kms:Decrypt")
            assert condition["StringEquals"]["kms:EncryptionContext:aws:dynamodb:tableName"] == {"Ref": "LedgerTable"}
    allowed = ALLOWED[stage]
    assert contexts == {
        "kms:Decrypt": {target for target, actions in allowed.items() if "s3:GetObject" in actions},
        "kms:GenerateDataKey": {target for target, actions in allowed.items() if "s3:PutObject" in actions},
    }


def test_r16_r18_only_lambda_itself_may_touch_network_interfaces(resources: Resources) -> None:
    for stage in ALLOWED:
        (joining,) = (item for item in statements(resources, f"{stage}Role") if item["Sid"] == "JoinNetwork")
        assert joining["Condition"] == {"Null": {"lambda:SourceFunctionArn": True}}


def test_r16_every_role_stays_within_the_boundary_if_there_is_one(resources: Resources) -> None:
    for role in roles(resources):
        assert resources[role]["Properties"]["PermissionsBoundary"] == {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
        }, role


@pytest.mark.parametrize("stage", ALLOWED)
def test_r16_no_role_is_shared(resources: Resources, stage: str) -> None:
    using = [
        name
        for name, resource in resources.items()
        if (resource["Properties"].get("Role") or resource["Properties"].get("RoleArn"))
        == {"Fn::GetAtt": [f"{stage}Role", "Arn"]}
    ]
    assert using == [f"{stage}Function"]


def test_r16_no_action_and_no_resource_is_a_wildcard_without_a_reason(resources: Resources) -> None:
    for role in roles(resources):
        for statement in statements(resources, role):
            assert not any("*" in action for action in listed(statement["Action"])), (role, statement["Sid"])
            if "*" in listed(statement["Resource"]):
                assert statement["Sid"] in EVERY_RESOURCE, role


def test_r16_each_role_is_taken_on_by_one_service(resources: Resources) -> None:
    for role in roles(resources):
        (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(trust["Principal"]) == ["Service"], role
        assert isinstance(trust["Principal"]["Service"], str), role


def test_r16_the_state_machine_may_call_the_functions_and_report(resources: Resources) -> None:
    granted = {action for item in statements(resources, "StateMachineRole") for action in listed(item["Action"])}
    assert {action for action in granted if not action.startswith("logs:")} == {
        "lambda:InvokeFunction",
        "dynamodb:UpdateItem",
        "sqs:SendMessage",
        "sns:Publish",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        *TRACE,
        *KEY,
    }
