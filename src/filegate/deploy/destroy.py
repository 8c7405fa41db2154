"""Delete an environment's stack, and its data only if that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from filegate.deploy import events, stack
from filegate.deploy.account import Account
from filegate.deploy.events import Event
from filegate.deploy.stack import DeploymentFailed
from filegate.deploy.template import NESTED
from filegate.errors import FilegateError, WrongUse

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import DeleteTypeDef, ObjectIdentifierTypeDef

BUCKET, QUEUE, TABLE = "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table"
_RULE, _TRAIL = "AWS::Events::Rule", "AWS::CloudTrail::Trail"
_STARTS_RUNS = "ObjectCreatedRule"
_LOGS = ("AccessLogBucket", "AuditBucket")  # AWS writes them about the other buckets: they are hardly ever empty
_NO_TRAIL = ("TrailNotFoundException", "InternalFailure")  # the latter is LocalStack's, which has no CloudTrail
_ATTEMPTS = 3  # to delete the stack: runs and logs in flight still write for a while
_MAX_COUNTED = 1_000  # object versions per bucket
_MESSAGES = "ApproximateNumberOfMessages"  # begins the names of three counts: waiting, in flight, delayed


class DataAtStake(FilegateError):
    """Deleting the stack would keep or delete data contrary to the request, or without one."""


class DataPolicy(StrEnum):
    """What happens to buckets, queues and the ledger with the stack: parameter `DataOnDelete` of the main template."""

    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True)
class DataResource:
    """A bucket, a queue or a table of the stack.

    Attributes:
        path: of logical ids, such as `Storage.RawBucket`.
        kind: the resource's type.
        name: its name in its service.
        count: of object versions, of messages as SQS reports them, or of items as DynamoDB reported hours ago.
        more: whether there are more than `count`.
        locked: whether it is a bucket whose versions cannot be deleted before their retention ends.
    """

    path: str
    kind: str
    name: str
    count: int
    more: bool = False
    locked: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.count or self.more)

    @property
    def is_log(self) -> bool:
        """Whether it holds logs that AWS writes about the other buckets."""
        return self.path.rpartition(".")[2] in _LOGS

    def to_json(self) -> dict[str, Any]:
        """`resource`, `type`, `name`, `count`, `more`."""
        return {"resource": self.path, "type": self.kind, "name": self.name, "count": self.count, "more": self.more}


@dataclass(frozen=True)
class Inventory:
    """The buckets, queues and table of an environment's stack, and what happens to them when it is deleted."""

    stack_id: str
    policy: DataPolicy
    resources: tuple[DataResource, ...]


def take_inventory(account: Account, stack_name: str) -> Inventory:
    """List what an environment's stack holds, and what the stack does to it when it is deleted.

    Raises:
        WrongUse: the stack does not exist.
    """
    found = stack.describe(account.session.client("cloudformation"), stack_name)
    if found is None:
        raise WrongUse(f"There is no stack {stack_name} in {account.region} of account {account.id}.")
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in found.get("Parameters", [])}
    return Inventory(
        stack_id=found["StackId"],
        policy=DataPolicy.DELETE if parameters.get("DataOnDelete") == "Delete" else DataPolicy.KEEP,
        resources=tuple(_data_resources(account, found["StackId"])),
    )


def check_policy(inventory: Inventory, requested: DataPolicy | None) -> None:
    """Check that deleting the stack does to the data what was requested.

    Raises:
        DataAtStake: it does not, or nothing was requested although data would be left behind or lost.
    """
    filled = [resource for resource in inventory.resources if not resource.is_empty]
    match inventory.policy, requested:
        case DataPolicy.KEEP, None:
            raise DataAtStake(
                "Its buckets, queues and ledger would remain without a stack (DataOnDelete=Retain), and block a later "
                "deployment of this environment by their names.",
                advice="To keep them: --data keep. To delete them: deploy with DataOnDelete=Delete first.",
            )
        case DataPolicy.KEEP, DataPolicy.DELETE:
            raise DataAtStake(
                "Its stack keeps buckets, queues and ledger (DataOnDelete=Retain).",
                advice="Deploy with DataOnDelete=Delete first.",
            )
        case DataPolicy.DELETE, DataPolicy.KEEP:
            raise DataAtStake(
                "Its stack deletes buckets, queues and ledger (DataOnDelete=Delete).",
                advice="Deploy with DataOnDelete=Retain first.",
            )
        case DataPolicy.DELETE, _ if locked := [found.name for found in filled if found.locked]:
            raise DataAtStake(
                f"The objects in {', '.join(locked)} cannot be deleted before their retention ends (AuditLockDays).",
                advice="Deploy with DataOnDelete=Retain, use --data keep, and delete the bucket after the retention.",
            )
        case DataPolicy.DELETE, None if not all(found.is_log for found in filled):
            raise DataAtStake(
                "Their content would be lost (DataOnDelete=Delete).",
                advice="Copy what you want to keep. To delete the rest: --data delete.",
            )


def destroy(account: Account, inventory: Inventory) -> Iterator[Event]:
    """Empty the buckets if the policy deletes data, and start to delete the stack; returns the events until it ends.

    Whatever writes to the buckets is stopped first. If a write in flight filled one again, the bucket is emptied and
    the stack deleted once more. The iterator raises `DeploymentFailed` at its end if something could not be deleted.

    Raises:
        DeploymentFailed: a bucket could not be emptied.
    """
    if inventory.policy is DataPolicy.DELETE:
        _stop_writing(account, inventory.stack_id)
        for bucket in _buckets(account, inventory.stack_id):
            _empty(account, bucket)
    return _events(account, inventory, _delete(account, inventory.stack_id))


