"""The events of a stack's operation, nested stacks included: follow them, or find the root cause of a failure."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from filegate.deploy import stack
from filegate.deploy.template import NESTED

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

# The statuses that operations start with.
DEPLOYMENTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
DELETIONS = ("DELETE_IN_PROGRESS",)


@dataclass(frozen=True)
class Event:
    """A change of a resource's status.

    Attributes:
        resource: the path of logical ids, such as `Storage.RawBucket`; empty for the main stack itself.
        status: such as `CREATE_IN_PROGRESS`.
        reason: CloudFormation's reason, if it gives one.
    """

    resource: str
    status: str
    reason: str | None = None


def latest_event(client: CloudFormationClient, stack_name: str) -> str | None:
    """The id of the stack's latest event; None if the stack does not exist."""
    if stack.describe(client, stack_name) is None:
        return None
    events = client.describe_stack_events(StackName=stack_name)["StackEvents"]
    return events[0]["EventId"] if events else None


def follow(client: CloudFormationClient, stack_id: str, *, after: str | None = None) -> Iterator[Event]:
    """Yield the events of the stack and its nested stacks until the operation in progress ends.

    Args:
        client: of CloudFormation.
        stack_id: the stack's id: a deleted stack is not found by name.
        after: the id of the latest event before the operation; without it, the operation is the one in progress.
    """
    started = time.monotonic()
    reported: set[str] = set()
    while True:
        # The status comes before the events, so that the last poll misses none.
        ended = not (stack.status(client, stack_id) or "").endswith("_IN_PROGRESS")
        events = _operation(client, stack_id, after=after)
        if events:
            found = _with_nested(client, events, "", events[0]["Timestamp"])
            for name, event in sorted(found, key=lambda pair: pair[1]["Timestamp"]):
                if event["EventId"] not in reported:
                    reported.add(event["EventId"])
                    yield Event(name, event.get("ResourceStatus", ""), event.get("ResourceStatusReason"))
            if ended:
                return
        time.sleep(stack.poll_interval(started))


def root_cause(client: CloudFormationClient, stack_id: str, starts: Container[str] = DEPLOYMENTS) -> str:
    """The resource that failed first in the last operation, in the innermost nested stack, with its reason.

    Args:
        client: of CloudFormation.
        stack_id: the stack's id or name.
        starts: the statuses that the operation may have started with.

    Returns:
        A sentence without its full stop.
    """
    for event in _operation(client, stack_id, starts=starts):
        reason = event.get("ResourceStatusReason", "")
        if not event.get("ResourceStatus", "").endswith("_FAILED") or "cancelled" in reason:  # a consequence
            continue
        nested = _failed_within(client, event) if event["ResourceType"] == NESTED else None
        if nested is not None:
            return f"{event['LogicalResourceId']} → {root_cause(client, nested, starts)}"
        return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason.rstrip('.') or 'no reason given'}"
    return "CloudFormation gives no reason"


def _operation(
    client: CloudFormationClient,
    stack_id: str,
    *,
    after: str | None = None,
    starts: Container[str] = DEPLOYMENTS + DELETIONS,
) -> list[StackEventTypeDef]:
    """The events of the stack's last operation, or those after the event with the id `after`; oldest first."""
    found: list[StackEventTypeDef] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:  # newest first
            if event["EventId"] == after:
                return found[::-1]
            found.append(event)
            if after is None and _is_about_stack(event) and event.get("ResourceStatus") in starts:
                return found[::-1]
    return found[::-1]


def _with_nested(
    client: CloudFormationClient, events: list[StackEventTypeDef], path: str, since: datetime
) -> Iterator[tuple[str, StackEventTypeDef]]:
    """The events, after those of the nested stacks among their resources since that time; each with its path."""
    found = [
        ("" if _is_about_stack(event) else path + event["LogicalResourceId"], event)
        for event in events
        if not (path and _is_about_stack(event))  # the parent stack reports the same
    ]
    nested = {
        name: event["PhysicalResourceId"]
        for name, event in found
        if name and event.get("ResourceType") == NESTED and event.get("PhysicalResourceId")
    }
    for name, stack_id in nested.items():
        latest = [event for event in _operation(client, stack_id) if event["Timestamp"] >= since]
        yield from _with_nested(client, latest, f"{name}.", since)
    yield from found


def _is_about_stack(event: StackEventTypeDef) -> bool:
    """Whether the event is about its stack, not about a resource in it."""
    return event.get("PhysicalResourceId") == event["StackId"]


def _failed_within(client: CloudFormationClient, event: StackEventTypeDef) -> str | None:
    """The nested stack whose events explain a failure; None if the event explains it itself."""
    nested = event.get("PhysicalResourceId")
    if _is_about_stack(event):
        return None
    if nested or "ResourceStatusReason" in event:
        return nested or None
    # LocalStack reports neither, but it names nested stacks as AWS does.
    name = f"{event['StackName']}-{event['LogicalResourceId']}-"
    stacks = (found for page in client.get_paginator("describe_stacks").paginate() for found in page["Stacks"])
    return next((found["StackId"] for found in stacks if found["StackName"].startswith(name)), None)
