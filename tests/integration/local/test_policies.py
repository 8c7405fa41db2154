"""What the policies of the key and of the buckets let whom do, as deployed, asked of an evaluator of policies.

The emulator's evaluator stands in for IAM: it knows every operator that the policies use, and what an absent key means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy  # type: ignore[import-untyped]

from filegate.devcloud.cloud import EmbeddedCloud
from filegate.operations import deliver
from filegate.runs.address import Address
from filegate.storage.s3 import S3ObjectStore

ACCOUNT, OTHER_ACCOUNT, REGION = "000000000000", "999999999999", "us-east-1"
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/administrator"
STRANGER = f"arn:aws:iam::{OTHER_ACCOUNT}:role/stranger"
OTHER_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another"
BUCKETS = ("RawBucket", "StagingBucket", "ProcessedBucket", "QuarantineBucket")

# The condition keys that S3 makes of a request's headers.
FROM_HEADERS = {
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
}


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/filegate-local-{name}-{REGION}"


def via(service: str, **context: str) -> dict[str, str]:
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", **context}


def of_bucket(name: str, key: str = "") -> dict[str, str]:
    return {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::filegate-local-{name}-{ACCOUNT}{key}"}


OF_LEDGER = {"kms:EncryptionContext:aws:dynamodb:tableName": "filegate-local-ledger"}
OF_TOPIC = {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:filegate-local-alerts"}
OF_DLQ = {"kms:EncryptionContext:aws:sqs:arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:filegate-local-dlq"}
OF_UNDELIVERED = {
    "kms:EncryptionContext:aws:sqs:arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:filegate-local-undelivered-events"
}
TRAIL = {"aws:SourceArn": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/filegate-local-audit"}
FOR_AWS = {"kms:GrantIsForAWSResource": "true"}
HERE, ELSEWHERE = {"aws:SourceAccount": ACCOUNT}, {"aws:SourceAccount": OTHER_ACCOUNT}


def of_log_group(name: str) -> dict[str, str]:
    return {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}


def decision(
    policy: Any, who: str, action: str, context: Mapping[str, Any], *, on: str = "any", tls: bool = True
) -> str:
    """What the policy says to `who`, a principal's ARN or a service's name, about the resource `on`."""
    service = who if who.endswith(".amazonaws.com") else None
    asked = EvalContext(
        principal_arn="" if service else who,
        principal_type="AssumedRole",
        principal_account=None if service else who.split(":")[4],
        action=action,
        resource_arn=on,
        region=REGION,
        secure_transport=tls,
        service_context={key.lower(): value for key, value in context.items()},
    )
    return evaluate_resource_policy(policy, asked, service=service).decision


@pytest.fixture(scope="module")
def key_policy(cloud: EmbeddedCloud, outputs: dict[str, str]) -> Any:
    kms = cloud.session().client("kms")
    return json.loads(kms.get_key_policy(KeyId=outputs["KeyArn"], PolicyName="default")["Policy"])


@pytest.mark.parametrize(
    ("who", "action", "context"),
    [
        (ADMINISTRATOR, "kms:PutKeyPolicy", {}),
        (ADMINISTRATOR, "kms:ScheduleKeyDeletion", {}),
        *((ADMINISTRATOR, "kms:CreateGrant", via(name, **FOR_AWS)) for name in ("backup", "dynamodb", "lambda")),
        (ADMINISTRATOR, "kms:RetireGrant", via("backup")),
        # Whoever delivers, reads, operates or deploys
        (ADMINISTRATOR, "kms:GenerateDataKey", via("s3") | of_bucket("raw")),
        (ADMINISTRATOR, "kms:Decrypt", via("s3") | of_bucket("processed", "/flights/part.parquet")),
        (ADMINISTRATOR, "kms:Decrypt", via("s3") | of_bucket("audit")),
        (ADMINISTRATOR, "kms:Decrypt", via("sqs") | OF_DLQ),
        (ADMINISTRATOR, "kms:Decrypt", via("dynamodb") | OF_LEDGER),
        (ADMINISTRATOR, "kms:Encrypt", via("lambda")),
        (role("deploy"), "kms:ReEncryptFrom", via("dynamodb") | OF_LEDGER),
        (role("deploy"), "kms:GenerateDataKey", via("backup")),
        # The pipeline
        *((role(name), "kms:Decrypt", via("dynamodb") | OF_LEDGER) for name in ("ingest", "output", "pipeline")),
        (role("ingest"), "kms:Decrypt", via("s3") | of_bucket("raw")),
        (role("validate"), "kms:GenerateDataKey", via("s3") | of_bucket("quarantine")),
        (role("pipeline"), "kms:GenerateDataKey", via("sqs") | OF_DLQ),
        (role("pipeline"), "kms:GenerateDataKey", via("sns") | OF_TOPIC),
        (role("backup"), "kms:GenerateDataKey", via("dynamodb") | OF_LEDGER),
        (role("backup"), "kms:CreateGrant", via("backup", **FOR_AWS)),
        # Services
        ("cloudwatch.amazonaws.com", "kms:GenerateDataKey", HERE | OF_TOPIC),
        ("budgets.amazonaws.com", "kms:GenerateDataKey", HERE | OF_TOPIC),
        ("costalerts.amazonaws.com", "kms:Decrypt", HERE | OF_TOPIC),
        ("events.amazonaws.com", "kms:GenerateDataKey", OF_DLQ),  # it does not say for which account
        ("events.amazonaws.com", "kms:GenerateDataKey", OF_UNDELIVERED),
        (f"logs.{REGION}.amazonaws.com", "kms:Encrypt", of_log_group("/aws/lambda/filegate-local-ingest")),
        (f"logs.{REGION}.amazonaws.com", "kms:Encrypt", of_log_group("/aws/vendedlogs/states/filegate-local-pipeline")),
        ("cloudtrail.amazonaws.com", "kms:GenerateDataKey", TRAIL),
        ("cloudtrail.amazonaws.com", "kms:DescribeKey", TRAIL),
    ],
)
def test_r17_the_key_s_users_may_use_it(key_policy: Any, who: str, action: str, context: dict[str, str]) -> None:
    assert decision(key_policy, who, action, context) == "Allow"


@pytest.mark.parametrize(
    ("who", "action", "context"),
    [
        # Nobody uses the key but through a service, and nobody hands it on
        *((who, "kms:Decrypt", {}) for who in (ADMINISTRATOR, role("ingest"), role("pipeline"), role("backup"))),
        (ADMINISTRATOR, "kms:Encrypt", {}),
        (ADMINISTRATOR, "kms:Decrypt", via("secretsmanager")),
        (ADMINISTRATOR, "kms:CreateGrant", FOR_AWS),
        (ADMINISTRATOR, "kms:CreateGrant", via("rds", **FOR_AWS)),
        (ADMINISTRATOR, "kms:CreateGrant", via("dynamodb")),
        (ADMINISTRATOR, "kms:CreateGrant", via("dynamodb", **{"kms:GrantIsForAWSResource": "false"})),
        (ADMINISTRATOR, "kms:RetireGrant", {}),
        # Nor for anything but what is Filegate's
        (ADMINISTRATOR, "kms:Decrypt", via("s3") | {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::another"}),
        (ADMINISTRATOR, "kms:GenerateDataKey", via("sqs") | OF_DLQ),
        # The pipeline's roles: only what is theirs
        (role("ingest"), "kms:Decrypt", via("s3") | of_bucket("audit")),
        (role("ingest"), "kms:GenerateDataKey", via("dynamodb") | OF_LEDGER),
        (role("ingest"), "kms:Decrypt", via("sqs") | OF_DLQ),
        (role("ingest"), "kms:Decrypt", via("lambda")),
        (role("pipeline"), "kms:Decrypt", via("s3") | of_bucket("raw")),
        (role("pipeline"), "kms:GenerateDataKey", via("sqs") | OF_UNDELIVERED),
        (role("backup"), "kms:Decrypt", via("s3") | of_bucket("raw")),
        (role("rule"), "kms:Decrypt", {}),
        # Others
        (STRANGER, "kms:Decrypt", via("s3") | of_bucket("raw")),
        (STRANGER, "kms:PutKeyPolicy", {}),
        ("cloudwatch.amazonaws.com", "kms:GenerateDataKey", ELSEWHERE | OF_TOPIC),
        ("cloudwatch.amazonaws.com", "kms:GenerateDataKey", OF_TOPIC),
        ("cloudwatch.amazonaws.com", "kms:GenerateDataKey", HERE | OF_DLQ),
        ("events.amazonaws.com", "kms:GenerateDataKey", HERE | OF_TOPIC),
        ("events.amazonaws.com", "kms:GenerateDataKey", HERE),
        (f"logs.{REGION}.amazonaws.com", "kms:Decrypt", of_log_group("/aws/lambda/another")),
        ("logs.eu-west-1.amazonaws.com", "kms:Decrypt", of_log_group("/aws/lambda/filegate-local-ingest")),
        ("cloudtrail.amazonaws.com", "kms:GenerateDataKey", HERE),
        ("cloudtrail.amazonaws.com", "kms:GenerateDataKey", {"aws:SourceArn": f"{TRAIL['aws:SourceArn']}-2"}),
        ("s3.amazonaws.com", "kms:Decrypt", HERE | of_bucket("raw")),
    ],
)
def test_r17_nobody_else_may_use_the_key(key_policy: Any, who: str, action: str, context: dict[str, str]) -> None:
    assert decision(key_policy, who, action, context) == "ImplicitDeny"


@dataclass(frozen=True)
class Bucket:
    name: str
    policy: Any

    @property
    def anything(self) -> str:
        return f"arn:aws:s3:::{self.name}/any/key"


def bucket_named(cloud: EmbeddedCloud, name: str) -> Bucket:
    return Bucket(name, json.loads(cloud.session().client("s3").get_bucket_policy(Bucket=name)["Policy"]))


@pytest.fixture(scope="module", params=BUCKETS)
def bucket(request: pytest.FixtureRequest, cloud: EmbeddedCloud, outputs: dict[str, str]) -> Bucket:
    return bucket_named(cloud, outputs[request.param])


def put(bucket: Bucket, headers: Mapping[str, str], who: str = ADMINISTRATOR, *, tls: bool = True) -> str:
    """What the bucket's policy says to a PutObject; what it allows is left to the policies of who asks."""
    context = {FROM_HEADERS[name.lower()]: value for name, value in headers.items() if name.lower() in FROM_HEADERS}
    service = {"aws:PrincipalIsAWSService": str(who.endswith(".amazonaws.com")).lower()}
    return decision(bucket.policy, who, "s3:PutObject", {**context, **service}, on=bucket.anything, tls=tls)


