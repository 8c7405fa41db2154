"""Permissions that AWS's documentation requires for what no local cloud shows.

The use of all others is tested in tests/e2e/test_privilege.py, or they are calls of a deployment.
"""

from __future__ import annotations

from dataclasses import dataclass

LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@dataclass(frozen=True)
class Documented:
    """Actions on a resource that AWS's documentation requires.

    Attributes:
        source: the page.
        actions: IAM actions.
        resource: as in a template's `Fn::Sub`.
    """

    source: str
    actions: set[str]
    resource: str = "*"


def _of_function(stage: str) -> list[Documented]:
    return [
        Documented(
            "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
            LOG,
            f"${{{stage}LogGroup.Arn}}",
        ),
        Documented("https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html", TRACE),
        Documented(
            "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions",
            {
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            },
        ),
    ]


_VAULT = "arn:${AWS::Partition}:backup:${AWS::Region}:${AWS::AccountId}:backup-vault:filegate-${Environment}-ledger"
_BACKUP = "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceRolePolicyForBackup.html"

_STATES = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
_PIPELINE = "filegate-${Environment}-pipeline"

_FLOW_LOGS = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html"

DOCUMENTED = {
    "IngestRole": _of_function("Ingest"),
    "ValidateRole": _of_function("Validate"),
    "TransformRole": _of_function("Transform"),
    "OutputRole": _of_function("Output"),
    "StateMachineRole": [
        # A Distributed Map starts and monitors its children itself.
        *(
            Documented("https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html", *granted)
            for granted in (
                ({"states:StartExecution"}, f"{_STATES}:stateMachine:{_PIPELINE}"),
                ({"states:DescribeExecution", "states:StopExecution"}, f"{_STATES}:execution:{_PIPELINE}/*"),
            )
        ),
        Documented(
            "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
            {
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            },
        ),
        Documented(
            "https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html",
            TRACE | {"xray:GetSamplingRules", "xray:GetSamplingTargets"},
        ),
    ],
    "RuleRole": [],
    "BackupRole": [
        Documented(_BACKUP, actions, resource)
        for resource, actions in {
            "${LedgerTable.Arn}": {
                "dynamodb:CreateBackup",
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "dynamodb:StartAwsBackupJob",
            },
            "${LedgerTable.Arn}/backup/*": {"dynamodb:DeleteBackup", "dynamodb:DescribeBackup"},
            _VAULT: {"backup:CopyIntoBackupVault", "backup:DescribeBackupVault"},
            "${KeyArn}": {"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"},
        }.items()
    ],
    "FlowLogRole": [
        Documented(_FLOW_LOGS, LOG | {"logs:DescribeLogStreams"}, "${FlowLogGroup.Arn}"),
        Documented(_FLOW_LOGS, {"logs:DescribeLogGroups"}),
    ],
    "TrailRole": [
        Documented(
            "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html",
            LOG,
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${TrailLogGroup}:log-stream:"
            "${AWS::AccountId}_CloudTrail_${AWS::Region}*",
        )
    ],
    "DeployRole": [
        *(
            Documented(source, actions, f"${{{stage}Repository.Arn}}")
            for stage in ("Ingest", "Validate", "Transform", "Output")
            for source, actions in {
                "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html": {
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:CompleteLayerUpload",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                },
                # On behalf of the principal that creates a function, Lambda checks that it may pull the image.
                "https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#gettingstarted-images-permissions": {
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:GetRepositoryPolicy",
                },
            }.items()
        ),
        # CloudFormation reads the templates on behalf of the deploying principal.
        Documented(
            "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
            {"s3:GetObject"},
            "${ArtifactsBucket.Arn}/*",
        ),
        Documented(
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
            {"kms:Decrypt", "kms:GenerateDataKey"},
            "${RegistryKey.Arn}",
        ),
    ],
}
"""By the role's logical id; every role must be here."""

SEEN = {"IngestRole", "ValidateRole", "TransformRole", "OutputRole", "StateMachineRole", "RuleRole"}
"""The roles whose other actions are tested by use."""
