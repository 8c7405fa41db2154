"""A stack as it is: its status, its outputs, what goes on in it, and what went wrong in it."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from filegate.deploy.template import NESTED
from filegate.errors import FilegateError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

Outputs = dict[str, str]

DEPLOYMENTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")  # what operations begin with
DELETIONS = ("DELETE_IN_PROGRESS",)
_OPERATIONS = DEPLOYMENTS + DELETIONS
_SHORT_POLL, _LONG_POLL = 0.1, 5.0  # seconds


class DeploymentFailed(FilegateError):
    """CloudFormation could not bring a stack to what its template says; `problem` names the resource and its reason."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource.

    Attributes:
        id: CloudFormation's, of the event.
        resource: the path of logical ids, as `Storage.RawBucket`; empty for the main stack itself.
        kind: the resource's type.
        status: `CREATE_IN_PROGRESS` and its like.
        reason: CloudFormation's, where it gives one.
    """

    id: str
    resource: str
    kind: str
    status: str
    reason: str | None


def described(client: CloudFormationClient, stack_name: str) -> StackTypeDef | None:
    """What CloudFormation says of the stack, or None if there is no such stack."""
    try:
        return client.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def status(client: CloudFormationClient, stack_name: str) -> str | None:
    """The stack's status, or None if there is no such stack."""
    stack = described(client, stack_name)
    return None if stack is None else stack["StackStatus"]


def outputs_of(stack: StackTypeDef) -> Outputs:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def latest_event(client: CloudFormationClient, stack_name: str) -> str | None:
    """The id of the stack's latest event; None if there is no such stack."""
    if described(client, stack_name) is None:
        return None
    events = client.describe_stack_events(StackName=stack_name)["StackEvents"]
    return events[0]["EventId"] if events else None


def wait(client: CloudFormationClient, stack: str) -> str | None:
    """Wait until the stack's operation is over; returns its status then, or None if the stack is gone."""
    started = time.monotonic()
    while True:
        found = status(client, stack)
        if found is None or not found.endswith("_IN_PROGRESS"):
            return found
        time.sleep(_patience(started))


def follow(client: CloudFormationClient, stack: str, *, after: str | None = None) -> Iterator[Event]:
    """What happens to the stack's resources and to those of its nested stacks, until the operation under way is over.

    Args:
        client: of CloudFormation.
        stack: the stack's id: its name goes with it, if it is being deleted.
        after: the latest event before the operation began; without it, the operation is the one under way.
    """
    started = time.monotonic()
    told: set[str] = set()
    while True:
        ended = not (status(client, stack) or "").endswith("_IN_PROGRESS")  # asked first, so that no event is missed
        own = _operation(client, stack, after=after)
        if own:
            found = _with_nested(client, own, "", own[0]["Timestamp"])
            for _, event in sorted(found, key=lambda pair: pair[0]):
                if event.id not in told:
                    told.add(event.id)
                    yield event
            if ended:
                return
        time.sleep(_patience(started))


def culprit(client: CloudFormationClient, stack: str, beginnings: Container[str] = DEPLOYMENTS) -> str:
    """The resource that failed first in the last operation, in the innermost stack, with its reason."""
    for event in _operation(client, stack, beginnings=beginnings):
        reason = event.get("ResourceStatusReason", "")
        if not event.get("ResourceStatus", "").endswith("_FAILED") or "cancelled" in reason:  # others brought it about
            continue
        nested = _failed_within(client, event) if event["ResourceType"] == NESTED else None
        if nested is not None:
            return f"{event['LogicalResourceId']} → {culprit(client, nested, beginnings)}"
        return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason or 'no reason given'}"
    return "CloudFormation gives no reason."


def _operation(
    client: CloudFormationClient, stack: str, *, after: str | None = None, beginnings: Container[str] = _OPERATIONS
) -> list[StackEventTypeDef]:
    """The events of the stack's last operation, or those after the event of that id, oldest first."""
    found: list[StackEventTypeDef] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:  # newest first
            if event["EventId"] == after:
                return found[::-1]
            found.append(event)
            if after is None and _is_own(event) and event.get("ResourceStatus") in beginnings:
                return found[::-1]
    return found[::-1]


def _with_nested(
    client: CloudFormationClient, events: list[StackEventTypeDef], path: str, since: datetime
) -> list[tuple[datetime, Event]]:
    """The events and those of the nested stacks that they are about, with their times."""
    nested: dict[str, str] = {}
    own = []
    for event in events:
        if path and _is_own(event):
            continue  # the stack around it says the same
        name = "" if _is_own(event) else path + event["LogicalResourceId"]
        told = Event(
            id=event["EventId"],
            resource=name,
            kind=event.get("ResourceType", ""),
            status=event.get("ResourceStatus", ""),
            reason=event.get("ResourceStatusReason") or None,
        )
        own.append((event["Timestamp"], told))
        if name and event.get("ResourceType") == NESTED and event.get("PhysicalResourceId"):
            nested[name] = event["PhysicalResourceId"]
    inner: list[tuple[datetime, Event]] = []
    for name, stack in nested.items():
        latest = [event for event in _operation(client, stack) if event["Timestamp"] >= since]
        inner += _with_nested(client, latest, f"{name}.", since)
    return inner + own


def _is_own(event: StackEventTypeDef) -> bool:
    """Whether the event is about its stack, not about a resource in it."""
    return event.get("PhysicalResourceId") == event["StackId"]


def _failed_within(client: CloudFormationClient, event: StackEventTypeDef) -> str | None:
    """The nested stack that an event is about; None if it is not about one, or if it gives the reason itself."""
    nested = event.get("PhysicalResourceId")
    if _is_own(event):
        return None
    if nested or "ResourceStatusReason" in event:
        return nested or None
    # LocalStack tells neither; but it names nested stacks as AWS does.
    name = f"{event['StackName']}-{event['LogicalResourceId']}-"
    stacks = (stack for page in client.get_paginator("describe_stacks").paginate() for stack in page["Stacks"])
    return next((stack["StackId"] for stack in stacks if stack["StackName"].startswith(name)), None)


def _patience(started: float) -> float:
    """Seconds until the next look: few at first, for the clouds that are quick, and more later."""
    return min(_LONG_POLL, max(_SHORT_POLL, (time.monotonic() - started) / 10))
