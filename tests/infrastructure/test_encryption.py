"""R17 and R20: whatever is at rest is under the key, and the key's policy names exactly those who use it."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from ..iam import listed
from .test_least_privilege import roles, statements

Resources = dict[str, Any]

KEY = {"Ref": "KeyArn"}
# Where each type that keeps data says which key encrypts it.
KEY_OF = {
    "AWS::Backup::BackupVault": "EncryptionKeyArn",
    "AWS::CloudTrail::Trail": "KMSKeyId",
    "AWS::DynamoDB::Table": "SSESpecification.KMSMasterKeyId",
    "AWS::Lambda::Function": "KmsKeyArn",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::S3::Bucket": (
        "BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.KMSMasterKeyID"
    ),
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
}
UNDER_ANOTHER_KEY = {"AccessLogBucket": "S3 does not deliver access logs into a bucket under a customer's key"}
# What a service tells the key about what it encrypts: condition key → type of resource and the property with its name.
CONTEXTS = {
    "kms:EncryptionContext:aws:dynamodb:tableName": ("AWS::DynamoDB::Table", "TableName"),
    "kms:EncryptionContext:aws:s3:arn": ("AWS::S3::Bucket", "BucketName"),
    "kms:EncryptionContext:aws:sns:topicArn": ("AWS::SNS::Topic", "TopicName"),
    "kms:EncryptionContext:aws:sqs:arn": ("AWS::SQS::Queue", "QueueName"),
}


@pytest.fixture(scope="module")
def key(resources: Resources) -> dict[str, Any]:
    return resources["Key"]["Properties"]


def conditions(key: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """The operator and each value, still with its placeholders, of a condition key."""
    for statement in key["KeyPolicy"]["Statement"]:
        for operator, wanted in statement.get("Condition", {}).items():
            for value in listed(wanted.get(name, [])):
                yield operator, value["Fn::Sub"]


def names(resources: Resources, kind: str, name: str) -> set[str]:
    """The names of the resources of one type that are under the key."""
    return {
        resource["Properties"][name]["Fn::Sub"]
        for logical_id, resource in resources.items()
        if resource["Type"] == kind and logical_id not in UNDER_ANOTHER_KEY
    }


def test_r17_r20_whatever_keeps_data_is_under_the_key(resources: Resources) -> None:
    for name, resource in resources.items():
        path = KEY_OF.get(resource["Type"])
        if path is not None and name not in UNDER_ANOTHER_KEY:
            assert jmespath.search(path, resource["Properties"]) == KEY, name


def test_r17_every_bucket_uses_a_key_of_its_own_under_the_key(resources: Resources) -> None:
    for name, resource in resources.items():
        if resource["Type"] == "AWS::S3::Bucket" and name not in UNDER_ANOTHER_KEY:
            (rule,) = resource["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", name
            assert rule["BucketKeyEnabled"] is True, name


def test_r17_the_key_is_rotated_found_by_its_alias_and_outlives_its_stack(
    resources: Resources, key: dict[str, Any]
) -> None:
    assert key["EnableKeyRotation"] is True
    assert resources["Key"]["DeletionPolicy"] == resources["Key"]["UpdateReplacePolicy"] == {"Ref": "DataOnDelete"}
    assert resources["KeyAlias"]["Properties"] == {
        "AliasName": {"Fn::Sub": "alias/filegate-${Environment}"},
        "TargetKeyId": {"Ref": "Key"},
    }


def test_r17_the_roles_that_may_use_the_key_are_the_roles_that_do(resources: Resources, key: dict[str, Any]) -> None:
    named = {arn.rpartition("/")[2] for operator, arn in conditions(key, "aws:PrincipalArn") if operator == "ArnEquals"}
    using = {
        resources[role]["Properties"]["RoleName"]["Fn::Sub"]
        for role in roles(resources)
        if any(KEY in listed(statement["Resource"]) for statement in statements(resources, role))
    }
    assert named == using
    # Who may use the key because IAM says so is everybody but them.
    others = {
        arn.rpartition("/")[2] for operator, arn in conditions(key, "aws:PrincipalArn") if operator != "ArnEquals"
    }
    assert others == using


def test_r17_the_account_uses_the_key_through_services_alone(key: dict[str, Any]) -> None:
    """What ADR 12 says of the statements: service and thing, or the service alone."""
    through, of_anything = set(), set()
    for statement in key["KeyPolicy"]["Statement"]:
        if "AWS" in statement["Principal"] and "Condition" in statement:
            named = {name for wanted in statement["Condition"].values() for name in wanted}
            assert "kms:ViaService" in named, statement["Sid"]
            through.add(statement["Sid"])
            if not any(name.startswith("kms:EncryptionContext:") for name in named):
                of_anything.add(statement["Sid"])
        elif "AWS" in statement["Principal"]:
            assert statement["Sid"] == "AdministerThroughIam"
    assert through
    assert of_anything == {"GrantToServicesThroughIam", "DeployAndOperateThroughIam", "LedgerIsBackedUp"}


def test_eventbridge_reaches_the_queues_and_not_the_encrypted_topic(resources: Resources, key: dict[str, Any]) -> None:
    """It does not say for which account it asks for the key, so that a condition on that would keep it out."""
    events = [
        statement
        for statement in key["KeyPolicy"]["Statement"]
        if "events.amazonaws.com" in listed(statement["Principal"].get("Service", []))
    ]
    assert [set(statement["Condition"]) for statement in events] == [{"ArnEquals"}]
    assert set(events[0]["Condition"]["ArnEquals"]) == {"kms:EncryptionContext:aws:sqs:arn"}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Events::Rule":
            targets = [target["Arn"] for target in resource["Properties"]["Targets"]]
            assert {"Ref": "AlertsTopicArn"} not in targets, name
    publishers = resources["AlertsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert "events.amazonaws.com" not in str(publishers)
    # Who may put a message into a queue is asked of the queue: the rules of this deployment.
    for queue in ("DlqPolicy", "UndeliveredEventsPolicy"):
        (send,) = (
            statement
            for statement in resources[queue]["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        )
        ((operator, source),) = send["Condition"].items()
        assert operator in ("ArnEquals", "ArnLike")
        assert set(source) == {"aws:SourceArn"}


@pytest.mark.parametrize("context", CONTEXTS)
def test_r17_the_key_is_for_the_things_that_are_under_it(
    resources: Resources, key: dict[str, Any], context: str
) -> None:
    values = {value[value.index("filegate-") :] for _, value in conditions(key, context)}
    found = names(resources, *CONTEXTS[context])
    if context.endswith("s3:arn"):  # the bucket, for the key of its own, and what is in it
        found |= {f"{name}/*" for name in found}
    assert values == found


def test_r20_the_key_is_for_every_log_group(resources: Resources, key: dict[str, Any]) -> None:
    ((_, pattern),) = conditions(key, "kms:EncryptionContext:aws:logs:arn")
    for name in names(resources, "AWS::Logs::LogGroup", "LogGroupName"):
        assert fnmatchcase(name, pattern.rpartition(":")[2]), name


def test_r17_whoever_administers_the_key_reads_nothing_with_it(key: dict[str, Any]) -> None:
    cryptographic = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt")
    for statement in key["KeyPolicy"]["Statement"]:
        assert statement["Effect"] == "Allow"
        if any(action.startswith(f"kms:{verb}") for action in listed(statement["Action"]) for verb in cryptographic):
            assert "Condition" in statement, statement["Sid"]
