"""Take a deployment away, and see that nobody's data goes with it unasked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from filegate.errors import FilegateError
from filegate.operations.account import Account
from filegate.operations.deploy import stack
from filegate.operations.deploy.stack import DeploymentFailed, Event
from filegate.operations.deploy.template import NESTED
from filegate.operations.problems import WrongUse

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_LOOKED_AT = 1_000  # object versions; more are not counted


class DataAtStake(FilegateError):
    """A deployment holds data, and nobody has said what is to become of it."""


class Fate(StrEnum):
    """What becomes of buckets and ledger when the deployment goes: parameter DataOnDelete of the main template."""

    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True)
class Holding:
    """A bucket or a table of the deployment.

    Attributes:
        resource: the path of logical ids, as `Storage.RawBucket`.
        kind: its type.
        name: in its service.
        count: object versions, or items by DynamoDB's count, which is some hours old.
        more: whether there are more than `count`.
    """

    resource: str
    kind: str
    name: str
    count: int
    more: bool

    def to_json(self) -> dict[str, Any]:
        """`resource`, `type`, `name`, `count`, `more`."""
        return {"resource": self.resource, "type": self.kind, "name": self.name, "count": self.count, "more": self.more}


@dataclass(frozen=True)
class Inventory:
    """What a deployment holds.

    Attributes:
        stack_id: its stack's.
        fate: what the stack will do to its buckets and its table.
        holdings: those.
    """

    stack_id: str
    fate: Fate
    holdings: tuple[Holding, ...]

    @property
    def full(self) -> tuple[Holding, ...]:
        """Those that are not empty."""
        return tuple(holding for holding in self.holdings if holding.count or holding.more)


def take_inventory(account: Account, stack_name: str) -> Inventory:
    """What the deployment holds, and what its stack will do to it.

    Raises:
        WrongUse: there is no such stack.
    """
    client = account.cloudformation
    found = stack.described(client, stack_name)
    if found is None:
        raise WrongUse(f"There is no stack {stack_name} in {account.region} of account {account.id}.")
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in found.get("Parameters", [])}
    return Inventory(
        stack_id=found["StackId"],
        fate=Fate.DELETE if parameters.get("DataOnDelete") == "Delete" else Fate.KEEP,
        holdings=tuple(_holdings(account, found["StackId"], "")),
    )


def refuse(inventory: Inventory, wanted: Fate | None) -> None:
    """See that what becomes of the data is what was asked for.

    Raises:
        DataAtStake: it is not, or nothing was asked for.
    """
    match inventory.fate, wanted:
        case Fate.KEEP, None:
            raise DataAtStake(
                "Its buckets and its ledger would stay behind without a stack (DataOnDelete=Retain), and their names "
                "would be taken for a later deployment of this name.",
                advice="To leave them behind: --data keep. To be rid of them: deploy with DataOnDelete=Delete first.",
            )
        case Fate.KEEP, Fate.DELETE:
            raise DataAtStake(
                "Its stack keeps buckets and ledger (DataOnDelete=Retain).",
                advice="Deploy with DataOnDelete=Delete first.",
            )
        case Fate.DELETE, Fate.KEEP:
            raise DataAtStake(
                "Its stack deletes buckets and ledger (DataOnDelete=Delete).",
                advice="Deploy with DataOnDelete=Retain first.",
            )
        case Fate.DELETE, None if inventory.full:
            raise DataAtStake(
                "What they hold would be lost (DataOnDelete=Delete).",
                advice="Copy what you want to keep. To lose the rest: --data delete.",
            )


def destroy(account: Account, inventory: Inventory) -> Iterator[Event]:
    """Empty the buckets, where that is their fate, and begin to delete the stack; returns what happens.

    The events end with `DeploymentFailed` if something could not be deleted.

    Raises:
        DeploymentFailed: a bucket could not be emptied.
    """
    if inventory.fate is Fate.DELETE:
        for holding in inventory.full:
            if holding.kind == "AWS::S3::Bucket":
                _empty(account, holding.name)
    latest = stack.latest_event(account.cloudformation, inventory.stack_id)
    account.cloudformation.delete_stack(StackName=inventory.stack_id)
    return _events(account, inventory.stack_id, latest)


def _events(account: Account, stack_id: str, latest: str | None) -> Iterator[Event]:
    client = account.cloudformation
    yield from stack.follow(client, stack_id, after=latest)
    status = stack.status(client, stack_id)
    if status not in (None, "DELETE_COMPLETE"):
        culprit = stack.culprit(client, stack_id, stack.DELETIONS).rstrip(".")
        raise DeploymentFailed(
            f"The stack ended as {status}: {culprit}.", advice="Mend that and destroy again: what is gone stays gone."
        )


def _holdings(account: Account, stack_id: str, path: str) -> Iterator[Holding]:
    pages = account.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for item in (item for page in pages for item in page["StackResourceSummaries"]):
        name, kind, id_ = path + item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId")
        if not id_ or item["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        if kind == NESTED:
            yield from _holdings(account, id_, f"{name}.")
        elif kind == "AWS::S3::Bucket":
            versions = account.s3.list_object_versions(Bucket=id_, MaxKeys=_LOOKED_AT, ExpectedBucketOwner=account.id)
            count = len(versions.get("Versions", [])) + len(versions.get("DeleteMarkers", []))
            yield Holding(name, kind, id_, count, versions.get("IsTruncated", False))
        elif kind == "AWS::DynamoDB::Table":
            counted = account.dynamodb.describe_table(TableName=id_)["Table"].get("ItemCount", 0)
            some = account.dynamodb.scan(TableName=id_, Limit=1, Select="COUNT")["Count"]
            yield Holding(name, kind, id_, counted, some > counted)


def _empty(account: Account, bucket: str) -> None:
    """Delete every version of every object.

    Raises:
        DeploymentFailed: some cannot be deleted.
    """
    s3 = account.s3
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, ExpectedBucketOwner=account.id):
        found: list[ObjectIdentifierTypeDef] = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if not found:
            continue
        answer = s3.delete_objects(
            Bucket=bucket, Delete={"Objects": found, "Quiet": True}, ExpectedBucketOwner=account.id
        )
        if errors := answer.get("Errors", []):
            reason = errors[0].get("Message", errors[0].get("Code"))
            raise DeploymentFailed(f"{len(errors)} object versions of {bucket} cannot be deleted: {reason}")