def test_a_request_that_names_no_encryption_or_the_key_is_not_refused(bucket: Bucket, outputs: dict[str, str]) -> None:
    assert put(bucket, {}) == "ImplicitDeny"
    named = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": outputs["KeyArn"],
    }
    assert put(bucket, named) == "ImplicitDeny"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-server-side-encryption": "AES256"},
        {"x-amz-server-side-encryption": "aws:kms"},  # of S3's own key, as none is named
        {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": OTHER_KEY},
        {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
    ],
)
def test_r17_another_encryption_or_another_key_is_refused(bucket: Bucket, headers: dict[str, str]) -> None:
    assert put(bucket, headers) == "Deny"


def test_plain_http_is_refused(bucket: Bucket) -> None:
    assert put(bucket, {}, tls=False) == "Deny"


def test_other_accounts_are_refused_and_aws_s_own_services_are_not(bucket: Bucket) -> None:
    assert put(bucket, {}, who=STRANGER) == "Deny"
    assert put(bucket, {}, who="s3.amazonaws.com") == "ImplicitDeny"


def test_only_s3_itself_writes_the_access_logs(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    bucket = bucket_named(cloud, f"filegate-local-access-logs-{ACCOUNT}")
    of_raw = {"aws:SourceArn": f"arn:aws:s3:::{outputs['RawBucket']}"}
    of_another = {"aws:SourceArn": "arn:aws:s3:::another"}

    def write(who: str, context: Mapping[str, str]) -> str:
        service = {"aws:PrincipalIsAWSService": str(who.endswith(".amazonaws.com")).lower()}
        return decision(bucket.policy, who, "s3:PutObject", {**context, **service}, on=bucket.anything)

    assert write("logging.s3.amazonaws.com", HERE | of_raw) == "Allow"
    assert write("logging.s3.amazonaws.com", ELSEWHERE | of_raw) == "ImplicitDeny"
    assert write("logging.s3.amazonaws.com", HERE | of_another) == "ImplicitDeny"
    assert write(ADMINISTRATOR, {}) == "ImplicitDeny"
    assert write(STRANGER, {}) == "Deny"


def test_what_the_project_itself_sends_is_not_refused(
    cloud: EmbeddedCloud, outputs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = cloud.session().client("s3")
    sent: list[Any] = []
    client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request))

    monkeypatch.setattr(deliver, "PART_BYTES", 5 << 20)
    upload, file = deliver.S3Upload(client), tmp_path / "file"
    for size in (1, 6 << 20):  # in one piece, and in parts
        file.write_bytes(b"0" * size)
        upload(file, Address(outputs["RawBucket"], f"orders/{size}"), lambda _: None)
    store = S3ObjectStore(client)
    for name in BUCKETS:
        store.write(Address(outputs[name], "written"), b"1")
    store.copy(Address(outputs["StagingBucket"], "written"), Address(outputs["ProcessedBucket"], "copied"))

    writes = [request for request in sent if request.method in ("PUT", "POST")]
    assert len(writes) == 1 + 4 + len(BUCKETS) + 1  # an upload in two parts also begins and ends
    for request in writes:
        name = urlsplit(request.url).path.split("/")[1]
        headers = {key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
        assert put(bucket_named(cloud, name), headers) == "ImplicitDeny", request.url
