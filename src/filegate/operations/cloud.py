"""The cloud a command talks to: a deployment by name, a running `filegate local`, or one made for the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic_settings import BaseSettings, SettingsConfigDict

from filegate.errors import FilegateError
from filegate.operations.account import aws_session
from filegate.operations.deliver import S3Upload, Upload
from filegate.operations.pipeline import Pipeline, StepFunctionsPipeline
from filegate.operations.problems import AwsError, NoCloud, WrongUse, explained
from filegate.operations.queue import Queue, SqsQueue
from filegate.operations.running_local import RunningLocal, running_local
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


class ClientSettings(BaseSettings):
    """What a command is told by `FILEGATE_…` variables, or by its options.

    Attributes:
        environment: name of the deployment; None: the running `filegate local`.
        datasets: the folder of the declared datasets.
    """

    model_config = SettingsConfigDict(env_prefix="FILEGATE_", frozen=True)

    environment: str | None = None
    datasets: Path = Path("datasets")


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

    @classmethod
    def of_stack(cls, stack: str, outputs: Mapping[str, str]) -> Outputs:
        """Reads the stack's outputs, as `{"RawBucket": …}`.

        Raises:
            NoCloud: some are missing.
        """
        wanted = {name: "".join(word.title() for word in name.split("_")) for name in cls.__annotations__}
        if missing := [output for output in wanted.values() if output not in outputs]:
            raise NoCloud(
                f"Stack {stack} has no output {', '.join(missing)}.",
                advice="It is still being created, its creation failed, or it is none of Filegate's main stacks.",
            )
        return cls(**{name: outputs[output] for name, output in wanted.items()})


@dataclass(frozen=True)
class Cloud:
    """A deployment, and all that commands do with it.

    Attributes:
        name: what people call it.
        session: boto3's, for what is not here.
        outputs: the names of its parts.
        store: its buckets.
        ledger: its runs.
        dlq: its dead-letter queue.
        pipeline: its state machine.
        upload: puts local files into its buckets.
    """

    name: str
    session: boto3.Session
    outputs: Outputs
    store: ObjectStore
    ledger: Ledger
    dlq: Queue
    pipeline: Pipeline
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
            pipeline=StepFunctionsPipeline(session.client("stepfunctions", config=CLIENT), named.state_machine_arn),
            upload=S3Upload(s3),
        )


def connect(settings: ClientSettings) -> Cloud:
    """The deployment that the settings name, or else the running `filegate local`.

    Raises:
        NoCloud: there is none, or it cannot be reached with the credentials at hand.
        WrongUse: the running `filegate local` uses other datasets than those of the folder that was named.
    """
    cloud = connect_if_any(settings)
    if cloud is None:
        raise NoCloud(
            "No cloud is running.", advice="Start one with `filegate local`, or name a deployment with --environment."
        )
    return cloud


def connect_if_any(settings: ClientSettings) -> Cloud | None:
    """As `connect`, but None where neither a deployment is named nor a `filegate local` runs.

    Raises:
        NoCloud: the deployment that is named, or the running `filegate local`, cannot be reached.
        WrongUse: the running `filegate local` uses other datasets than those of the folder that was named.
    """
    try:
        if settings.environment is not None:
            return _deployed(settings.environment)
        if local := running_local():
            _check_datasets(settings, local)
            from filegate.local.session import session_for  # noqa: PLC0415 - needed by this kind of cloud alone

            session = session_for(local.endpoint, "us-east-1")
            return Cloud.of_session(LOCAL_STACK, session, _stack_outputs(session, LOCAL_STACK))
    except AwsError as error:
        raise explained(error) from error
    return None


@contextmanager
def embedded(datasets: Path, port: int = 0) -> Iterator[tuple[Cloud, Any]]:
    """A cloud of this command's own, and the `EmbeddedCloud` behind it; it ends with the block.

    Raises:
        NoCloud: the "local" extra is not installed.
    """
    try:
        from filegate.local import EmbeddedCloud  # noqa: PLC0415 - slow, and an extra of its own

        machinery = EmbeddedCloud(datasets=datasets, port=port)
    except ImportError as error:
        raise NoCloud(
            f"The embedded cloud is not installed ({error.name} is missing).", advice='pip install "filegate[local]"'
        ) from error
    with machinery:
        outputs = machinery.deploy()
        yield Cloud.of_session(LOCAL_STACK, machinery.session(), outputs), machinery


def _check_datasets(settings: ClientSettings, local: RunningLocal) -> None:
    """Sees that a running `filegate local` holds files against the datasets that the user named, if any."""
    wanted = settings.datasets.resolve()
    if "datasets" in settings.model_fields_set and wanted != local.datasets.resolve():
        raise WrongUse(
            f"The running `filegate local` uses the datasets of {local.datasets}, not those of {wanted}.",
            advice="Stop it and start one with these, or leave --datasets and FILEGATE_DATASETS away.",
        )


def _deployed(environment: str) -> Cloud:
    session = aws_session()
    stack = STACK_PREFIX + environment
    return Cloud.of_session(stack, session, _stack_outputs(session, stack))


def _stack_outputs(session: boto3.Session, stack: str) -> dict[str, str]:
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
