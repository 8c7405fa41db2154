"""The AWS account and region that a command works in, and the clients for them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from filegate.aws import AwsError, explained
from filegate.errors import NoCloud

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# CloudFormation is polled while it works: being throttled is not a failure.
CLIENT = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})

# For the first call of a command: an unreachable AWS is reported soon.
FIRST_CALL = CLIENT.merge(Config(read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}))


def aws_session() -> boto3.Session:
    """A session with the user's own settings."""
    return boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 alone does not read it


@dataclass(frozen=True)
class Account:
    """One region of an account, with the current credentials.

    Attributes:
        session: with these credentials.
        id: twelve digits.
        region: such as eu-central-1.
        caller: the ARN of the user or role that the credentials belong to.
    """

    session: boto3.Session
    id: str
    region: str
    caller: str

    @property
    def cloudformation(self) -> CloudFormationClient:
        return self.session.client("cloudformation", config=CLIENT)

    @property
    def dynamodb(self) -> DynamoDBClient:
        return self.session.client("dynamodb", config=CLIENT)

    @property
    def ec2(self) -> EC2Client:
        return self.session.client("ec2", config=CLIENT)

    @property
    def ecr(self) -> ECRClient:
        return self.session.client("ecr", config=CLIENT)

    @property
    def organizations(self) -> OrganizationsClient:
        return self.session.client("organizations", config=CLIENT)

    @property
    def s3(self) -> S3Client:
        return self.session.client("s3", config=CLIENT)

    @property
    def sqs(self) -> SQSClient:
        return self.session.client("sqs", config=CLIENT)

    def payer(self) -> str | None:
        """The id of its organisation's management account, or its own; None without permission to see it."""
        try:
            return self.organizations.describe_organization()["Organization"]["MasterAccountId"]
        except ClientError as error:
            return self.id if error.response["Error"]["Code"] == "AWSOrganizationsNotInUseException" else None


def account_of(session: boto3.Session) -> Account:
    """The account and region that the session's credentials give access to.

    Raises:
        NoCloud: there are no credentials, they are invalid or expired, or no region is set.
    """
    region = session.region_name
    profile = f"profile {session.profile_name}"
    if region is None:
        raise NoCloud(f"No AWS region is set ({profile}).", advice="Set AWS_REGION, or a region in the profile.")
    try:
        identity = session.client("sts", config=FIRST_CALL).get_caller_identity()
    except AwsError as error:
        reason = explained(error)
        raise NoCloud(f"{reason.problem} ({profile}, region {region})", advice=reason.advice) from error
    return Account(session, identity["Account"], region, identity["Arn"])
