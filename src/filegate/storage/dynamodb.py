"""The ledger on DynamoDB: one table, on-demand, two indexes.

Items: `run#<run_id>` holds a `RunRecord`; `head#<bucket>/<key>` holds a `Head`. Runs expire by `expires_at`; heads do
not, since a key delivered again after years must still supersede its older output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel

from filegate.errors import ClaimLost
from filegate.runs.manifests import FORMAT
from filegate.runs.record import RunRecord
from filegate.runs.run import Failure, Run, Usage
from filegate.runs.states import PARALLEL_OUTPUT, State, Status
from filegate.storage.aws_errors import translated
from filegate.storage.ledger import RETENTION, Commit, Head, alive, claimed, entered, failure_facts, iso, output_facts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OWNED = "#owner = :me AND #status = :running"


class DynamoDBLedger:
    """Runs in a DynamoDB table. See `Ledger` for the methods."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, run: Run, now: datetime) -> bool:
        facts = {"format": FORMAT, **claimed(run, now), "expires_at": int((now + RETENTION).timestamp())}
        begun = facts["entered_at"]
        won = self._update(
            run.run_id,
            facts,
            once={"started_at": begun, "states": {State.INGEST: begun}, "usage": Usage().model_dump()},
            condition=f"attribute_not_exists(pk) OR ({OWNED}) OR (#status = :running AND lease_until < :now)",
            values={":me": run.execution, ":running": Status.RUNNING, ":now": int(now.timestamp())},
        )
        if not won:
            self._count_duplicate(run.run_id)
        return won

    def enter(self, run: Run, state: State, now: datetime, usage: Usage, *, chunks: int | None = None) -> None:
        begun = entered(state, run.chunks if chunks is None else chunks, now)
        self._owned(run, begun | {f"states.{state}": begun["entered_at"]} | run.findings | _used(usage))

    def advance(self, run: Run, *, chunks: int, rows: int, now: datetime) -> None:
        self._owned(run, alive(now), more={"chunks_done": chunks, "rows_done": rows})

    def record(self, run: Run, usage: Usage) -> None:
        self._owned(run, run.findings | _used(usage))

    def record_output(self, run: Run, now: datetime) -> None:
        self._owned(run, output_facts(run) | {f"states.{PARALLEL_OUTPUT}": iso(now)})

    def record_failure(self, run: Run, failure: Failure, now: datetime) -> None:
        self._owned(run, failure_facts(failure, now))

    def head(self, bucket: str, key: str) -> Head:
        with translated(self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": _head_key(bucket, key)}}, ConsistentRead=True
            )
        if "Item" not in answer:
            return Head()
        item = _plain(answer["Item"])
        return Head(item["sequencer"], item["version_id"], tuple(item["live"]), item["revision"])

    def commit(self, commit: Commit) -> bool:
        run, request = commit.run, commit.run.request
        said = {name: value for name, value in commit.facts.items() if value not in (None, ())}
        update = _Update(said | _used(commit.usage))
        writes: list[Any] = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {"pk": {"S": _run_key(run.run_id)}},
                    **update.expression(OWNED, {":me": run.execution, ":running": Status.RUNNING}),
                }
            }
        ]
        if commit.head is not None:
            head = commit.head
            item = {
                "pk": _head_key(request.bucket, request.key),
                "sequencer": head.sequencer,
                "version_id": head.version_id,
                "live": list(head.live),
                "revision": head.revision,
            }
            writes.append(
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": _typed(item),
                        "ConditionExpression": "attribute_not_exists(pk) OR revision = :seen",
                        "ExpressionAttributeValues": _typed({":seen": head.revision - 1}),
                    }
                }
            )
        try:
            with translated(self._table):
                self._client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if reasons and reasons[0] == "ConditionalCheckFailed":
                raise _lost(run) from error
            return False  # the head moved, or two commits met: read it again
        return True

    def mark_superseded(self, run_id: str, by: str) -> None:
        self._update(run_id, {"superseded_by": by}, condition="attribute_exists(pk)")

    def mark_replayed(self, run_id: str, by: str) -> None:
        self._update(run_id, {"replayed_by": by}, condition="attribute_exists(pk)")

    def get(self, run_id: str) -> RunRecord | None:
        with translated(self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": _run_key(run_id)}}, ConsistentRead=True
            )
        return RunRecord.model_validate(_plain(answer["Item"])) if "Item" in answer else None

    def of_dataset(self, dataset: str) -> Iterator[RunRecord]:
        return self._query("by_dataset", "dataset = :dataset", {":dataset": dataset})

    def with_status(self, status: Status, since: datetime) -> Iterator[RunRecord]:
        return self._query(
            "by_status",
            "#status = :status AND started_at >= :since",
            {":status": status, ":since": iso(since)},
            names={"#status": "status"},
        )

    def _owned(self, run: Run, facts: Mapping[str, Any], *, more: Mapping[str, int] | None = None) -> None:
        values = {":me": run.execution, ":running": Status.RUNNING}
        if not self._update(run.run_id, facts, more=more, condition=OWNED, values=values):
            raise _lost(run)

    def _count_duplicate(self, run_id: str) -> None:
        with translated(self._table):
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": _run_key(run_id)}},
                UpdateExpression="ADD duplicates :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    def _update(
        self,
        run_id: str,
        facts: Mapping[str, Any],
        *,
        condition: str,
        once: Mapping[str, Any] | None = None,
        more: Mapping[str, int] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Sets the facts if the condition holds (`once`: only those not set yet; `more`: adds); says whether it did."""
        try:
            with translated(self._table):
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": _run_key(run_id)}},
                    **_Update(facts, once or {}, more or {}).expression(condition, values or {}),
                )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _query(
        self, index: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str] | None = None
    ) -> Iterator[RunRecord]:
        arguments: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=_typed(values),
            ScanIndexForward=False,
            **arguments,
        )
        with translated(self._table):
            for page in pages:
                for item in page["Items"]:
                    yield RunRecord.model_validate(_plain(item))


class _Update:
    """An UpdateItem expression that sets facts. Every name goes through a placeholder: DynamoDB reserves many words."""

    def __init__(
        self,
        facts: Mapping[str, Any],
        once: Mapping[str, Any] = MappingProxyType({}),
        more: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        sets = [f"{self._path(path)} = {self._value(value)}" for path, value in facts.items()]
        for path, value in once.items():
            name = self._path(path)
            sets.append(f"{name} = if_not_exists({name}, {self._value(value)})")
        for path, number in more.items():
            name = self._path(path)
            sets.append(f"{name} = {name} + {self._value(number)}")
        self._set = "SET " + ", ".join(sets)

    def expression(self, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        for word in ("owner", "status"):
            if f"#{word}" in condition:
                self._names[f"#{word}"] = word
        return {
            "UpdateExpression": self._set,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": _typed({**self._values, **values}),
        }

    def _path(self, path: str) -> str:
        for word in path.split("."):
            self._names[f"#{word}"] = word
        return ".".join(f"#{word}" for word in path.split("."))

    def _value(self, value: object) -> str:
        name = f":v{len(self._values)}"
        self._values[name] = value
        return name


def _run_key(run_id: str) -> str:
    return f"run#{run_id}"


def _head_key(bucket: str, key: str) -> str:
    return f"head#{bucket}/{key}"


def _used(usage: Usage) -> dict[str, Any]:
    """Each invocation at a path of its own, so that no write takes away what another one reported."""
    calls = usage.invocations.items()
    return {f"usage.invocations.{name}": call.model_dump(exclude_defaults=True) for name, call in calls}


def _lost(run: Run) -> ClaimLost:
    return ClaimLost(
        f"Run {run.run_id} no longer belongs to {run.execution}: it is final, or another execution took it over."
    )


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(_exact(value)) for name, value in values.items()}


def _exact(value: Any) -> Any:
    """DynamoDB's numbers are decimal ones, and its maps have no classes."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _exact(inner) for name, inner in value.items()}
    return value


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    deserializer = TypeDeserializer()
    return {name: _number(deserializer.deserialize(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _number(inner) for name, inner in value.items()}
    return value
