"""What tasks ask of AWS: an object store, a table, a queue, a topic; and the requests that get lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError, EndpointConnectionError
from greenlet import GreenletExit
from ministack.services import dynamodb  # type: ignore[import-untyped]

from filegate.errors import Unreachable
from filegate.runs.address import Address
from filegate.storage.objects import Blob
from tests.memory_store import MemoryObjectStore

from .scheduler import Scheduler

T = TypeVar("T")
TABLES = itertools.count()


@dataclass
class Network:
    """Between a task and the services: requests take time, and some get lost.

    Attributes:
        lost: the share of requests that fail, half of them after their effect.
        deaths: the share of requests at which the task that makes them dies, half of them after their effect.
        delay: how many seconds a request takes at most.
        faults: those that there were.
    """

    scheduler: Scheduler
    lost: float = 0.0
    deaths: float = 0.0
    delay: float = 0.05
    faults: list[BaseException] = field(default_factory=list)

    def request(self, effect: Callable[[], T], failure: Callable[[], Exception]) -> T:
        """Raises:
        GreenletExit: the process that asks has died.
        """
        chance = self.scheduler.chance
        self.scheduler.pause(chance.random() * self.delay)
        fault = self._fault(failure)
        if fault is not None:
            self.faults.append(fault)
        late = fault is not None and chance.random() < 0.5
        if fault is not None and not late:
            raise fault
        answer = effect()
        if fault is not None:
            raise fault
        return answer

    def _fault(self, failure: Callable[[], Exception]) -> BaseException | None:
        drawn = self.scheduler.chance.random()
        if drawn < self.deaths:
            return GreenletExit()
        return failure() if drawn < self.deaths + self.lost else None


@dataclass
class Store:
    """The object store, over a network. See `ObjectStore` for the methods."""

    objects: MemoryObjectStore
    network: Network

    def read(self, address: Address) -> bytes:
        return self._request(lambda: self.objects.read(address))

    def blob(self, address: Address, scratch: Path) -> Blob:
        return self._request(lambda: self.objects.blob(address, scratch))

    def write(self, address: Address, data: bytes) -> str:
        return self._request(lambda: self.objects.write(address, data))

    def copy(self, source: Address, target: Address) -> None:
        self._request(lambda: self.objects.copy(source, target))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        for key in list(keys):  # S3 deletes a batch key by key
            self._request(partial(self.objects.delete, bucket, [key]))

    def _request(self, effect: Callable[[], T]) -> T:
        return self.network.request(effect, lambda: Unreachable("S3 did not answer."))


@dataclass
class Table:
    """The ledger's table as boto3's client, over a network: the embedded cloud's DynamoDB evaluates the expressions."""

    network: Network
    name: str

    def get_item(self, **arguments: Any) -> Any:
        return self._request("GetItem", arguments)

    def update_item(self, **arguments: Any) -> Any:
        return self._request("UpdateItem", arguments)

    def transact_write_items(self, **arguments: Any) -> Any:
        return self._request("TransactWriteItems", arguments)

    def _request(self, operation: str, arguments: dict[str, Any]) -> Any:
        lost = EndpointConnectionError(endpoint_url="https://dynamodb")
        return self.network.request(lambda: dynamodb_call(operation, arguments), lambda: lost)


HANDLERS: dict[str, Callable[[dict[str, Any]], tuple[int, Any, bytes | str]]] = {
    "CreateTable": dynamodb._create_table,
    "DeleteTable": dynamodb._delete_table,
    "GetItem": dynamodb._get_item,
    "UpdateItem": dynamodb._update_item,
    "TransactWriteItems": dynamodb._transact_write_items,
}


def dynamodb_call(operation: str, arguments: dict[str, Any]) -> Any:
    """Raises:
    ClientError: as boto3 would.
    """
    status, _, body = HANDLERS[operation](arguments)
    answer = json.loads(body)
    if status < 400:
        return answer
    code = answer.get("__type", "").rpartition("#")[2]
    error = {"Error": {"Code": code, "Message": answer.get("message", "")}, **answer}
    raise ClientError(error, operation)  # type: ignore[arg-type]


def create_table() -> str:
    name = f"ledger-{next(TABLES)}"
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    dynamodb_call(
        "CreateTable",
        {
            "TableName": name,
            "KeySchema": [key],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    return name


@dataclass
class Mail:
    """The dead-letter queue's messages, and the topic's alerts: whatever was ever sent."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
