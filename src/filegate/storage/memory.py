"""The ledger in memory: for runs in this process, under the same tests as DynamoDB's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from filegate.errors import ClaimLost
from filegate.runs.record import RunRecord
from filegate.runs.run import Failure, Run, Usage
from filegate.runs.states import PARALLEL_OUTPUT, State, Status
from filegate.storage.ledger import Commit, Head, alive, claimed, entered, failure_facts, iso, output_facts


@dataclass
class MemoryLedger:
    """Runs and heads in dicts, under the conditions of `DynamoDBLedger`."""

    _runs: dict[str, RunRecord] = field(default_factory=dict)
    _heads: dict[tuple[str, str], Head] = field(default_factory=dict)

    def claim(self, run: Run, now: datetime) -> bool:
        known = self._runs.get(run.run_id)
        facts = claimed(run, now)
        if known is None:
            begun = facts["entered_at"]
            self._runs[run.run_id] = RunRecord(**facts, started_at=begun, states={State.INGEST: begun})
        elif known.status == Status.RUNNING and (known.owner == run.execution or known.lease_until < now.timestamp()):
            self._set(run.run_id, **facts)
        else:
            self._set(run.run_id, duplicates=known.duplicates + 1)
            return False
        return True

    def enter(self, run: Run, state: State, now: datetime, usage: Usage, *, chunks: int | None = None) -> None:
        known = self._owned(run)
        found = {"usage": known.usage | usage, **run.findings}
        begun = entered(state, run.chunks if chunks is None else chunks, now)
        self._set(run.run_id, **found, **begun, states=known.states | {state: begun["entered_at"]})

    def advance(self, run: Run, *, chunks: int, rows: int, now: datetime) -> None:
        known = self._owned(run)
        self._set(run.run_id, chunks_done=known.chunks_done + chunks, rows_done=known.rows_done + rows, **alive(now))

    def record(self, run: Run, usage: Usage) -> None:
        known = self._owned(run)
        self._set(run.run_id, **run.findings, usage=known.usage | usage)

    def record_output(self, run: Run, now: datetime) -> None:
        known = self._owned(run)
        self._set(run.run_id, **output_facts(run), states=known.states | {PARALLEL_OUTPUT: iso(now)})

    def record_failure(self, run: Run, failure: Failure, now: datetime) -> None:
        self._owned(run)
        self._set(run.run_id, **failure_facts(failure, now))

    def head(self, bucket: str, key: str) -> Head:
        return self._heads.get((bucket, key), Head())

    def commit(self, commit: Commit) -> bool:
        run = commit.run
        known = self._owned(run)
        place = (run.request.bucket, run.request.key)
        if commit.head is not None:
            if self.head(*place).revision != commit.head.revision - 1:
                return False
            self._heads[place] = commit.head
        self._set(run.run_id, **commit.facts, usage=known.usage | commit.usage)
        return True

    def mark_superseded(self, run_id: str, by: str) -> None:
        self._set(run_id, superseded_by=by)

    def mark_replayed(self, run_id: str, by: str) -> None:
        self._set(run_id, replayed_by=by)

    def get(self, run_id: str) -> RunRecord | None:
        return self._runs.get(run_id)

    def of_dataset(self, dataset: str) -> Iterator[RunRecord]:
        return self._latest(run for run in self._runs.values() if run.dataset == dataset)

    def with_status(self, status: Status, since: datetime) -> Iterator[RunRecord]:
        return self._latest(run for run in self._runs.values() if run.status == status and run.started_at >= iso(since))

    def _owned(self, run: Run) -> RunRecord:
        known = self._runs.get(run.run_id)
        if known is None or known.owner != run.execution or known.status != Status.RUNNING:
            raise ClaimLost(f"Run {run.run_id} no longer belongs to {run.execution}.")
        return known

    def _set(self, run_id: str, /, **facts: Any) -> None:
        if run_id in self._runs:
            self._runs[run_id] = self._runs[run_id].model_copy(update=facts)

    def _latest(self, runs: Iterable[RunRecord]) -> Iterator[RunRecord]:
        return iter(sorted(runs, key=lambda run: run.started_at, reverse=True))
