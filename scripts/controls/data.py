"""What holds data: S3 and DynamoDB."""

from __future__ import annotations

from typing import Any

from scripts.controls.control import Excepted, control
from scripts.controls.policies import allows, listed, policies_of, public, statements
from scripts.deployment import Deployment, Resource

_BUCKET = "AWS::S3::Bucket"
_TABLE = "AWS::DynamoDB::Table"


def _statements(bucket: Resource, deployment: Deployment) -> list[dict[str, Any]]:
    attached = policies_of(bucket, deployment, "AWS::S3::BucketPolicy", "Bucket")
    return [statement for policy in attached for statement in statements(policy)]


def _blocks_public_access(bucket: Resource) -> bool:
    settings = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    blocked = bucket.properties.get("PublicAccessBlockConfiguration", {})
    return all(blocked.get(setting) is True for setting in settings)


def nobody_outside_may(bucket: Resource, deployment: Deployment, *actions: str) -> bool:
    """Whether neither a policy nor an access control list lets anybody do this to a bucket."""
    opened = any(public(item) and allows(item, *actions) for item in _statements(bucket, deployment))
    return not opened and "AccessControl" not in bucket.properties and _blocks_public_access(bucket)


def _takes_access_logs(bucket: Resource, deployment: Deployment) -> bool:
    return any(
        deployment.referred(other.properties.get("LoggingConfiguration", {}).get("DestinationBucketName")) is bucket
        for other in deployment.of(_BUCKET)
    )


@control(
    "S3.1",
    "S3 general purpose buckets should have block public access settings enabled",
    _BUCKET,
    not_applicable="A setting of the whole account, which is not an application's to change. Each bucket of this one "
    "blocks public access by itself (S3.8).",
)
def _s3_1(bucket: Resource, _: Deployment) -> bool:
    return _blocks_public_access(bucket)


@control("S3.2", "S3 general purpose buckets should block public read access", _BUCKET)
def _s3_2(bucket: Resource, deployment: Deployment) -> bool:
    return nobody_outside_may(bucket, deployment, "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket")


@control("S3.3", "S3 general purpose buckets should block public write access", _BUCKET)
def _s3_3(bucket: Resource, deployment: Deployment) -> bool:
    return nobody_outside_may(bucket, deployment, "s3:PutObject", "s3:DeleteObject", "s3:PutObjectAcl")


@control("S3.5", "S3 general purpose buckets should require requests to use SSL", _BUCKET)
def _s3_5(bucket: Resource, deployment: Deployment) -> bool:
    return any(
        (item["Effect"], item.get("Principal"), item.get("Action")) == ("Deny", "*", "s3:*")
        and str(item.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
        and set(listed(item["Resource"])) == {f"<{bucket}.Arn>", f"<{bucket}.Arn>/*"}
        for item in _statements(bucket, deployment)
    )


@control("S3.6", "S3 general purpose bucket policies should restrict access to other AWS accounts", _BUCKET)
def _s3_6(bucket: Resource, deployment: Deployment) -> bool:
    """AWS's list of actions that no other account should have; here, none is for anybody but AWS's own services."""
    return not any(
        allows(
            item,
            "s3:DeleteBucketPolicy",
            "s3:PutBucketAcl",
            "s3:PutBucketPolicy",
            "s3:PutEncryptionConfiguration",
            "s3:PutObjectAcl",
        )
        for item in _statements(bucket, deployment)
    )


@control("S3.8", "S3 general purpose buckets should block public access", _BUCKET)
def _s3_8(bucket: Resource, _: Deployment) -> bool:
    return _blocks_public_access(bucket)


@control("S3.9", "S3 general purpose buckets should have server access logging enabled", _BUCKET)
def _s3_9(bucket: Resource, deployment: Deployment) -> bool | Excepted:
    if _takes_access_logs(bucket, deployment):
        return Excepted("Takes the other buckets' access logs; a log of the log would grow by itself.")
    target = bucket.properties.get("LoggingConfiguration", {}).get("DestinationBucketName")
    return deployment.referred(target) is not None


@control("S3.12", "ACLs should not be used to manage user access to S3 general purpose buckets", _BUCKET)
def _s3_12(bucket: Resource, _: Deployment) -> bool:
    rules = bucket.properties.get("OwnershipControls", {}).get("Rules", [])
    return [rule["ObjectOwnership"] for rule in rules] == ["BucketOwnerEnforced"]


@control("S3.13", "S3 general purpose buckets should have Lifecycle configurations", _BUCKET)
def _s3_13(bucket: Resource, _: Deployment) -> bool:
    rules = bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
    return any(rule["Status"] == "Enabled" for rule in rules)


@control("S3.17", "S3 general purpose buckets should be encrypted at rest with AWS KMS keys", _BUCKET)
def _s3_17(bucket: Resource, deployment: Deployment) -> bool | Excepted:
    rules = bucket.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    defaults = [rule["ServerSideEncryptionByDefault"] for rule in rules]
    if _takes_access_logs(bucket, deployment) and [item["SSEAlgorithm"] for item in defaults] == ["AES256"]:
        return Excepted("S3 delivers access logs only to buckets encrypted with its own keys (SSE-S3).")
    return bool(defaults) and all(
        item["SSEAlgorithm"] == "aws:kms"
        and deployment.referred(item.get("KMSMasterKeyID")) in deployment.of("AWS::KMS::Key")
        for item in defaults
    )


@control("DynamoDB.1", "DynamoDB tables should automatically scale capacity with demand", _TABLE)
def _dynamodb_1(table: Resource, _: Deployment) -> bool:
    return table.properties.get("BillingMode") == "PAY_PER_REQUEST"


@control("DynamoDB.2", "DynamoDB tables should have point-in-time recovery enabled", _TABLE)
def _dynamodb_2(table: Resource, _: Deployment) -> bool:
    recovery = table.properties.get("PointInTimeRecoverySpecification", {})
    return recovery.get("PointInTimeRecoveryEnabled") is True


@control("DynamoDB.4", "DynamoDB tables should be present in a backup plan", _TABLE)
def _dynamodb_4(table: Resource, deployment: Deployment) -> bool:
    return any(
        table in map(deployment.referred, selection.properties["BackupSelection"].get("Resources", []))
        and deployment.referred(selection.properties["BackupPlanId"]) in deployment.of("AWS::Backup::BackupPlan")
        for selection in deployment.of("AWS::Backup::BackupSelection")
    )


@control("DynamoDB.6", "DynamoDB tables should have deletion protection enabled", _TABLE)
def _dynamodb_6(table: Resource, _: Deployment) -> bool:
    return table.properties.get("DeletionProtectionEnabled") is True


S3 = [_s3_1, _s3_2, _s3_3, _s3_5, _s3_6, _s3_8, _s3_9, _s3_12, _s3_13, _s3_17]
DYNAMODB = [_dynamodb_1, _dynamodb_2, _dynamodb_4, _dynamodb_6]
