"""A table's calls are atomic on the LocalStack in use, as DynamoDB's are."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from .stack import Stack

ITEMS = 150


@pytest.fixture
def table(stack: Stack) -> str:
    name = f"atomic-{uuid.uuid4().hex[:8]}"
    stack.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def test_an_item_is_read_whole_or_not_at_all(stack: Stack, table: str) -> None:
    """An update of an item that does not exist creates it: a reader once met it with its key alone."""
    done = Event()
    torn: list[dict[str, Any]] = []

    def read() -> None:
        client = stack.client("dynamodb")
        while not done.is_set():
            items = client.scan(TableName=table, ConsistentRead=True)["Items"]
            torn.extend(item for item in items if len(item) != 21)

    def write() -> None:
        client = stack.client("dynamodb")
        sets = ", ".join(f"a{n} = :v" for n in range(20))
        for number in range(ITEMS):
            client.update_item(
                TableName=table,
                Key={"pk": {"S": f"item {number}"}},
                UpdateExpression=f"SET {sets}",
                ExpressionAttributeValues={":v": {"S": "value"}},
            )

    with ThreadPoolExecutor() as threads:
        readers = [threads.submit(read) for _ in range(3)]
        try:
            threads.submit(write).result()
        finally:
            done.set()
        for reader in readers:
            reader.result()
    assert not torn


def test_a_transaction_that_fails_undoes_nobody_elses_write(stack: Stack, table: str) -> None:
    """Failing transactions beside plain writes: each plain write stays."""
    done = Event()

    def fail() -> int:
        client = stack.client("dynamodb")
        cancelled = 0
        never = {
            "TableName": table,
            "Key": {"pk": {"S": "nobody"}},
            "UpdateExpression": "SET a = :v",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":v": {"S": "value"}},
        }
        while not done.is_set():
            try:
                client.transact_write_items(TransactItems=[{"Update": never}])
            except client.exceptions.TransactionCanceledException:
                cancelled += 1
        return cancelled

    client = stack.client("dynamodb")
    with ThreadPoolExecutor() as threads:
        failing = [threads.submit(fail) for _ in range(3)]
        try:
            for number in range(ITEMS):
                client.put_item(TableName=table, Item={"pk": {"S": f"kept {number}"}})
        finally:
            done.set()
        assert sum(each.result() for each in failing)
    kept = client.scan(TableName=table, ConsistentRead=True)["Items"]
    assert len([item for item in kept if item["pk"]["S"].startswith("kept")]) == ITEMS
