"""Take a deployment away, and see that nobody's data goes with it unasked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from filegate.deploy import stack
from filegate.deploy.account import CLIENT, Account
from filegate.deploy.stack import DeploymentFailed, Event
from filegate.deploy.template import NESTED
from filegate.errors import FilegateError, WrongUse

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef
    from mypy_boto3_sqs.literals import QueueAttributeNameType

BUCKET, QUEUE, TABLE = "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table"
_RULE, _TRAIL = "AWS::Events::Rule", "AWS::CloudTrail::Trail"
_STARTS_RUNS = "ObjectCreatedRule"
_LOGS = ("AccessLogBucket", "AuditBucket")  # written by AWS about the others, and so hardly ever empty
_NO_TRAIL = ("TrailNotFoundException", "InternalFailure")  # the latter is LocalStack's, which has no CloudTrail
_ATTEMPTS = 3  # at deleting the stack: runs and logs on their way arrive for a while
_LOOKED_AT = 1_000  # object versions; more are not counted
_MESSAGES: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class DataAtStake(FilegateError):
    """A deployment holds data, and nobody has said what is to become of it."""


class Fate(StrEnum):
    """What becomes of what holds data when the deployment goes: parameter DataOnDelete of the main template."""

    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True)
class Holding:
    """A bucket, a queue or a table of the deployment.

    Attributes:
        resource: the path of logical ids, as `Storage.RawBucket`.
        kind: its type.
        name: in its service.
        count: object versions, messages by SQS's count, or items by DynamoDB's, which is some hours old.
        more: whether there are more than `count`.
        locked: whether it is a bucket that lets nobody delete a version before its time.
    """

    resource: str
    kind: str
    name: str
    count: int
    more: bool
    locked: bool = False

    @property
    def is_log(self) -> bool:
        """Whether it holds what AWS notes about the others, and not what somebody delivered or a run made."""
        return self.resource.rpartition(".")[2] in _LOGS

    def to_json(self) -> dict[str, Any]:
        """`resource`, `type`, `name`, `count`, `more`."""
        return {"resource": self.resource, "type": self.kind, "name": self.name, "count": self.count, "more": self.more}


@dataclass(frozen=True)
class Inventory:
    """What a deployment holds.

    Attributes:
        stack_id: its stack's.
        fate: what the stack will do to its buckets, queues and table.
        holdings: those.
    """

    stack_id: str
    fate: Fate
    holdings: tuple[Holding, ...]

    @property
    def full(self) -> tuple[Holding, ...]:
        """Those that are not empty."""
        return tuple(holding for holding in self.holdings if holding.count or holding.more)

    @property
    def at_stake(self) -> tuple[Holding, ...]:
        """Those that are not empty and no logs."""
        return tuple(holding for holding in self.full if not holding.is_log)


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
        holdings=tuple(_holdings(account, found["StackId"])),
    )


def refuse(inventory: Inventory, wanted: Fate | None) -> None:
    """See that what becomes of the data is what was asked for.

    Raises:
        DataAtStake: it is not, or nothing was asked for.
    """
    match inventory.fate, wanted:
        case Fate.KEEP, None:
            raise DataAtStake(
                "Its buckets, queues and ledger would stay behind without a stack (DataOnDelete=Retain), and their "
                "names would be taken for a later deployment of this name.",
                advice="To leave them behind: --data keep. To be rid of them: deploy with DataOnDelete=Delete first.",
            )
        case Fate.KEEP, Fate.DELETE:
            raise DataAtStake(
                "Its stack keeps buckets, queues and ledger (DataOnDelete=Retain).",
                advice="Deploy with DataOnDelete=Delete first.",
            )
        case Fate.DELETE, Fate.KEEP:
            raise DataAtStake(
                "Its stack deletes buckets, queues and ledger (DataOnDelete=Delete).",
                advice="Deploy with DataOnDelete=Retain first.",
            )
        case Fate.DELETE, _ if locked := [holding.name for holding in inventory.full if holding.locked]:
            raise DataAtStake(
                f"Nobody can delete what {', '.join(locked)} holds before its time: S3 locks it (AuditLockDays).",
                advice="Deploy with DataOnDelete=Retain, say --data keep, and delete the bucket when its time is over.",
            )
        case Fate.DELETE, None if inventory.at_stake:
            raise DataAtStake(
                "What they hold would be lost (DataOnDelete=Delete).",
                advice="Copy what you want to keep. To lose the rest: --data delete.",
            )


def destroy(account: Account, inventory: Inventory) -> Iterator[Event]:
    """Empty the buckets, where that is their fate, and begin to delete the stack; returns what happens.

    What writes to the buckets is stopped first; where something was on its way to one all the same, that bucket is
    emptied again, and the stack deleted again. The events end with `DeploymentFailed` if something could not be
    deleted.

    Raises:
        DeploymentFailed: a bucket could not be emptied.
    """
    if inventory.fate is Fate.DELETE:
        _stop_writing(account, inventory.stack_id)
        for bucket in _buckets(account, inventory.stack_id):
            _empty(account, bucket)
    return _events(account, inventory, _delete(account, inventory.stack_id))


def _delete(account: Account, stack_id: str) -> str | None:
    """Begin to delete the stack; returns the latest event before that."""
    latest = stack.latest_event(account.cloudformation, stack_id)
    account.cloudformation.delete_stack(StackName=stack_id)
    return latest


def _events(account: Account, inventory: Inventory, latest: str | None) -> Iterator[Event]:
    client, stack_id = account.cloudformation, inventory.stack_id
    for attempts_left in reversed(range(_ATTEMPTS)):
        yield from stack.follow(client, stack_id, after=latest)
        status = stack.status(client, stack_id)
        if status in (None, "DELETE_COMPLETE"):
            return
        filled = inventory.fate is Fate.DELETE and [
            bucket for bucket in _buckets(account, stack_id) if _versions(account, bucket)[0]
        ]
        if not (filled and attempts_left):
            break
        for bucket in filled:
            _empty(account, bucket)
        latest = _delete(account, stack_id)
    culprit = stack.culprit(client, stack_id, stack.DELETIONS).rstrip(".")
    raise DeploymentFailed(
        f"The stack ended as {status}: {culprit}.", advice="Mend that and destroy again: what is gone stays gone."
    )


def _resources(account: Account, stack_id: str, path: str = "") -> Iterator[tuple[str, str, str]]:
    """What is there of a stack and of those nested in it: path of logical ids, type, physical id."""
    pages = account.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for item in (item for page in pages for item in page["StackResourceSummaries"]):
        name, kind, id_ = path + item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId")
        if not id_ or item["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        if kind == NESTED:
            yield from _resources(account, id_, f"{name}.")
        else:
            yield name, kind, id_


def _holdings(account: Account, stack_id: str) -> Iterator[Holding]:
    for name, kind, id_ in _resources(account, stack_id):
        if kind == BUCKET:
            count, more = _versions(account, id_)
            yield Holding(name, kind, id_, count, more, locked=_is_locked(account, id_))
        elif kind == QUEUE:
            told = account.sqs.get_queue_attributes(QueueUrl=id_, AttributeNames=_MESSAGES)["Attributes"]
            count = sum(map(int, told.values()))
            yield Holding(name, kind, id_.rpartition("/")[2], count, more=False)
        elif kind == TABLE:
            counted = account.dynamodb.describe_table(TableName=id_)["Table"].get("ItemCount", 0)
            some = account.dynamodb.scan(TableName=id_, Limit=1, Select="COUNT")["Count"]
            yield Holding(name, kind, id_, counted, some > counted)


def _buckets(account: Account, stack_id: str) -> list[str]:
    """The names of the buckets that are there, those of the logs last: emptying the others is logged, too."""
    found = [(name, id_) for name, kind, id_ in _resources(account, stack_id) if kind == BUCKET]
    return [id_ for _, id_ in sorted(found, key=lambda pair: pair[0].endswith(_LOGS))]


def _versions(account: Account, bucket: str) -> tuple[int, bool]:
    """How many object versions a bucket holds, and whether there are more."""
    found = account.s3.list_object_versions(Bucket=bucket, MaxKeys=_LOOKED_AT, ExpectedBucketOwner=account.id)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", [])), found.get("IsTruncated", False)


def _is_locked(account: Account, bucket: str) -> bool:
    try:
        account.s3.get_object_lock_configuration(Bucket=bucket, ExpectedBucketOwner=account.id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ObjectLockConfigurationNotFoundError":
            raise
        return False
    return True


def _stop_writing(account: Account, stack_id: str) -> None:
    """Let no new run begin, and nothing be logged into the buckets."""
    for name, kind, id_ in _resources(account, stack_id):
        if kind == _RULE and name.endswith(_STARTS_RUNS):
            account.session.client("events", config=CLIENT).disable_rule(Name=id_)
        elif kind == _TRAIL:
            _stop_trail(account, id_)
        elif kind == BUCKET:
            account.s3.put_bucket_logging(Bucket=id_, BucketLoggingStatus={}, ExpectedBucketOwner=account.id)


def _stop_trail(account: Account, name: str) -> None:
    try:
        account.session.client("cloudtrail", config=CLIENT).stop_logging(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_TRAIL:
            raise


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
