"""A CloudFormation stack as it is: whether it exists, its status, its outputs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from filegate.errors import FilegateError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef, StackTypeDef

_MIN_POLL_SECONDS, _MAX_POLL_SECONDS = 0.1, 5.0


class DeploymentFailed(FilegateError):
    """CloudFormation could not apply a template; `problem` names the resource that failed and the reason."""


def describe(client: CloudFormationClient, stack_name: str) -> StackTypeDef | None:
    """CloudFormation's description of the stack, or None if it does not exist."""
    try:
        return client.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def status(client: CloudFormationClient, stack_name: str) -> str | None:
    """The stack's status, or None if it does not exist."""
    found = describe(client, stack_name)
    return None if found is None else found["StackStatus"]


def outputs(client: CloudFormationClient, stack_name: str) -> dict[str, str]:
    """The stack's outputs; empty if it does not exist."""
    found = describe(client, stack_name)
    listed = [] if found is None else found.get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in listed}


def resources(client: CloudFormationClient, stack_name: str) -> Iterator[StackResourceSummaryTypeDef]:
    """The existing resources of a stack; of a nested stack in it, only that stack itself."""
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack_name):
        yield from (item for item in page["StackResourceSummaries"] if item["ResourceStatus"] != "DELETE_COMPLETE")


def wait(client: CloudFormationClient, stack_name: str) -> str | None:
    """Wait for the operation in progress; returns the status afterwards, or None if the stack is gone."""
    started = time.monotonic()
    while True:
        found = status(client, stack_name)
        if found is None or not found.endswith("_IN_PROGRESS"):
            return found
        time.sleep(poll_interval(started))


def poll_interval(started: float) -> float:
    """Seconds until the next poll of an operation that began at `started` (`time.monotonic`): short at first."""
    return min(_MAX_POLL_SECONDS, max(_MIN_POLL_SECONDS, (time.monotonic() - started) / 10))
