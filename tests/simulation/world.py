"""One world: a few versions of an object, delivered in some order, with faults on the way; and what remains of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from greenlet import GreenletExit

from filegate.aws_lambda.function import Task as FunctionTask
from filegate.dataset.registry import Registry
from filegate.deploy import load_definition
from filegate.errors import FilegateError
from filegate.pipeline import fan_out
from filegate.pipeline.context import Context, Meter, Settings
from filegate.pipeline.execution import STAGES
from filegate.runs.address import Address
from filegate.runs.run import run_id_of
from filegate.runs.states import State
from filegate.storage.dynamodb import DynamoDBLedger
from filegate.storage.requests import Requests
from tests.memory_store import MemoryObjectStore

from .machine import Execution, Machine, TaskFailed, definition_for
from .scheduler import Scheduler
from .services import Mail, Network, Store, Table, create_table, dynamodb_call

ROOT = Path(__file__).parents[2]
DEFINITION = load_definition(ROOT / "infra/statemachine/pipeline.asl.yaml")
NAMES = {"StagingBucket": "staging", "DlqUrl": "dlq", "AlertsTopic": "alerts", "Environment": "simulated"} | {
    f"{stage}Function": stage.lower() for stage in ("Ingest", "Validate", "Transform", "Output")
}
SPREAD = Settings(
    staging_bucket="staging",
    processed_bucket="processed",
    quarantine_bucket="quarantine",
    chunk_bytes=24,
    fan_out_bytes=1,
)
PATIENCE = 10.0
"""Seconds after which the state machine gives a function up."""
WHOLE = SPREAD.model_copy(update={"chunk_bytes": 1 << 20, "fan_out_bytes": 512 << 20})

PREFIX = """
import pandera.polars as pa
import polars as pl
from filegate import Csv, Dataset
class Row(pa.DataFrameModel):
    id: int = pa.Field(ge=0{unique})
    country: str = pa.Field(isin=["DE", "FR"])
"""
DATASETS = {
    "rows": PREFIX.format(unique="") + 'dataset = Dataset("rows", schema=Row, source=Csv(), tolerated_rejects=0.5)',
    "keyed": PREFIX.format(unique="")
    + 'dataset = Dataset("keyed", schema=Row, source=Csv(), tolerated_rejects=0.5, key=["id"])',
    "unique": PREFIX.format(unique=", unique=True")
    + 'dataset = Dataset("unique", schema=Row, source=Csv(), tolerated_rejects=0.5)',
    "whole": PREFIX.format(unique="")
    + """
def transform(frame, references):
    return frame.with_columns(rank=pl.col("id").rank("ordinal"))
