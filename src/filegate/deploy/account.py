"""The AWS account and region that a command works in."""

from __future__ import annotations

import os
from dataclasses import dataclass

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from filegate.aws import AwsError, explained
from filegate.errors import NoCloud

# CloudFormation is polled while it works: being throttled is not a failure.
CLIENT = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})

# For the first call of a command: an unreachable AWS is reported soon.
FIRST_CALL = CLIENT.merge(Config(read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}))


def aws_session() -> boto3.Session:
    """A session with the user's own settings, whose clients are configured by `CLIENT`."""
    core = botocore.session.get_session()
    core.set_default_client_config(CLIENT)
    return boto3.Session(region_name=os.environ.get("AWS_REGION"), botocore_session=core)  # boto3 does not read it


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

    def payer(self) -> str | None:
        """The id of its organisation's management account, or its own; None without permission to see it."""
        client = self.session.client("organizations")
        try:
            return client.describe_organization()["Organization"]["MasterAccountId"]
        except client.exceptions.AWSOrganizationsNotInUseException:
            return self.id
        except ClientError:
            return None


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
