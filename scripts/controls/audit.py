"""What is written down of who did what: CloudTrail."""

from __future__ import annotations

from scripts.controls.control import control
from scripts.controls.data import nobody_outside_may
from scripts.deployment import Deployment, Resource

_TRAIL = "AWS::CloudTrail::Trail"


@control(
    "CloudTrail.1",
    "CloudTrail should be enabled and configured with at least one multi-Region trail that includes read and write "
    "management events",
    _TRAIL,
)
def _cloudtrail_1(trail: Resource, _: Deployment) -> bool:
    selectors = trail.properties.get("AdvancedEventSelectors", [])
    management = [
        {field["Field"] for field in selector["FieldSelectors"]}
        for selector in selectors
        if {"Field": "eventCategory", "Equals": ["Management"]} in selector["FieldSelectors"]
    ]
    simple = [
        selector
        for selector in trail.properties.get("EventSelectors", [])
        if selector.get("IncludeManagementEvents", True) and selector.get("ReadWriteType", "All") == "All"
    ]
    everything = {"eventCategory"} in management or bool(simple)
    return trail.properties["IsLogging"] and trail.properties.get("IsMultiRegionTrail", False) and everything


@control("CloudTrail.2", "CloudTrail should have encryption at-rest enabled", _TRAIL)
def _cloudtrail_2(trail: Resource, deployment: Deployment) -> bool:
    return deployment.referred(trail.properties.get("KMSKeyId")) in deployment.of("AWS::KMS::Key")


@control("CloudTrail.4", "CloudTrail log file validation should be enabled", _TRAIL)
def _cloudtrail_4(trail: Resource, _: Deployment) -> bool:
    return trail.properties.get("EnableLogFileValidation") is True


@control("CloudTrail.5", "CloudTrail trails should be integrated with Amazon CloudWatch Logs", _TRAIL)
def _cloudtrail_5(trail: Resource, deployment: Deployment) -> bool:
    group = deployment.referred(trail.properties.get("CloudWatchLogsLogGroupArn"))
    role = deployment.referred(trail.properties.get("CloudWatchLogsRoleArn"))
    return group in deployment.of("AWS::Logs::LogGroup") and role in deployment.of("AWS::IAM::Role")


@control("CloudTrail.6", "Ensure the S3 bucket used to store CloudTrail logs is not publicly accessible", _TRAIL)
def _cloudtrail_6(trail: Resource, deployment: Deployment) -> bool:
    bucket = deployment.referred(trail.properties["S3BucketName"])
    return bucket is not None and nobody_outside_may(
        bucket, deployment, "s3:GetObject", "s3:ListBucket", "s3:PutObject"
    )


CLOUDTRAIL = [_cloudtrail_1, _cloudtrail_2, _cloudtrail_4, _cloudtrail_5, _cloudtrail_6]