dataset = Dataset("whole", schema=Row, source=Csv(), tolerated_rejects=0.5, transform=transform,
                  transform_scope="object")""",
}
"""The kinds of datasets; each also spread over ranges, but for the one whose transform needs the whole object."""


@dataclass(frozen=True)
class Plan:
    """What happens in a world.

    Attributes:
        dataset: one of `DATASETS`.
        spread: whether the objects are spread over ranges.
        files: the versions of the object, in their true order.
        starts: which version's event starts an execution, and after how many seconds.
        aborts: which of these executions is aborted, and after how many seconds.
        lost: the share of requests that fail until a run's commit.
        deaths: the share of requests at which the process that makes them dies, until then.
        after_commit: whether requests fail later, too.
    """

    dataset: str
    spread: bool
    files: tuple[bytes, ...]
    starts: tuple[tuple[int, float], ...]
    aborts: tuple[tuple[int, float], ...] = ()
    lost: float = 0.0
    deaths: float = 0.0
    after_commit: bool = False


def plan(chance: Random) -> Plan:
    """A plan of a kind that chance decides."""
    dataset = chance.choice(sorted(DATASETS))
    spread = dataset != "whole" and chance.random() < 0.3
    versions = chance.choice((1, 1, 2, 3))
    files = tuple(_file(chance, version, 16 if spread else 6) for version in range(versions))
    within = chance.choice((1.0, 10.0, 100.0))
    starts = [(version, chance.random() * within) for version in range(versions)]
    starts += [(version, chance.random() * within) for version in range(versions) if chance.random() < 0.3]
    aborts = [(index, chance.random() * within * 2) for index in range(len(starts)) if chance.random() < 0.1]
    faults = chance.choice((0.0, 0.02, 0.1))
    return Plan(dataset, spread, files, tuple(starts), tuple(aborts), faults, faults / 4)


def _file(chance: Random, version: int, rows: int) -> bytes:
    lines = ["id,country"]
    for row in range(rows):
        country = "XX" if chance.random() < 0.15 else chance.choice(("DE", "FR"))
        identity = row if chance.random() < 0.9 else 0
        lines.append(f"{version * 1000 + identity},{country}")
    return ("\n".join(lines) + "\n").encode()


@dataclass
class World:
    """The buckets, the table, the queue, the topic and the state machine of one plan."""

    plan: Plan
    chance: Random
    registry: Registry
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    mail: Mail = field(default_factory=Mail)
    versions: list[str] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.chance)
        self.table = create_table()
        names = NAMES | {"LedgerTable": self.table, "MapChildren": "STANDARD"}
        definition = definition_for(DEFINITION, names)
        self.machine = Machine(self.scheduler, definition, self._call, self._items, self._ended)

    @property
    def key(self) -> str:
        return f"{self.plan.dataset}/a.csv"

    def run_id(self, version: int) -> str:
        return run_id_of("raw", self.key, self.versions[version])

    @property
    def ledger(self) -> DynamoDBLedger:
        """The ledger as it is, for the checker."""
        return DynamoDBLedger(_Client(), self.table)  # type: ignore[arg-type]

    def live(self) -> None:
        """All that happens."""
        self.versions = [self.objects.write(Address("raw", self.key), data) for data in self.plan.files]
        with self.machine.interpreting(), _in_one_thread():
            started = [self.machine.start(self._event(version), after=after) for version, after in self.plan.starts]
            for index, after in self.plan.aborts:
                self.scheduler.spawn(partial(self.machine.abort, started[index]), after=after)
            self.scheduler.run()

    def _event(self, version: int) -> dict[str, Any]:
        event = {"id": "event", "bucket": "raw", "key": self.key, "version_id": self.versions[version]}
        return {**event, "sequencer": f"{version:04X}", "size": len(self.plan.files[version])}

    def _ended(self, execution: Execution) -> None:
        """What EventBridge's rules do with executions that did not report their end themselves."""
        reported = execution.status == "SUCCEEDED" or execution.error in ("REJECTED", "FAILED")
        if reported:
            return
        given = json.dumps(execution.input)
        self.mail.messages.append({"execution": execution.arn, "input": given, "failure": {"status": "FAILED"}})
        if "ended" not in execution.input:
            self.machine.start({"ended": execution.arn, "status": execution.status, "input": given}, after=1.0)

    def _items(self, bucket: str, key: str) -> list[Any]:
        items: list[Any] = json.loads(self.objects.read(Address(bucket, key)))
        return items

    # What the state machine asks for

    def _call(self, resource: str, asked: dict[str, Any]) -> Any:
        match resource:
            case "lambda:invoke":
                return {"Payload": self._invoke(asked["Payload"])}
            case "dynamodb:updateItem":
                return self._update(asked)
            case "sqs:sendMessage":
                self.mail.messages.append(asked["MessageBody"])
            case "sns:publish":
                self.mail.alerts.append(asked)
            case _:
                raise AssertionError(resource)
        return {}

    def _update(self, asked: dict[str, Any]) -> Any:
        self.scheduler.pause(self.chance.random() * 0.05)
        try:
            return dynamodb_call("UpdateItem", asked)
        except ClientError as error:
            raise TaskFailed(f"DynamoDB.{error.response['Error']['Code'].rpartition('.')[2]}", str(error)) from None

    def _invoke(self, payload: dict[str, Any]) -> Any:
        """A function's answer. Where its process dies, or its answer gets lost while it goes on, there is none."""
        network = self._network_of(payload["state"])
        function = self.scheduler.spawn(lambda: self._function(payload, network))
        gives_up = self.scheduler.seconds + PATIENCE
        while not function.over:
            self.scheduler.pause(0.05)
            if not function.over and self.scheduler.seconds > gives_up:
                raise TaskFailed("Lambda.SdkClientException", "the answer was lost")
        try:
            return function.result()
        except GreenletExit:
            raise TaskFailed("Lambda.Unknown", "Runtime exited with error") from None
        except FilegateError as error:
            cause = {"errorType": type(error).__name__, "errorMessage": str(error)}
            raise TaskFailed(type(error).__name__, json.dumps(cause)) from None

    def _network_of(self, state: str) -> Network:
        """An invocation's way to the services: now and then so slow that it is given up, and goes on."""
        if state == State.COMMIT and not self.plan.after_commit:
            return Network(self.scheduler)
        slow = self.chance.random() < self.plan.deaths
        return Network(self.scheduler, self.plan.lost, self.plan.deaths, 30.0 if slow else 0.05, self.faults)

    def _function(self, payload: dict[str, Any], network: Network) -> dict[str, Any]:
        task = FunctionTask.model_validate(payload)
        context = Context(
            store=Store(self.objects, network),
            ledger=DynamoDBLedger(Table(network, self.table), self.table),  # type: ignore[arg-type]
            registry=self.registry,
            settings=SPREAD if self.plan.spread else WHOLE,
            now=self.scheduler.now,
            meter=Meter(f"{self.chance.getrandbits(48):012x}", task.state, 512, Requests()),
        )
        run = task.run.with_range(task.range)
        result = STAGES[task.state](run, context).with_usage(context.meter.usage())
        return result.model_dump(mode="json", exclude_none=True)


class _Client:
    def __getattr__(self, operation: str) -> Any:
        name = "".join(word.title() for word in operation.split("_"))
        return lambda **arguments: dynamodb_call(name, arguments)


class _Sequential:
    """In place of a pool of threads: tasks are no threads."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> _Sequential:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def map(self, work: Any, items: Sequence[Any]) -> Iterator[Any]:
        return map(work, items)


@contextmanager
def _in_one_thread() -> Iterator[None]:
    """Fan-out in turn, and with ranges of few chunks: files are small here."""
    with patch.multiple(fan_out, ThreadPoolExecutor=_Sequential, GROUP_CHUNKS=2, RANGE_CHUNKS=4):
        yield
