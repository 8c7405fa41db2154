"""Requirements that a template alone fulfils; names of tests start with their ids."""

from __future__ import annotations

from typing import Any

import pytest

STAGES = ("Ingest", "Validate", "Transform", "Output")
BUCKETS = ("RawBucket", "StagingBucket", "ProcessedBucket", "QuarantineBucket")

Resources = dict[str, Any]


def properties(resources: Resources, name: str) -> dict[str, Any]:
    return resources[name]["Properties"]


def rules(resources: Resources, bucket: str) -> list[dict[str, Any]]:
    return properties(resources, bucket)["LifecycleConfiguration"]["Rules"]


def transitions(resources: Resources, bucket: str) -> list[dict[str, Any]]:
    return [item for rule in rules(resources, bucket) for item in rule.get("Transitions", [])]


def test_r2_an_object_in_the_raw_bucket_starts_the_state_machine(resources: Resources) -> None:
    notified = properties(resources, "RawBucket")["NotificationConfiguration"]
    assert notified == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rule = properties(resources, "ObjectCreatedRule")
    assert rule["EventPattern"]["source"] == ["aws.s3"]
    assert rule["EventPattern"]["detail-type"] == ["Object Created"]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": "StateMachine"}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}}
    assert set(target["InputTransformer"]["InputPathsMap"]) == {
        "id",
        "time",
        "bucket",
        "key",
        "version_id",
        "sequencer",
        "etag",
        "size",
    }


def test_r12_raw_moves_to_glacier_after_30_days_and_expires_after_365(resources: Resources) -> None:
    assert transitions(resources, "RawBucket") == [{"StorageClass": "GLACIER", "TransitionInDays": 30}]
    assert [rule["ExpirationInDays"] for rule in rules(resources, "RawBucket") if "ExpirationInDays" in rule] == [365]


