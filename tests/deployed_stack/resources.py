"""Every property that the templates use, and how it is read back.

A property that is not listed by its service fails the comparison: add it when a template uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property
from tests.deployed_stack.services import (
    backup,
    cloudformation,
    cloudwatch,
    dynamodb,
    ec2,
    ecr,
    events,
    functions,
    iam,
    kms,
    logs,
    messaging,
    s3,
    stepfunctions,
)

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    **backup.PROPERTIES,
    **cloudformation.PROPERTIES,
    **cloudwatch.PROPERTIES,
    **dynamodb.PROPERTIES,
    **ec2.PROPERTIES,
    **ecr.PROPERTIES,
    **events.PROPERTIES,
    **functions.PROPERTIES,
    **iam.PROPERTIES,
    **kms.PROPERTIES,
    **logs.PROPERTIES,
    **messaging.PROPERTIES,
    **s3.PROPERTIES,
    **stepfunctions.PROPERTIES,
}

# Resource types that a local cloud does not create: its CloudFormation only records that there is such a resource, or
# it does not have the service. A type that is not listed here has to be there.
NOT_CREATED: Mapping[str, str] = {
    **dict.fromkeys(
        ("AWS::Backup::BackupPlan", "AWS::Backup::BackupSelection", "AWS::Backup::BackupVault"),
        "LocalStack has no AWS Backup",
    ),
    **dict.fromkeys(
        (
            "AWS::BCM::Dashboard",
            "AWS::Budgets::Budget",
            "AWS::CE::AnomalyMonitor",
            "AWS::CE::AnomalySubscription",
            "AWS::CE::CostCategory",
        ),
        "no local cloud has a bill",
    ),
    "AWS::CloudTrail::Trail": "ministack's CloudFormation does not know it; LocalStack has no CloudTrail",
    "AWS::EC2::FlowLog": "no local CloudFormation knows it, and no local network has traffic",
    "AWS::EC2::NetworkAcl": "ministack's CloudFormation does not know it",
    "AWS::EC2::NetworkAclEntry": "ministack has no list to put it into",
    "AWS::EC2::SubnetNetworkAclAssociation": "ministack has no list to associate",
    "AWS::ECR::Repository": "LocalStack has no ECR",
    "AWS::IAM::OIDCProvider": "no local CloudFormation knows it",
    "AWS::Logs::QueryDefinition": "no local CloudFormation knows it, and no local cloud keeps queries",
}

# A property that a local cloud does not show although the resource is there. It may be missing from what the service
# answers, but it may not differ.
NOT_SHOWN: Mapping[tuple[str, str], str] = {
    ("AWS::CloudWatch::Dashboard", "Tags"): "local clouds tag alarms only",
    ("AWS::EC2::VPCEndpoint", "PolicyDocument"): "ministack answers without it",
    ("AWS::IAM::ManagedPolicy", "Description"): "LocalStack drops it, and it cannot be set later",
    ("AWS::Lambda::Function", "KmsKeyArn"): "LocalStack's functions have no place for it",
    ("AWS::StepFunctions::StateMachine", "TracingConfiguration"): "no local cloud keeps it",
}

# A policy, an entry or an association has no id of its own: it is read through what it is attached to, which this
# property names. A dashboard, which LocalStack's CloudFormation only records, is created by its name; a backup's
# selection, of which ministack's does, by its plan.
ATTACHED_BY: Mapping[str, str] = {
    "AWS::Backup::BackupSelection": "BackupPlanId",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::EC2::NetworkAclEntry": "NetworkAclId",
    "AWS::EC2::SubnetNetworkAclAssociation": "NetworkAclId",
    "AWS::EC2::SubnetRouteTableAssociation": "RouteTableId",
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
}

# What a nested stack's template says is compared resource by resource, so its address need not be.
NOT_COMPARED: Mapping[str, frozenset[str]] = {"AWS::CloudFormation::Stack": frozenset({"TemplateURL"})}

# Properties that say something only together: read into one before they are compared.
COMBINED: Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]] = {
    "AWS::EC2::NetworkAclEntry": ec2.entry,
    "AWS::EC2::SubnetNetworkAclAssociation": ec2.subnet,
    "AWS::EC2::SubnetRouteTableAssociation": ec2.subnet,
    "AWS::StepFunctions::StateMachine": stepfunctions.with_definition,
}
