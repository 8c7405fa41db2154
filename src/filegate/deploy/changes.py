"""What a deployment would change: a change set of CloudFormation's, read with those of its nested stacks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from filegate.deploy.stack import DeploymentFailed, described, wait
from filegate.deploy.template import NESTED

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ParameterTypeDef,
        ResourceChangeTypeDef,
        ResourceTargetDefinitionTypeDef,
    )

CHANGE_SET = "filegate"  # one at a time: a later deployment's takes the place of one that was left over
_CAPABILITIES: tuple[CapabilityType, ...] = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_POLL = 1.0  # seconds
_KNOWN_LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"  # instead of a value
# What nobody can make again: the rows, what was rejected, what happened, and the key to all that.
HOLD_DATA = frozenset(
    {
        "AWS::Backup::BackupVault",
        "AWS::DynamoDB::Table",
        "AWS::ECR::Repository",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
)


class CannotBeDeployed(DeploymentFailed):
    """CloudFormation refuses the templates or the parameters, or the stack is in a state that forbids a deployment."""


class Action(StrEnum):
    """What becomes of a resource."""

    ADD = "add"
    CHANGE = "change"
    MAY_REPLACE = "may replace"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True)
class Edit:
    """What is different about a resource: a property, or another attribute such as its tags.

    Attributes:
        name: of the property.
        before: its value, where CloudFormation tells it.
        after: likewise.
        cause: what in the template leads to it, as a parameter's name, where it is not the template itself.
    """

    name: str
    before: str | None = None
    after: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Change:
    """One resource that would be another one, or another way, after a deployment.

    Attributes:
        resource: the path of logical ids, as `Storage.RawBucket`.
        kind: its type.
        action: what becomes of it.
        edits: why.
        kept: whether what is removed or replaced stays in the account, outside the stack; None if nobody says.
    """

    resource: str
    kind: str
    action: Action
    edits: tuple[Edit, ...] = ()
    kept: bool | None = None

    @property
    def endangers_data(self) -> bool:
        """Whether something that holds data would be gone from the stack, or another, empty one in its place."""
        return self.kind in HOLD_DATA and self.action in (Action.MAY_REPLACE, Action.REPLACE, Action.REMOVE)

    def to_json(self) -> dict[str, Any]:
        """`resource`, `type`, `action`, `edits`, `kept`, `endangers_data`."""
        return {
            "resource": self.resource,
            "type": self.kind,
            "action": str(self.action),
            "edits": [vars(edit) for edit in self.edits],
            "kept": self.kept,
            "endangers_data": self.endangers_data,
        }


@dataclass(frozen=True)
class Plan:
    """A change set that waits to be executed.

    Attributes:
        stack: the name of the stack.
        stack_id: its id.
        change_set: the id of the change set.
        changes: the resources that would change. None does where the outputs alone would.
        empty: whether there is nothing to do at all.
        creates: whether the stack would be created.
        not_seen: why CloudFormation could not look into the nested stacks, if it could not: of those that may change
            `changes` names the stack alone.
    """

    stack: str
    stack_id: str
    change_set: str
    changes: tuple[Change, ...]
    empty: bool
    creates: bool
    not_seen: str | None = None

    @property
    def endangers_data(self) -> bool:
        """Whether something that holds data would not stay as it is, or nobody can see whether it would."""
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


def plan(
    client: CloudFormationClient, stack_name: str, *, source: Mapping[str, str], parameters: Mapping[str, str]
) -> Plan:
    """Ask CloudFormation what a deployment would change. One that was asked before and not executed is forgotten.

    Args:
        client: of CloudFormation.
        stack_name: the stack, which need not exist. Nothing is under way in it.
        source: the template, as `{"TemplateURL": …}` or `{"TemplateBody": …}`.
        parameters: values of the template's parameters; of an existing stack, those not given keep their values.

    Raises:
        CannotBeDeployed: CloudFormation refuses the template or the parameters.
    """
    stack = described(client, stack_name)
    creates = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    values: list[ParameterTypeDef] = []
    values += [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    if stack is not None and not creates:
        had = {item["ParameterKey"] for item in stack.get("Parameters", [])}
        declared = client.get_template_summary(**source)["Parameters"]  # type: ignore[arg-type]
        kept = had.intersection(item["ParameterKey"] for item in declared).difference(parameters)
        values += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept)]
    request: dict[str, Any] = {
        "StackName": stack_name,
        "ChangeSetType": "CREATE" if creates else "UPDATE",
        "Parameters": values,
        "Capabilities": _CAPABILITIES,
        **source,
    }
    answer = _ask(client, request, nested=True)
    not_seen = None
    if answer["Status"] == "FAILED" and not _says_nothing_changes(answer):
        # Nested stacks whose parameters come from stacks that are not there yet cannot always be looked into.
        not_seen = answer.get("StatusReason", "no reason given")
        answer = _ask(client, request, nested=False)
        if answer["Status"] == "FAILED" and not _says_nothing_changes(answer):
            _remove(client, stack_name, answer["ChangeSetId"])
            raise CannotBeDeployed(
                f"Stack {stack_name} cannot be deployed like that: {answer.get('StatusReason', 'no reason given')}"
            )
    changes = tuple(_read(client, _nodes(client, answer["ChangeSetId"]), ""))
    if not_seen is None and any(change.kind == NESTED for change in changes):
        not_seen = "this one answers for the main stack alone."  # LocalStack, and the embedded cloud
    return Plan(
        stack=stack_name,
        stack_id=answer["StackId"],
        change_set=answer["ChangeSetId"],
        changes=changes,
        empty=_says_nothing_changes(answer),
        creates=creates,
        not_seen=not_seen,
    )


def execute(client: CloudFormationClient, wanted: Plan) -> None:
    """Let CloudFormation begin.

    Raises:
        CannotBeDeployed: the plan is no longer there: somebody else deployed, or made another plan.
    """
    try:
        client.execute_change_set(
            StackName=wanted.stack_id,
            ChangeSetName=wanted.change_set,
            RetainExceptOnCreate=True,  # else the buckets of a failed first attempt stand in the way of the second
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ChangeSetNotFound", "InvalidChangeSetStatus"):
            raise
        raise CannotBeDeployed(
            f"What was shown of stack {wanted.stack} holds no longer: somebody else has deployed or is about to.",
            advice="Deploy again, to see what is left to change.",
        ) from error


def discard(client: CloudFormationClient, unwanted: Plan) -> None:
    """Forget the plan, and the empty stack that CloudFormation made for it.

    Who may not delete stacks, as a workflow's role, leaves that one: the next plan is made in it.
    """
    _remove(client, unwanted.stack_id, unwanted.change_set)
    if unwanted.creates:
        try:
            client.delete_stack(StackName=unwanted.stack_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return
        wait(client, unwanted.stack_id)


def _ask(client: CloudFormationClient, request: Mapping[str, Any], *, nested: bool) -> DescribeChangeSetOutputTypeDef:
    """A new change set, and what CloudFormation says of it once it has made up its mind."""
    stack_name = request["StackName"]
    if described(client, stack_name) is not None:
        _remove(client, stack_name, CHANGE_SET)
    try:
        made = client.create_change_set(ChangeSetName=CHANGE_SET, IncludeNestedStacks=nested, **request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise CannotBeDeployed(
            f"Stack {stack_name} cannot be deployed like that: {error.response['Error']['Message']}"
        ) from error
    while True:
        answer = client.describe_change_set(ChangeSetName=made["Id"], StackName=made["StackId"])
        if answer["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return answer
        time.sleep(_POLL)


def _remove(client: CloudFormationClient, stack: str, change_set: str) -> None:
    """Delete a change set, with those of the nested stacks, and wait until it is gone."""
    with suppress(client.exceptions.ChangeSetNotFoundException):
        client.delete_change_set(StackName=stack, ChangeSetName=change_set)
        while client.describe_change_set(StackName=stack, ChangeSetName=change_set)["Status"] != "DELETE_FAILED":
            time.sleep(_POLL)


def _says_nothing_changes(answer: DescribeChangeSetOutputTypeDef) -> bool:
    return any(words in answer.get("StatusReason", "") for words in _NO_CHANGES)


@dataclass(frozen=True)
class _Node:
    """A change that a change set lists, and those of the nested stack that it is about, where they are seen."""

    change: ResourceChangeTypeDef
    inner: tuple[_Node, ...] | None


def _nodes(client: CloudFormationClient, change_set: str) -> tuple[_Node, ...]:
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set, IncludePropertyValues=True)
    listed = [item["ResourceChange"] for page in pages for item in page.get("Changes", [])]
    return tuple(
        _Node(
            change,
            _nodes(client, change["ChangeSetId"])
            if change["ResourceType"] == NESTED and "ChangeSetId" in change
            else None,
        )
        for change in listed
    )


def _read(client: CloudFormationClient, nodes: Sequence[_Node], path: str, *, steady: bool = False) -> Iterator[Change]:
    """The changes of a change set, with those of nested ones in place of the nested stack's.

    Args:
        client: of CloudFormation.
        nodes: what the change set lists.
        path: of the stack's logical ids, with a dot.
        steady: whether the parameters whose values CloudFormation does not know yet keep them.
    """
    for node in nodes:
        change = node.change
        name = path + change["LogicalResourceId"]
        if node.inner is not None:
            yield from _read(client, node.inner, f"{name}.", steady=_is_steady(node, nodes))
            continue
        if change["ResourceType"] == NESTED and change["Action"] == "Remove":
            yield from _removed_with(client, change["PhysicalResourceId"], f"{name}.")
            continue
        policy = change.get("PolicyAction")
        yield Change(
            resource=name,
            kind=change["ResourceType"],
            action=Action.CHANGE if steady and _waits_for_parameters_alone(change) else _action(change),
            edits=tuple(dict.fromkeys(_edits(change))),
            kept=policy.endswith("Retain") if policy else None,
        )


# An output of another nested stack is known once that stack is updated. Until then what depends on it is `Dynamic`, and
# `Conditional` what it may replace, in every change set, whether anything changes or not. What is `Static` is known:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
def _is_steady(stack: _Node, siblings: Sequence[_Node]) -> bool:
    """Whether a nested stack keeps its template and whatever is not known yet of its parameters.

    That is so if these are outputs of stacks in which nothing changes.
    """
    changing = {node.change["LogicalResourceId"] for node in siblings if not _changes_nothing(node)}
    for detail in stack.change.get("Details", []):
        owner, _, output = detail.get("CausingEntity", "").partition(".")
        if detail.get("Evaluation") == "Static":
            if detail["Target"].get("Name") == "TemplateURL":
                return False
        elif owner and (not output.startswith("Outputs.") or owner in changing):
            return False
    return True


def _changes_nothing(stack: _Node) -> bool:
    """Whether no resource, no parameter and not the template of a nested stack changes: so no output does."""
    details = stack.change.get("Details", [])
    return stack.inner == () and all(
        detail.get("Evaluation") == "Dynamic" and "CausingEntity" not in detail for detail in details
    )


def _waits_for_parameters_alone(change: ResourceChangeTypeDef) -> bool:
    """Whether nothing would replace the resource but the value of a parameter that is not known yet."""
    if change["Action"] != "Modify" or change.get("Replacement") != "Conditional":
        return False
    details = [detail for detail in change["Details"] if detail["Target"].get("RequiresRecreation") != "Never"]
    named = [detail for detail in details if "CausingEntity" in detail]
    return bool(named) and all(
        detail.get("Evaluation") == "Dynamic"
        and detail.get("ChangeSource") in ("ParameterReference", "DirectModification")
        and _may_be_equal(detail["Target"])
        for detail in details
    )


def _may_be_equal(target: ResourceTargetDefinitionTypeDef) -> bool:
    before, after = target.get("BeforeValue"), target.get("AfterValue")
    return after in (None, before, _KNOWN_LATER)


def _removed_with(client: CloudFormationClient, stack: str, path: str) -> Iterator[Change]:
    """What goes with a nested stack."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    for item in (item for page in pages for item in page["StackResourceSummaries"]):
        yield Change(path + item["LogicalResourceId"], item["ResourceType"], Action.REMOVE)


def _action(change: ResourceChangeTypeDef) -> Action:
    match change["Action"], change.get("Replacement"):
        case "Add" | "Import", _:
            return Action.ADD
        case "Remove", _:
            return Action.REMOVE
        case _, "True":
            return Action.REPLACE
        case _, "Conditional" if change["ResourceType"] != NESTED:  # which is updated, whatever changes in it
            return Action.MAY_REPLACE
        case _:
            return Action.CHANGE


def _edits(change: ResourceChangeTypeDef) -> Iterator[Edit]:
    for detail in change.get("Details", []):
        target = detail.get("Target", {})
        yield Edit(
            name=_name(target),
            before=target.get("BeforeValue"),
            after=target.get("AfterValue"),
            cause=detail.get("CausingEntity"),
        )


def _name(target: ResourceTargetDefinitionTypeDef) -> str:
    path = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
    return path or target.get("Name") or target.get("Attribute", "")