def test_r13_r27_processed_moves_to_infrequent_access_or_is_tiered_by_access(
    resources: Resources, templates: dict[str, Any]
) -> None:
    (choice,) = transitions(resources, "ProcessedBucket")
    assert choice["Fn::If"] == [
        "TierProcessedByAccess",
        {"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0},
        {"StorageClass": "STANDARD_IA", "TransitionInDays": 90},
    ]
    parameter = templates["main"]["Parameters"]["ProcessedTiering"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("lifecycle", ["lifecycle", "intelligent-tiering"])
    _, tiered, not_tiered = properties(resources, "ProcessedBucket")["IntelligentTieringConfigurations"]["Fn::If"]
    assert [tier["AccessTier"] for tier in tiered[0]["Tierings"]] == ["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"]
    assert not_tiered == {"Ref": "AWS::NoValue"}


def test_r27_quarantine_is_tiered_by_access(resources: Resources) -> None:
    assert transitions(resources, "QuarantineBucket") == [
        {"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}
    ]


def test_r14_r15_ledger_items_expire_by_their_attribute(resources: Resources) -> None:
    ttl = properties(resources, "LedgerTable")["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_r15_every_bucket_has_lifecycle_rules_and_aborts_incomplete_uploads(resources: Resources, bucket: str) -> None:
    assert all(rule["Status"] == "Enabled" for rule in rules(resources, bucket))
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules(resources, bucket))


def test_staging_expires_after_a_week(resources: Resources) -> None:
    assert [rule["ExpirationInDays"] for rule in rules(resources, "StagingBucket")] == [7]


@pytest.mark.parametrize("bucket", ["RawBucket", "ProcessedBucket"])
def test_buckets_with_data_keep_versions(resources: Resources, bucket: str) -> None:
    assert properties(resources, bucket)["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("bucket", [*BUCKETS, "AccessLogBucket"])
def test_every_bucket_is_private(resources: Resources, bucket: str) -> None:
    assert set(properties(resources, bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = properties(resources, bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_access_to_every_bucket_is_logged(resources: Resources, bucket: str) -> None:
    logging = properties(resources, bucket)["LoggingConfiguration"]
    assert logging["DestinationBucketName"] == {"Ref": "AccessLogBucket"}
    assert logging["LogFilePrefix"] == f"{bucket.removesuffix('Bucket').lower()}/"
    # Otherwise S3 could not write logs of the first requests.
    assert resources[bucket]["DependsOn"] == "AccessLogBucketPolicy"


@pytest.mark.parametrize(
    "name", [*BUCKETS, "AccessLogBucket", "LedgerTable", "LedgerVault", "Dlq", "UndeliveredEvents"]
)
def test_data_outlives_its_stack_by_default(resources: Resources, templates: dict[str, Any], name: str) -> None:
    assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == {"Ref": "DataOnDelete"}
    assert templates["main"]["Parameters"]["DataOnDelete"]["Default"] == "Retain"
    for stack in ("Storage", "Messaging", "Pipeline"):
        assert properties(templates["main"]["Resources"], stack)["Parameters"]["DataOnDelete"] == {
            "Ref": "DataOnDelete"
        }


def test_the_ledger_can_be_restored_and_queried_by_dataset_and_by_status(resources: Resources) -> None:
    table = properties(resources, "LedgerTable")
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["RetainData", True, False]}
    indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table["GlobalSecondaryIndexes"]
    }
    assert indexes == {"by_dataset": ["dataset", "started_at"], "by_status": ["status", "started_at"]}
    assert all(index["Projection"] == {"ProjectionType": "ALL"} for index in table["GlobalSecondaryIndexes"])


def test_the_ledger_is_backed_up_every_day_for_35_days(resources: Resources) -> None:
    plan = properties(resources, "LedgerBackupPlan")["BackupPlan"]
    (rule,) = plan["BackupPlanRule"]
    assert rule["TargetBackupVault"] == {"Ref": "LedgerVault"}
    assert rule["ScheduleExpression"] == "cron(0 5 * * ? *)"
    assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
    selection = properties(resources, "LedgerBackupSelection")["BackupSelection"]
    assert selection["Resources"] == [{"Fn::GetAtt": ["LedgerTable", "Arn"]}]
    backups = ("LedgerVault", "LedgerBackupPlan", "LedgerBackupSelection", "BackupRole")
    assert {resources[name]["Condition"] for name in backups} == {"RetainData"}


@pytest.mark.parametrize("queue", ["Dlq", "UndeliveredEvents"])
def test_r22_r23_a_message_in_a_dead_letter_queue_sends_an_alert(resources: Resources, queue: str) -> None:
    assert properties(resources, queue)["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert properties(resources, queue)["KmsMasterKeyId"] == {"Ref": "KeyArn"}
    watching = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        and resource["Properties"]["Dimensions"][0]["Value"] == {"Ref": f"{queue}Name"}
    ]
    (alarm,) = watching
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)
    assert alarm["AlarmActions"] == [{"Ref": "AlertsTopicArn"}]


@pytest.mark.parametrize("stage", STAGES)
def test_c1_r25_every_function_is_an_arm64_image_of_its_own(
    resources: Resources, templates: dict[str, Any], stage: str
) -> None:
    function = properties(resources, f"{stage}Function")
    assert function["PackageType"] == "Image"
    assert function["Code"] == {"ImageUri": {"Ref": f"{stage}ImageUri"}}
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert templates["main"]["Parameters"]["Architecture"]["Default"] == "arm64"


@pytest.mark.parametrize(("stage", "megabytes"), [*zip(STAGES, (512, 256, 1024, 512), strict=True)])
def test_r26_every_function_has_its_memory(resources: Resources, stage: str, megabytes: int) -> None:
    assert properties(resources, f"{stage}Function")["MemorySize"] == megabytes


@pytest.mark.parametrize("stage", STAGES)
def test_r5_every_function_logs_to_a_group_with_retention(resources: Resources, stage: str) -> None:
    function = properties(resources, f"{stage}Function")
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": f"{stage}LogGroup"}}
    assert properties(resources, f"{stage}LogGroup")["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_r28_the_ledger_s_capacity_is_on_demand(resources: Resources) -> None:
    assert properties(resources, "LedgerTable")["BillingMode"] == "PAY_PER_REQUEST"
