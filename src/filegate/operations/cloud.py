"""A deployment, and the ports through which operators work with its parts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from filegate.aws import AwsError, explained
from filegate.deploy.account import aws_session
from filegate.errors import FilegateError, NoCloud
from filegate.operations.deliver import S3Upload, Upload
from filegate.operations.ports import Queue, SqsQueue, StateMachine, StepFunctionsStateMachine
from filegate.storage.dynamodb import DynamoDBLedger
from filegate.storage.ledger import Ledger
from filegate.storage.objects import ObjectStore
from filegate.storage.s3 import S3ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACK_PREFIX = "filegate-"
LOCAL_STACK = f"{STACK_PREFIX}local"
CLIENT = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}, max_pool_connections=32
)


@dataclass(frozen=True)
class Outputs:
    """The outputs of the main stack that commands use."""

    raw_bucket: str
    processed_bucket: str
    quarantine_bucket: str
    ledger_table: str
    dlq_url: str
    alerts_topic_arn: str
    state_machine_arn: str
    ignored_keys: str = ""  # a deployment of 0.1 has none

    @classmethod
    def of_stack(cls, stack: str, outputs: Mapping[str, str]) -> Outputs:
        """Reads the stack's outputs, as `{"RawBucket": …}`. Raises NoCloud if some are missing."""
        wanted = {each.name: "".join(word.title() for word in each.name.split("_")) for each in fields(cls)}
        optional = {each.name for each in fields(cls) if each.default is not MISSING}
        if missing := [wanted[name] for name in wanted if name not in optional and wanted[name] not in outputs]:
            raise NoCloud(
                f"Stack {stack} has no output {', '.join(missing)}.",
                advice="It is still being created, its creation failed, or it is not a main stack of Filegate.",
            )
        return cls(**{name: outputs[output] for name, output in wanted.items() if output in outputs})


@dataclass(frozen=True)
class Cloud:
    """A deployment: the name of its main stack, its resources' names, its ports; `session` is for what has none."""

    name: str
    session: boto3.Session
    outputs: Outputs
    store: ObjectStore
    ledger: Ledger
    dlq: Queue
    state_machine: StateMachine
    upload: Upload

    @property
    def environment(self) -> str:
        """Its name in the templates."""
        return self.name.removeprefix(STACK_PREFIX)

    @classmethod
    def of_session(cls, name: str, session: boto3.Session, outputs: Mapping[str, str]) -> Cloud:
        """The deployment with these stack outputs."""
        named = Outputs.of_stack(name, outputs)
        s3 = session.client("s3", config=CLIENT)
        return cls(
            name=name,
            session=session,
            outputs=named,
            store=S3ObjectStore(s3),
            ledger=DynamoDBLedger(session.client("dynamodb", config=CLIENT), named.ledger_table),
            dlq=SqsQueue(session.client("sqs", config=CLIENT), named.dlq_url),
            state_machine=StepFunctionsStateMachine(
                session.client("stepfunctions", config=CLIENT), named.state_machine_arn
            ),
            upload=S3Upload(s3),
        )


def connected(stack: str, session: boto3.Session | None = None) -> Cloud:
    """The deployment of that main stack; without a session, with the user's own credentials.

    Raises:
        NoCloud: there is no such stack, or it cannot be reached.
        FilegateError: AWS refuses to answer for another reason.
    """
    try:
        session = session or aws_session()
        return Cloud.of_session(stack, session, stack_outputs(session, stack))
    except AwsError as error:
        raise explained(error) from error


def stack_outputs(session: boto3.Session, stack: str) -> dict[str, str]:
    """The outputs of a stack. Raises NoCloud if there is no such stack."""
    client = session.client("cloudformation", config=CLIENT)
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            raise NoCloud(
                f"There is no stack {stack} in {client.meta.region_name}.", advice=_deployments(client)
            ) from error
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def _deployments(client: CloudFormationClient) -> str:
    """Names the deployments there are, as far as this user may see them."""
    names: list[str] = []
    with suppress(*AwsError, FilegateError):
        for page in client.get_paginator("describe_stacks").paginate():
            names += [
                stack["StackName"].removeprefix(STACK_PREFIX)
                for stack in page["Stacks"]
                if stack["StackName"].startswith(STACK_PREFIX) and "ParentId" not in stack
            ]
    if names:
        return f"Deployed there: {', '.join(sorted(names))}. Name one with --environment, or set AWS_REGION."
    return "Deploy one first, or set AWS_REGION and AWS_PROFILE to where it is."
