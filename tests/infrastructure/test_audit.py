"""R20, R27: the audit trail and its bucket."""

from __future__ import annotations

from typing import Any

Resources = dict[str, Any]

DATA_BUCKETS = ("RawBucket", "StagingBucket", "ProcessedBucket", "QuarantineBucket")
TRAIL = {
    "Fn::Sub": "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/filegate-${Environment}-audit"
}


def properties(resources: Resources, name: str) -> dict[str, Any]:
    return resources[name]["Properties"]


def statements(resources: Resources) -> dict[str, dict[str, Any]]:
    policy = properties(resources, "AuditBucketPolicy")["PolicyDocument"]
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def test_r20_the_trail_records_management_and_data_events(resources: Resources) -> None:
    management, data = (item["FieldSelectors"] for item in properties(resources, "Trail")["AdvancedEventSelectors"])
    assert management == [{"Field": "eventCategory", "Equals": ["Management"]}]
    selected = {item.pop("Field"): item for item in map(dict, data)}
    assert selected == {
        "eventCategory": {"Equals": ["Data"]},
        "resources.type": {"Equals": ["AWS::S3::Object"]},
        "resources.ARN": {
            "StartsWith": [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::${{{bucket}}}/"} for bucket in DATA_BUCKETS]
        },
    }


def test_r20_the_trail_covers_all_regions_and_can_be_validated(resources: Resources) -> None:
    trail = properties(resources, "Trail")
    for name in ("IsLogging", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation"):
        assert trail[name] is True, name
    assert TRAIL["Fn::Sub"].endswith(f":trail/{trail['TrailName']['Fn::Sub']}")
    assert resources["Trail"]["DependsOn"] == "AuditBucketPolicy"  # else CloudTrail refuses the bucket


def test_r17_r20_the_trail_is_encrypted_in_the_bucket_and_in_its_log_group(
    resources: Resources, templates: dict[str, Any]
) -> None:
    trail = properties(resources, "Trail")
    assert trail["KMSKeyId"] == {"Ref": "KeyArn"}
    assert trail["CloudWatchLogsLogGroupArn"] == {"Fn::GetAtt": ["TrailLogGroup", "Arn"]}
    assert properties(resources, "TrailLogGroup")["KmsKeyId"] == {"Ref": "KeyArn"}
    key = templates["encryption"]["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
    (statement,) = (item for item in key if item["Principal"].get("Service") == "cloudtrail.amazonaws.com")
    assert statement["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}}
    # With a bucket key, CloudTrail has to decrypt its data key.
    assert statement["Action"] == ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"]


def test_r20_every_log_group_is_encrypted_with_the_key(resources: Resources) -> None:
    groups = {name: item for name, item in resources.items() if item["Type"] == "AWS::Logs::LogGroup"}
    assert {"IngestLogGroup", "StateMachineLogGroup", "TrailLogGroup", "FlowLogGroup"} <= set(groups)
    for name, group in groups.items():
        assert group["Properties"]["KmsKeyId"] == {"Ref": "KeyArn"}, name


def test_r20_cloudtrail_can_assume_the_role_of_its_log_group(resources: Resources) -> None:
    """CloudTrail does not pass the trail, so a condition on it would deny access."""
    (trust,) = properties(resources, "TrailRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    assert "Condition" not in trust


def test_r20_nobody_but_the_trail_writes_to_the_audit_bucket(resources: Resources) -> None:
    found = statements(resources)
    allowed = [item for item in found.values() if item["Effect"] == "Allow"]
    assert {item["Sid"]: item["Action"] for item in allowed} == {
        "TrailLooksAtBucket": "s3:GetBucketAcl",
        "TrailWrites": "s3:PutObject",
    }
    for item in allowed:
        assert item["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert item["Condition"]["StringEquals"]["aws:SourceArn"] == TRAIL
    assert {"RefusePlainHttp", "RefuseOtherAccounts"} <= set(found)


def test_r20_the_audit_bucket_is_private_versioned_encrypted_and_logged(resources: Resources) -> None:
    bucket = properties(resources, "AuditBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KeyArn"}}
    assert bucket["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "AccessLogBucket"}
    assert resources["AuditBucket"]["DeletionPolicy"] == {"Ref": "DataOnDelete"}
    assert resources["AuditBucket"]["UpdateReplacePolicy"] == {"Ref": "DataOnDelete"}


def test_r20_audit_records_can_be_locked_against_everybody(resources: Resources, templates: dict[str, Any]) -> None:
    bucket = properties(resources, "AuditBucket")
    nothing = {"Ref": "AWS::NoValue"}
    assert bucket["ObjectLockEnabled"] == {"Fn::If": ["LocksAudit", True, nothing]}
    condition, lock, otherwise = bucket["ObjectLockConfiguration"]["Fn::If"]
    assert (condition, otherwise) == ("LocksAudit", nothing)
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": {"Ref": "AuditLockDays"}}
    assert templates["main"]["Parameters"]["AuditLockDays"]["Default"] == 0


def test_r27_audit_records_are_tiered_by_access(resources: Resources) -> None:
    (rule,) = properties(resources, "AuditBucket")["LifecycleConfiguration"]["Rules"]
    assert rule["Transitions"] == [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]
    assert "ExpirationInDays" not in rule


def test_r20_the_trail_is_the_default(templates: dict[str, Any]) -> None:
    main = templates["main"]
    assert main["Parameters"]["AuditTrail"]["Default"] == "yes"
    assert main["Resources"]["Audit"]["Condition"] == "HasAuditTrail"
