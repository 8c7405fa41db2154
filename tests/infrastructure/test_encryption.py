"""R17 and R20: everything at rest is encrypted with the key, whose policy lists exactly its users."""

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
# The property with the key, for each type that holds data.
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
# Encryption contexts: condition key → type of resource and the property with its name.
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
    """The operator and each value of a condition key, with placeholders."""
    for statement in key["KeyPolicy"]["Statement"]:
        for operator, wanted in statement.get("Condition", {}).items():
            for value in listed(wanted.get(name, [])):
                yield operator, value["Fn::Sub"]


def names(resources: Resources, kind: str, name: str) -> set[str]:
    """The names of the resources of one type that the key encrypts."""
    return {
        resource["Properties"][name]["Fn::Sub"]
        for logical_id, resource in resources.items()
        if resource["Type"] == kind and logical_id not in UNDER_ANOTHER_KEY
    }


def test_r17_r20_everything_at_rest_is_encrypted_with_the_key(resources: Resources) -> None:
    for name, resource in resources.items():
        path = KEY_OF.get(resource["Type"])
        if path is not None and name not in UNDER_ANOTHER_KEY:
            assert jmespath.search(path, resource["Properties"]) == KEY, name


def test_r17_every_bucket_uses_a_bucket_key(resources: Resources) -> None:
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


def test_r17_the_key_s_policy_lists_exactly_the_roles_that_use_it(resources: Resources, key: dict[str, Any]) -> None:
    named = {arn.rpartition("/")[2] for operator, arn in conditions(key, "aws:PrincipalArn") if operator == "ArnEquals"}
    using = {
        resources[role]["Properties"]["RoleName"]["Fn::Sub"]
        for role in roles(resources)
        if any(KEY in listed(statement["Resource"]) for statement in statements(resources, role))
    }
    assert named == using
    # The statement for principals with permission from IAM excludes them.
    others = {
        arn.rpartition("/")[2] for operator, arn in conditions(key, "aws:PrincipalArn") if operator != "ArnEquals"
    }
    assert others == using


def test_r17_the_account_uses_the_key_only_through_services(key: dict[str, Any]) -> None:
    """As in ADR 12: restricted by service and context, or by the service only."""
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
    """It does not pass the source account to KMS, so a condition on it would deny access."""
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
    # The queues' policies restrict senders to the rules of this environment.
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
def test_r17_the_key_s_contexts_are_the_resources_that_it_encrypts(
    resources: Resources, key: dict[str, Any], context: str
) -> None:
    values = {value[value.index("filegate-") :] for _, value in conditions(key, context)}
    found = names(resources, *CONTEXTS[context])
    if context.endswith("s3:arn"):  # the bucket, for its bucket key, and its objects
        found |= {f"{name}/*" for name in found}
    assert values == found


def test_r20_the_key_may_encrypt_every_log_group(resources: Resources, key: dict[str, Any]) -> None:
    ((_, pattern),) = conditions(key, "kms:EncryptionContext:aws:logs:arn")
    for name in names(resources, "AWS::Logs::LogGroup", "LogGroupName"):
        assert fnmatchcase(name, pattern.rpartition(":")[2]), name


def test_r17_administrators_of_the_key_cannot_decrypt(key: dict[str, Any]) -> None:
    cryptographic = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt")
    for statement in key["KeyPolicy"]["Statement"]:
        assert statement["Effect"] == "Allow"
        if any(action.startswith(f"kms:{verb}") for action in listed(statement["Action"]) for verb in cryptographic):
            assert "Condition" in statement, statement["Sid"]
