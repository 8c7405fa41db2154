"""A cloud in memory, made by hand: the parts that operations talk to, and runs as the pipeline would leave them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import polars as pl

from filegate.contract.evaluation import BROKEN
from filegate.operations.cloud import Cloud, Outputs
from filegate.operations.deliver import OnSent
from filegate.operations.ports import Received
from filegate.pipeline.context import output_manifest_key
from filegate.pipeline.parquet import parquet_bytes
from filegate.runs.address import Address
from filegate.runs.manifests import Layout, OutputManifest, OutputPart, QuarantineManifest, QuarantinePart
from filegate.runs.record import RunRecord
from filegate.runs.run import Request, Run, run_id_of
from filegate.runs.states import State, Status
from filegate.storage.ledger import alive, entered, iso
from filegate.storage.memory import MemoryLedger
from filegate.storage.objects import write_document
from tests.memory_store import MemoryObjectStore

START = datetime(2026, 1, 31, 10, tzinfo=UTC)
OUTPUTS = Outputs(
    raw_bucket="raw",
    processed_bucket="processed",
    quarantine_bucket="quarantine",
    ledger_table="ledger",
    dlq_url="http://127.0.0.1/dlq",
    alerts_topic_arn="arn:aws:sns:us-east-1:000000000000:alerts",
    state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:pipeline",
)
LAYOUT = Layout("csv", 0, None, "utf-8", ("carrier", "flight"), 15)


@dataclass
class MemoryQueue:
    """Hides what it delivers until it is shown again; delivers at most `batch` at a time, and some twice."""

    batch: int = 10
    twice: bool = False
    forgets_to_hide: bool = False
    visible: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def send(self, body: Any, message_id: str | None = None) -> str:
        message_id = message_id or f"message-{next(self._numbers)}"
        self.visible[message_id] = body if isinstance(body, str) else json.dumps(body)
        return message_id

    def receive(self, hidden: int) -> list[Received]:
        assert hidden > 0
        taken = list(self.visible)[: self.batch]
        messages = [self._message(message_id, self.visible.pop(message_id)) for message_id in taken]
        if self.forgets_to_hide:
            self.show([message.receipt for message in messages])
        return messages * 2 if self.twice else messages

    def show(self, receipts: Iterable[str]) -> None:
        for receipt in receipts:
            message_id = self.receipts[receipt]
            if message_id in self.hidden:
                self.visible[message_id] = self.hidden.pop(message_id)

    def delete(self, receipt: str) -> None:
        self.hidden.pop(self.receipts[receipt], None)

    def time_passes(self) -> None:
        """Until what a dead process held is visible again."""
        self.visible |= self.hidden
        self.hidden.clear()

    def _message(self, message_id: str, body: str) -> Received:
        receipt = f"receipt-{next(self._numbers)}"
        self.hidden[message_id] = body
        self.receipts[receipt] = message_id
        return Received(message_id, receipt, body, START)


@dataclass
class MemoryStateMachine:
    """Remembers what was started."""

    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: int = 0

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        self.calls += 1
        self.started.setdefault(name, dict(document))


@dataclass
class MemoryCloud:
    """A cloud by parts, for tests to arrange."""

    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    state_machine: MemoryStateMachine = field(default_factory=MemoryStateMachine)
    arrived: Callable[[Address], None] = lambda address: None

    def upload(self, file: Path, address: Address, on_sent: OnSent) -> str:
        data = file.read_bytes()
        on_sent(len(data))
        version_id = self.store.write(address, data)
        self.arrived(replace(address, version_id=version_id))
        return version_id

    @property
    def cloud(self) -> Cloud:
        return Cloud(
            name="filegate-test",
            session=boto3.Session(region_name="us-east-1"),
            outputs=OUTPUTS,
            store=self.store,
            ledger=self.ledger,
            dlq=self.queue,
            state_machine=self.state_machine,
            upload=self.upload,
        )

    def has(self, name: str, status: Status = Status.SUCCEEDED, *, minute: int = 0, **facts: Any) -> RunRecord:
        """Puts a run of `flights/<name>.csv` into the ledger."""
        start = START + timedelta(minutes=minute)
        key = f"{facts.get('dataset', 'flights')}/{name}.csv"
        ended = {} if status == Status.RUNNING else {"finished_at": iso(start + timedelta(seconds=1.5))}
        run = RunRecord.model_validate(
            {
                "run_id": run_id_of("raw", key, "v1"),
                "dataset": "flights",
                "status": status,
                "bucket": "raw",
                "key": key,
                "version_id": "v1",
                "owner": "arn:execution",
                "sequencer": "0A",
                "started_at": iso(start),
                **ended,
                **facts,
            }
        )
        if status in (Status.SUCCEEDED, Status.PARTIAL):
            run = run.model_copy(update={"output": self._output(run)})
        return self._stored(run)

    def is_under_way(
        self, name: str, *, state: State = State.VALIDATE, since: datetime | None = None, seconds: float, **facts: Any
    ) -> RunRecord:
        """Puts a run into the ledger that has reported how far it is, `seconds` after the beginning of its state."""
        began = since or START + timedelta(seconds=5)
        reported = entered(state, facts.pop("chunks_due", 0), began) | alive(began + timedelta(seconds=seconds))
        return self.has(name, Status.RUNNING, **{"rows_in": 10**9, **reported, **facts})

    def has_partial(self, name: str = "january", **facts: Any) -> RunRecord:
        """A PARTIAL run with two published parts and three quarantined rows in two parts."""
        run = self.has(name, Status.PARTIAL, **facts)
        parts = tuple(
            OutputPart(key=f"out/{month}", target=f"flights/month={month}/{run.run_id}-00000.parquet", rows=1, bytes=7)
            for month in (1, 2)
        )
        for part in parts:
            self.store.write(Address("processed", part.target), b"PARQUET")
        return self._stored(
            run.model_copy(
                update={
                    "output": self._output(run, *parts),
                    "quarantine": self._quarantine(run.run_id),
                    "rules": {"carrier:isin": 1, "flight:ge": 3},
                    "rows_in": 5,
                    "rows_accepted": 2,
                    "rows_rejected": 3,
                    "rows_out": 2,
                }
            )
        )

    def message_about(self, run: RunRecord, message_id: str | None = None, **request: Any) -> str:
        """Sends the message that the state machine would send about the run."""
        return self.queue.send(body(run, **request), message_id)

    def reports_of_abortion(self, run: RunRecord, message_id: str | None = None, **input_: Any) -> str:
        """Sends what the rule for executions that ended unreported would send."""
        given = {"bucket": run.bucket, "key": run.key, "version_id": run.version_id, "sequencer": run.sequencer}
        failure = {"status": "FAILED", "type": "ABORTED", "message": "The execution ended without reporting it."}
        reported = {"execution": run.owner, "input": json.dumps(given | input_), "failure": failure}
        return self.queue.send(reported, message_id)

    def _output(self, run: RunRecord, *parts: OutputPart) -> str:
        address = Address("processed", output_manifest_key(run.dataset, run.run_id))
        manifest = OutputManifest(run_id=run.run_id, dataset=run.dataset, object="x", parts=parts)
        write_document(self.store, address, manifest)
        return str(address)

    def _quarantine(self, run_id: str) -> str:
        parts = []
        frames = [
            [
                rejected(3, ("flight:ge", "flight", "-1", ">= 1")),
                rejected(4, ("carrier:isin", "carrier", "\x1b[2J", "AA"), ("flight:ge", "flight", "-5", ">= 1")),
            ],
            [rejected(9, ("flight:ge", "flight", "0", ">= 1"), raw=b'"AA,\xff')],
        ]
        for index, rows in enumerate(frames):
            address = Address("quarantine", f"flights/{run_id}/{index:05d}.parquet")
            self.store.write(address, parquet_bytes(pl.DataFrame(rows, schema=SCHEMA), compression="zstd"))
            parts.append(QuarantinePart(key=address.key, rows=len(rows)))
        address = Address("quarantine", f"flights/{run_id}/manifest.json")
        manifest = QuarantineManifest(
            run_id=run_id, dataset="flights", object="x", layout=LAYOUT, rules={}, parts=tuple(parts)
        )
        write_document(self.store, address, manifest)
        return str(address)

    def _stored(self, run: RunRecord) -> RunRecord:
        self.ledger._runs[run.run_id] = run
        return run


SCHEMA: dict[str, Any] = {
    "row": pl.Int64,
    "byte_offset": pl.Int64,
    "values": pl.Struct({"carrier": pl.String, "flight": pl.String}),
    "raw": pl.Binary,
    "broken": BROKEN,
}


def rejected(row: int, *broken: tuple[str, str, str, str], raw: bytes | None = None) -> dict[str, Any]:
    """A row of a quarantine part."""
    values = {"carrier": "AA", "flight": "1"} | {column: value for _, column, value, _ in broken}
    reasons = [dict(zip(("rule", "column", "value", "allowed"), reason, strict=True)) for reason in broken]
    return {
        "row": row,
        "byte_offset": row * 100,
        "values": values if raw is None else None,
        "raw": raw,
        "broken": reasons,
    }


def body(run: RunRecord, **request: Any) -> dict[str, Any]:
    """The body of a run's DLQ message: its whole document, and what failed."""
    document = Run(
        run_id=run.run_id,
        execution="arn:execution",
        request=Request(bucket=run.bucket, key=run.key, version_id=run.version_id, sequencer=run.sequencer, **request),
    )
    failure = {"status": str(run.status), "type": run.error_type or "RowsRejected", "message": "3 of 5 rows."}
    return {**document.model_dump(mode="json"), "error": {"Error": "x"}, "failure": failure}
