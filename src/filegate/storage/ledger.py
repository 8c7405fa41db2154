"""The ledger's interface: one item a run, and one head an object key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from filegate.runs.record import RunRecord
from filegate.runs.run import Failure, Run, Usage
from filegate.runs.states import PARALLEL_OUTPUT, State, Status

LEASE = timedelta(minutes=30)
"""How long a claim holds without a sign of life: twice the longest a stage can run."""
RETENTION = timedelta(days=180)
"""How long the ledger remembers a run."""


def iso(time: datetime) -> str:
    """`2026-01-31T10:00:00.000Z`: the form of Step Functions' own times, so that they sort together as text."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def alive(now: datetime) -> dict[str, Any]:
    """What a sign of life sets of a `RunRecord`."""
    return {"lease_until": int((now + LEASE).timestamp())}


def entered(state: State, chunks: int, now: datetime) -> dict[str, Any]:
    """What the beginning of a state sets of it, besides the state's entry in `states`: `entered_at`."""
    due = {"chunks_due": chunks, "chunks_done": 0, "rows_done": 0}
    return {"state": state, "entered_at": iso(now), **due, **alive(now)}


def claimed(run: Run, now: datetime) -> dict[str, Any]:
    """What a claim sets of it, besides what only the first one does: `started_at`, `states`."""
    request = run.request
    return {
        **entered(State.INGEST, 0, now),
        "run_id": run.run_id,
        "dataset": request.dataset,
        "status": Status.RUNNING,
        "bucket": request.bucket,
        "key": request.key,
        "version_id": request.version_id,
        "sequencer": request.sequencer,
        "owner": run.execution,
        "retries": run.retries.count,
        **({} if request.replay_of is None else {"replay_of": request.replay_of}),
    }


def output_facts(run: Run) -> dict[str, Any]:
    """What the output's counts set of it, besides the state's entry in `states`."""
    assert run.transformed is not None
    counts = run.transformed.model_dump(include={"rows_out", "rows_deduplicated", "bytes_out"})
    return {"state": PARALLEL_OUTPUT, **counts}


def failure_facts(failure: Failure, now: datetime) -> dict[str, Any]:
    """What the end of a run that publishes nothing sets of it."""
    return {
        "status": failure.status,
        "finished_at": iso(now),
        "error_type": failure.type,
        "error_message": failure.message,
    }


@dataclass(frozen=True)
class Head:
    """Which runs make up the published output of one object key.

    Attributes:
        sequencer: the order of the newest object version published so far.
        version_id: that version.
        live: the runs whose output is visible: a run and the replays of its quarantined rows.
        revision: counts the changes; a commit names the revision it saw.
    """

    sequencer: str = ""
    version_id: str = ""
    live: tuple[str, ...] = ()
    revision: int = 0

    def is_newer_than(self, sequencer: str) -> bool:
        """Compares as S3 says: hexadecimal texts, the shorter one padded with zeros on its right.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
        """
        width = max(len(self.sequencer), len(sequencer))
        return self.sequencer.ljust(width, "0") > sequencer.ljust(width, "0")


@dataclass(frozen=True)
class Commit:
    """The ledger's last word on a run: its final status, and the head of its key if its output becomes visible."""

    run: Run
    status: Status
    output: str
    at: datetime
    usage: Usage
    cost_usd: float
    head: Head | None = None
    superseded_by: str | None = None
    supersedes: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What it says of the run besides the usage, by the names of `RunRecord`'s fields."""
        return {
            "status": self.status,
            "finished_at": iso(self.at),
            "output": self.output,
            "cost_usd": self.cost_usd,
            "superseded_by": self.superseded_by,
            "supersedes": self.supersedes,
        }


class Ledger(Protocol):
    """Keeps runs. Every write raises `ClaimLost` where the run belongs to another execution or is final already.

    Writes take along what the run has found and used so far; what they know anew of an invocation replaces what was
    known.
    """

    def claim(self, run: Run, now: datetime) -> bool:
        """Makes the run this execution's own; False if another one has it, or had it and ended it.

        A claim is renewed by its owner, and taken over where its lease ended without a result.
        """
        ...

    def enter(self, run: Run, state: State, now: datetime, usage: Usage, *, chunks: int | None = None) -> None:
        """Notes that the run is in `state`, of which nothing is done yet, and renews the lease.

        `chunks` are to be worked on there; if that is not said, all of the object's.
        """
        ...

    def advance(self, run: Run, *, chunks: int, rows: int, now: datetime) -> None:
        """Adds to what is done of the present state, and renews the lease. What a repeated call did counts again."""
        ...

    def record(self, run: Run, usage: Usage) -> None:
        """Stores what the run has found and used, where no other write will."""
        ...

    def record_output(self, run: Run, now: datetime) -> None:
        """Stores the output's counts, before it is committed: the state machine's UpdateMetadata."""
        ...

    def record_failure(self, run: Run, failure: Failure, now: datetime) -> None:
        """Stores the end of a run that publishes nothing: the state machine's RecordFailure."""
        ...

    def head(self, bucket: str, key: str) -> Head: ...

    def commit(self, commit: Commit) -> bool:
        """Writes the run's end and the head in one transaction; False if the head changed since it was read."""
        ...

    def mark_superseded(self, run_id: str, by: str) -> None:
        """Notes that a run's output was replaced."""
        ...

    def mark_replayed(self, run_id: str, by: str) -> None:
        """Notes that a run was replayed."""
        ...

    def get(self, run_id: str) -> RunRecord | None: ...

    def of_dataset(self, dataset: str) -> Iterator[RunRecord]:
        """The dataset's runs, the latest first."""
        ...

    def with_status(self, status: Status, since: datetime) -> Iterator[RunRecord]:
        """The runs with this status that started at `since` or later, the latest first."""
        ...
