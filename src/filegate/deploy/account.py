"""The AWS account and region that a command works in, and how it talks to them."""

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

# CloudFormation is asked over and over while it works: being told to ask less often is no failure.
CLIENT = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})

# The first question of a command: where AWS cannot be reached, that is soon told.
FIRST = CLIENT.merge(Config(read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}))


def aws_session() -> boto3.Session:
    """The session of the user's own settings."""
    return boto3.Session(region_name=os.environ.get("AWS_REGION"))  # every SDK but boto3 reads that


@dataclass(frozen=True)
class Account:
    """One region of an account, with the credentials at hand.

    Attributes:
        session: boto3's.
        id: twelve digits.
        region: such as eu-central-1.
        caller: who is let in, as an ARN.
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
        """Who pays for it: the id of its organisation's management account, or its own; None where it is not told."""
        try:
            return self.organizations.describe_organization()["Organization"]["MasterAccountId"]
        except ClientError as error:
            return self.id if error.response["Error"]["Code"] == "AWSOrganizationsNotInUseException" else None


def account_of(session: boto3.Session) -> Account:
    """Whom the session's credentials let in, and where.

    Raises:
        NoCloud: there are no credentials, they are no longer good, or no region is set.
    """
    region = session.region_name
    profile = f"profile {session.profile_name}"
    if region is None:
        raise NoCloud(f"No AWS region is set ({profile}).", advice="Set AWS_REGION, or a region in the profile.")
    try:
        identity = session.client("sts", config=FIRST).get_caller_identity()
    except AwsError as error:
        told = explained(error)
        raise NoCloud(f"{told.problem} ({profile}, region {region})", advice=told.advice) from error
    return Account(session, identity["Account"], region, identity["Arn"])
