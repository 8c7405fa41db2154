"""Buckets and their policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Property, Read, Write
from tests.deployed_stack.shapes import document, tags


def _encryption(value: dict[str, Any]) -> dict[str, Any]:
    rules = [dict(rule) for rule in value["ServerSideEncryptionConfiguration"]]
    return {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": rule.pop("ServerSideEncryptionByDefault"), **rule} for rule in rules
        ]
    }


def _lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(dict(rule)) for rule in value["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    expiration = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule.pop("ExpirationInDays"))
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule.pop("ExpiredObjectDeleteMarker")
    transitions = [
        {"Days": int(transition["TransitionInDays"]), "StorageClass": transition["StorageClass"]}
        for transition in rule.pop("Transitions", [])
    ]
    return {
        "ID": rule.pop("Id"),
        "Filter": {"Prefix": rule.pop("Prefix", "")},
        **({"Expiration": expiration} if expiration else {}),
        **({"Transitions": transitions} if transitions else {}),
        **rule,
    }


def _lock(value: dict[str, Any]) -> dict[str, Any]:
    retention = value["Rule"]["DefaultRetention"]
    return {**value, "Rule": {"DefaultRetention": {**retention, "Days": int(retention["Days"])}}}


def _s3(operation: str, path: str) -> Read:
    return Read(service="s3", operation=operation, argument="Bucket", path=path)


def _logging(value: dict[str, Any]) -> dict[str, Any]:
    return {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value["LogFilePrefix"]}


_BUCKET = {
    "BucketName": Property(lambda aws, bucket: bucket if aws.read("s3", "head_bucket", {"Bucket": bucket}) else None),
    "BucketEncryption": Property(
        _s3("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
        _encryption,
    ),
    "IntelligentTieringConfigurations": Property(
        _s3("list_bucket_intelligent_tiering_configurations", "IntelligentTieringConfigurationList")
    ),
    "LifecycleConfiguration": Property(
        _s3("get_bucket_lifecycle_configuration", "{Rules: Rules}"),
        _lifecycle,
    ),
    "LoggingConfiguration": Property(_s3("get_bucket_logging", "LoggingEnabled"), _logging),
    "NotificationConfiguration": Property(
        _s3("get_bucket_notification_configuration", "@"), lambda value: {name: {} for name in value}
    ),
    "ObjectLockConfiguration": Property(
        _s3("get_object_lock_configuration", "ObjectLockConfiguration"),
        _lock,
        Write(
            service="s3",
            operation="put_object_lock_configuration",
            argument="Bucket",
            body="ObjectLockConfiguration",
        ),
    ),
    "ObjectLockEnabled": Property(
        _s3("get_object_lock_configuration", "ObjectLockConfiguration.ObjectLockEnabled == 'Enabled'"),
        write=lambda aws, bucket, _: aws.write(
            "s3",
            "put_object_lock_configuration",
            {"Bucket": bucket, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
        ),
    ),
    "OwnershipControls": Property(_s3("get_bucket_ownership_controls", "OwnershipControls")),
    "PublicAccessBlockConfiguration": Property(_s3("get_public_access_block", "PublicAccessBlockConfiguration")),
    "Tags": tags(_s3("get_bucket_tagging", "TagSet")),
    "VersioningConfiguration": Property(_s3("get_bucket_versioning", "@")),
}

_BUCKET_POLICY = {
    "Bucket": Property(lambda _, bucket: bucket),
    "PolicyDocument": Property(lambda aws, bucket: document(_s3("get_bucket_policy", "Policy")(aws, bucket))),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::S3::Bucket": _BUCKET,
    "AWS::S3::BucketPolicy": _BUCKET_POLICY,
}
