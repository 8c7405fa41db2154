"""Counts the requests of clients by their price, through botocore's own events."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# https://aws.amazon.com/s3/pricing/: deleting is free.
S3_KINDS = {
    "CopyObject": "s3_writes",
    "GetObject": "s3_reads",
    "HeadObject": "s3_reads",
    "PutObject": "s3_writes",
}
LEDGER_READS = {"GetItem"}


class Requests:
    """Counts the requests that a function's clients send, from several threads; by the fields of `Invocation`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[str, float] = defaultdict(float)

    def add(self, kind: str, number: float = 1) -> None:
        with self._lock:
            self._counts[kind] += number

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()

    def counts(self) -> dict[str, float]:
        with self._lock:
            return dict(self._counts)


def count_s3(client: S3Client, requests: Requests) -> None:
    """Counts what `client` sends from now on, the attempts of a retried request one by one."""

    def sending(event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        if operation in S3_KINDS:
            requests.add(S3_KINDS[operation])

    client.meta.events.register("before-send.s3", sending)


def count_dynamodb(client: DynamoDBClient, requests: Requests) -> None:
    """Counts the units that `client`'s calls consume from now on: DynamoDB reports them, indexes included, if asked."""

    def asking(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def answered(event_name: str, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        units = sum(table["CapacityUnits"] for table in (consumed if isinstance(consumed, list) else [consumed]))
        kind = "ledger_reads" if event_name.rpartition(".")[2] in LEDGER_READS else "ledger_writes"
        requests.add(kind, units or 1)  # a condition that does not hold is charged too, and answered without a number

    client.meta.events.register("provide-client-params.dynamodb", asking)
    client.meta.events.register("after-call.dynamodb", answered)