def _delete(account: Account, stack_id: str) -> str | None:
    """Start to delete the stack; returns the id of the latest event before that."""
    client = account.session.client("cloudformation")
    latest = events.latest_event(client, stack_id)
    client.delete_stack(StackName=stack_id)
    return latest


def _events(account: Account, inventory: Inventory, latest: str | None) -> Iterator[Event]:
    client, stack_id = account.session.client("cloudformation"), inventory.stack_id
    for attempts_left in reversed(range(_ATTEMPTS)):
        yield from events.follow(client, stack_id, after=latest)
        status = stack.status(client, stack_id)
        if status in (None, "DELETE_COMPLETE"):
            return
        refilled = inventory.policy is DataPolicy.DELETE and [
            bucket for bucket in _buckets(account, stack_id) if _versions(account, bucket)[0]
        ]
        if not (refilled and attempts_left):
            break
        for bucket in refilled:
            _empty(account, bucket)
        latest = _delete(account, stack_id)
    cause = events.root_cause(client, stack_id, events.DELETIONS)
    raise DeploymentFailed(
        f"The stack ended as {status}: {cause}.", advice="Fix it and destroy again; what was deleted stays deleted."
    )


def _resources(account: Account, stack_id: str, path: str = "") -> Iterator[tuple[str, str, str]]:
    """The existing resources of a stack and its nested stacks: path of logical ids, type, physical id."""
    for item in stack.resources(account.session.client("cloudformation"), stack_id):
        name, kind, id_ = path + item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId")
        if id_ and kind == NESTED:
            yield from _resources(account, id_, f"{name}.")
        elif id_:
            yield name, kind, id_


def _data_resources(account: Account, stack_id: str) -> Iterator[DataResource]:
    sqs, dynamodb = account.session.client("sqs"), account.session.client("dynamodb")
    for path, kind, id_ in _resources(account, stack_id):
        if kind == BUCKET:
            count, more = _versions(account, id_)
            yield DataResource(path, kind, id_, count, more, locked=_is_locked(account, id_))
        elif kind == QUEUE:
            attributes = sqs.get_queue_attributes(QueueUrl=id_, AttributeNames=["All"])["Attributes"]
            messages = sum(int(count) for name, count in attributes.items() if name.startswith(_MESSAGES))
            yield DataResource(path, kind, id_.rpartition("/")[2], messages)
        elif kind == TABLE:
            counted = dynamodb.describe_table(TableName=id_)["Table"].get("ItemCount", 0)  # hours old
            some = dynamodb.scan(TableName=id_, Limit=1, Select="COUNT")["Count"]
            yield DataResource(path, kind, id_, counted, more=some > counted)


def _buckets(account: Account, stack_id: str) -> list[str]:
    """The names of the existing buckets; those of logs come last, as emptying the others is logged, too."""
    found = [(name, id_) for name, kind, id_ in _resources(account, stack_id) if kind == BUCKET]
    return [id_ for _, id_ in sorted(found, key=lambda pair: pair[0].endswith(_LOGS))]


def _versions(account: Account, bucket: str) -> tuple[int, bool]:
    """The number of object versions counted in a bucket, and whether there are more."""
    s3 = account.session.client("s3")
    found = s3.list_object_versions(Bucket=bucket, MaxKeys=_MAX_COUNTED, ExpectedBucketOwner=account.id)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", [])), found.get("IsTruncated", False)


def _is_locked(account: Account, bucket: str) -> bool:
    try:
        s3 = account.session.client("s3")
        s3.get_object_lock_configuration(Bucket=bucket, ExpectedBucketOwner=account.id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ObjectLockConfigurationNotFoundError":
            raise
        return False
    return True


def _stop_writing(account: Account, stack_id: str) -> None:
    """Stop new runs, and stop AWS from writing logs to the buckets."""
    session = account.session
    for path, kind, id_ in _resources(account, stack_id):
        if kind == _RULE and path.endswith(_STARTS_RUNS):
            session.client("events").disable_rule(Name=id_)
        elif kind == BUCKET:
            session.client("s3").put_bucket_logging(Bucket=id_, BucketLoggingStatus={}, ExpectedBucketOwner=account.id)
        elif kind == _TRAIL:
            try:
                session.client("cloudtrail").stop_logging(Name=id_)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NO_TRAIL:
                    raise


def _empty(account: Account, bucket: str) -> None:
    """Delete every version of every object.

    Raises:
        DeploymentFailed: some cannot be deleted.
    """
    s3 = account.session.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, ExpectedBucketOwner=account.id):
        found: list[ObjectIdentifierTypeDef] = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if not found:
            continue
        batch: DeleteTypeDef = {"Objects": found, "Quiet": True}
        answer = s3.delete_objects(Bucket=bucket, Delete=batch, ExpectedBucketOwner=account.id)
        if errors := answer.get("Errors", []):
            reason = errors[0].get("Message", errors[0].get("Code"))
            raise DeploymentFailed(f"{len(errors)} object versions of {bucket} cannot be deleted: {reason}")
