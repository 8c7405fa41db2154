"""A CloudFormation change set of one stack: create it, execute it, or delete it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from filegate.deploy import stack
from filegate.deploy.changes import Change, read_changes
from filegate.deploy.stack import DeploymentFailed
from filegate.deploy.template import NESTED

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef, ParameterTypeDef, StackTypeDef

NAME = "filegate"  # one per stack: a new change set replaces a leftover one
_CAPABILITIES: tuple[CapabilityType, ...] = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_POLL_SECONDS = 1.0


class CannotBeDeployed(DeploymentFailed):
    """CloudFormation refuses the templates or the parameters, or the stack is in a state that forbids a deployment."""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that has not been executed.

    Attributes:
        stack: the stack's name.
        stack_id: the stack's id.
        id: its own.
        changes: the resources that would change; none if only outputs would.
        empty: whether there is nothing to deploy at all.
        creates: whether it would create the stack.
        not_seen: why CloudFormation did not report what changes inside nested stacks; None if it did. `changes` then
            lists the nested stacks themselves.
    """

    stack: str
    stack_id: str
    id: str
    changes: tuple[Change, ...]
    empty: bool
    creates: bool
    not_seen: str | None = None

    @property
    def endangers_data(self) -> bool:
        """Whether a stateful resource would be removed or replaced, or may be because nested stacks are not shown."""
        unseen = self.not_seen is not None and not self.creates
        return unseen or any(change.endangers_data for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """`stack`, `empty`, `changes`, `not_seen`."""
        return {
            "stack": self.stack,
            "empty": self.empty,
            "changes": [change.to_json() for change in self.changes],
            "not_seen": self.not_seen,
        }


def create(
    client: CloudFormationClient, stack_name: str, *, source: Mapping[str, str], parameters: Mapping[str, str]
) -> ChangeSet:
    """Create the change set of a deployment; replaces an earlier one that was not executed.

    Args:
        client: of CloudFormation.
        stack_name: the stack, which need not exist. No operation is in progress on it.
        source: the template, as `{"TemplateURL": …}` or `{"TemplateBody": …}`.
        parameters: values of the template's parameters; an existing stack keeps the values of the others.

    Raises:
        CannotBeDeployed: CloudFormation refuses the template or the parameters.
    """
    existing = stack.describe(client, stack_name)
    creates = existing is None or existing["StackStatus"] == "REVIEW_IN_PROGRESS"
    request: dict[str, Any] = {
        "StackName": stack_name,
        "ChangeSetType": "CREATE" if creates else "UPDATE",
        "Parameters": _parameters(client, None if creates else existing, source, parameters),
        "Capabilities": _CAPABILITIES,
        **source,
    }
    answer = _create(client, request, nested=True)
    not_seen = _failure(answer)
    if not_seen is not None:
        # CloudFormation cannot always preview nested stacks whose parameters come from stacks that do not exist yet.
        answer = _create(client, request, nested=False)
        if (reason := _failure(answer)) is not None:
            _delete(client, stack_name, answer["ChangeSetId"])
            raise _refused(stack_name, reason)
    changes = read_changes(client, answer["ChangeSetId"])
    if not_seen is None and any(change.kind == NESTED for change in changes):
        not_seen = "this cloud reports changes of the main stack only."  # LocalStack and the embedded cloud
    return ChangeSet(
        stack=stack_name,
        stack_id=answer["StackId"],
        id=answer["ChangeSetId"],
        changes=changes,
        empty=_has_no_changes(answer),
        creates=creates,
        not_seen=not_seen,
    )


def delete(client: CloudFormationClient, change_set: ChangeSet) -> None:
    """Delete a change set, and the empty stack that CloudFormation created for it.

    Without permission to delete stacks (the workflow's role has none) that stack stays; the next change set reuses it.
    """
    _delete(client, change_set.stack_id, change_set.id)
    if change_set.creates:
        try:
            client.delete_stack(StackName=change_set.stack_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return
        stack.wait(client, change_set.stack_id)


def _parameters(
    client: CloudFormationClient, existing: StackTypeDef | None, source: Mapping[str, str], given: Mapping[str, str]
) -> list[ParameterTypeDef]:
    """The given values, and the previous ones of what an existing stack has besides and the template still declares."""
    values: list[ParameterTypeDef] = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    if existing is not None:
        previous = {item["ParameterKey"] for item in existing.get("Parameters", [])}
        declared = client.get_template_summary(**source)["Parameters"]  # type: ignore[arg-type]
        kept = previous.intersection(item["ParameterKey"] for item in declared).difference(given)
        values += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept)]
    return values


def _create(
    client: CloudFormationClient, request: Mapping[str, Any], *, nested: bool
) -> DescribeChangeSetOutputTypeDef:
    """Create a change set and wait until CloudFormation has computed it or failed to."""
    stack_name = request["StackName"]
    if stack.describe(client, stack_name) is not None:
        _delete(client, stack_name, NAME)
    try:
        created = client.create_change_set(ChangeSetName=NAME, IncludeNestedStacks=nested, **request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise _refused(stack_name, error.response["Error"]["Message"]) from error
    while True:
        answer = client.describe_change_set(ChangeSetName=created["Id"], StackName=created["StackId"])
        if answer["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return answer
        time.sleep(_POLL_SECONDS)


def _delete(client: CloudFormationClient, stack_name: str, change_set: str) -> None:
    """Delete a change set with those of its nested stacks, and wait until it is gone."""
    with suppress(client.exceptions.ChangeSetNotFoundException):
        client.delete_change_set(StackName=stack_name, ChangeSetName=change_set)
        while client.describe_change_set(StackName=stack_name, ChangeSetName=change_set)["Status"] != "DELETE_FAILED":
            time.sleep(_POLL_SECONDS)


def _has_no_changes(answer: DescribeChangeSetOutputTypeDef) -> bool:
    return any(text in answer.get("StatusReason", "") for text in _NO_CHANGES)


def _failure(answer: DescribeChangeSetOutputTypeDef) -> str | None:
    """Why CloudFormation could not compute the change set; None if it could, and if there is nothing to change."""
    failed = answer["Status"] == "FAILED" and not _has_no_changes(answer)
    return answer.get("StatusReason", "no reason given") if failed else None


def _refused(stack_name: str, reason: str) -> CannotBeDeployed:
    return CannotBeDeployed(f"Stack {stack_name} cannot be deployed like that: {reason}")
