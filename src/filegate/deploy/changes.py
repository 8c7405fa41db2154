"""The resources that a change set of CloudFormation changes, those of nested stacks included."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from filegate.deploy import stack
from filegate.deploy.template import NESTED

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ResourceChangeDetailTypeDef, ResourceChangeTypeDef

# CloudFormation's placeholder for a value that is only known once the change set is executed.
_UNKNOWN_VALUE = "{{changeSet:KNOWN_AFTER_APPLY}}"
STATEFUL_TYPES = frozenset(
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
"""Types of resources whose content a deployment cannot recreate: rows, quarantine, logs, and the key to all of it."""


class Action(StrEnum):
    """What CloudFormation does to a resource."""

    ADD = "add"
    CHANGE = "change"
    MAY_REPLACE = "may replace"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True)
class Edit:
    """One difference of a resource: in a property, or in another attribute such as its tags.

    Attributes:
        name: the property's path, or the attribute's name.
        before: the current value; None where CloudFormation does not report it.
        after: the new value, likewise.
        cause: the parameter or output that causes the difference; None if it is the template itself.
    """

    name: str
    before: str | None = None
    after: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Change:
    """A resource that a deployment would add, change, replace or remove.

    Attributes:
        resource: the path of logical ids, such as `Storage.RawBucket`.
        kind: the resource's type.
        action: what happens to it.
        edits: its differences.
        kept: whether a removed or replaced resource stays in the account, outside of the stack; None if unknown.
    """

    resource: str
    kind: str
    action: Action
    edits: tuple[Edit, ...] = ()
    kept: bool | None = None

    @property
    def endangers_data(self) -> bool:
        """Whether a stateful resource would leave the stack, or be replaced by an empty one."""
        return self.kind in STATEFUL_TYPES and self.action in (Action.MAY_REPLACE, Action.REPLACE, Action.REMOVE)

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


def read_changes(client: CloudFormationClient, change_set: str) -> tuple[Change, ...]:
    """Read the changes of the change set with this id; those in a nested stack stand in place of the stack itself."""
    return tuple(_flatten(client, _entries(client, change_set), ""))


def _entries(client: CloudFormationClient, change_set: str) -> list[ResourceChangeTypeDef]:
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set, IncludePropertyValues=True)
    return [item["ResourceChange"] for page in pages for item in page.get("Changes", [])]


def _flatten(
    client: CloudFormationClient, entries: list[ResourceChangeTypeDef], path: str, *, inputs_unchanged: bool = False
) -> Iterator[Change]:
    """The changes of a change set and of its nested ones, depth first.

    `path` is the prefix of their logical ids, which ends with a dot unless it is empty. `inputs_unchanged` says that
    parameters with a yet unknown value are known to keep it.
    """
    nested = {
        change["LogicalResourceId"]: _entries(client, change["ChangeSetId"])
        for change in entries
        if change["ResourceType"] == NESTED and "ChangeSetId" in change
    }
    # All but the nested stacks in which nothing changes: their outputs stay as they are.
    changing = {
        change["LogicalResourceId"]
        for change in entries
        if nested.get(change["LogicalResourceId"]) != [] or not _keeps_parameters(change)
    }
    for change in entries:
        name = path + change["LogicalResourceId"]
        within = nested.get(change["LogicalResourceId"])
        if within is not None:
            yield from _flatten(client, within, f"{name}.", inputs_unchanged=_keeps_inputs(change, changing))
        elif change["ResourceType"] == NESTED and change["Action"] == "Remove":
            for item in stack.resources(client, change["PhysicalResourceId"]):
                yield Change(f"{name}.{item['LogicalResourceId']}", item["ResourceType"], Action.REMOVE)
        else:
            policy = change.get("PolicyAction")
            yield Change(
                resource=name,
                kind=change["ResourceType"],
                action=Action.CHANGE if inputs_unchanged and _depends_on_parameters_alone(change) else _action(change),
                edits=tuple(dict.fromkeys(map(_edit, change.get("Details", [])))),
                kept=policy.endswith("Retain") if policy else None,
            )


# The output of a sibling stack is known only once that stack is updated. Until then every change set, even one without
# any change, reports what depends on it as `Dynamic` and its replacement as `Conditional`; `Static` means known:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
def _keeps_inputs(nested: ResourceChangeTypeDef, changing: Container[str]) -> bool:
    """Whether a nested stack keeps its template and every parameter whose value is not known yet.

    It does if these parameters are outputs of sibling stacks that are not among the changing ones.
    """
    for detail in nested.get("Details", []):
        owner, _, output = detail.get("CausingEntity", "").partition(".")
        if detail.get("Evaluation") == "Static":
            if detail["Target"].get("Name") == "TemplateURL":
                return False
        elif owner and (not output.startswith("Outputs.") or owner in changing):
            return False
    return True


def _keeps_parameters(nested: ResourceChangeTypeDef) -> bool:
    """Whether neither a parameter nor the template of a nested stack changes."""
    details = nested.get("Details", [])
    return all(detail.get("Evaluation") == "Dynamic" and "CausingEntity" not in detail for detail in details)


def _depends_on_parameters_alone(change: ResourceChangeTypeDef) -> bool:
    """Whether only a parameter whose value is not known yet could cause the resource's replacement."""
    if change["Action"] != "Modify" or change.get("Replacement") != "Conditional":
        return False
    details = [detail for detail in change["Details"] if detail["Target"].get("RequiresRecreation") != "Never"]
    with_cause = [detail for detail in details if "CausingEntity" in detail]
    return bool(with_cause) and all(
        detail.get("Evaluation") == "Dynamic"
        and detail.get("ChangeSource") in ("ParameterReference", "DirectModification")
        and detail["Target"].get("AfterValue") in (None, detail["Target"].get("BeforeValue"), _UNKNOWN_VALUE)
        for detail in details
    )


def _action(change: ResourceChangeTypeDef) -> Action:
    match change["Action"], change.get("Replacement"):
        case "Add" | "Import", _:
            return Action.ADD
        case "Remove", _:
            return Action.REMOVE
        case _, "True":
            return Action.REPLACE
        case _, "Conditional" if change["ResourceType"] != NESTED:  # nested stacks are updated, never replaced
            return Action.MAY_REPLACE
        case _:
            return Action.CHANGE


def _edit(detail: ResourceChangeDetailTypeDef) -> Edit:
    target = detail.get("Target", {})
    path = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
    name = path or target.get("Name") or target.get("Attribute", "")
    return Edit(name, target.get("BeforeValue"), target.get("AfterValue"), detail.get("CausingEntity"))
