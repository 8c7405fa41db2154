"""Follow runs to their end by polling the ledger: more often while something changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from filegate.errors import FilegateError
from filegate.operations.artefacts import cut_short
from filegate.operations.find import listed
from filegate.runs.clock import now
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.runs.states import Status
from filegate.storage.ledger import Ledger
from filegate.storage.objects import ObjectStore

MIN_PAUSE, MAX_PAUSE = 0.1, 3.0  # seconds
MAX_SINGLE_READS = 5
"""Up to this number runs are read one by one; more are found by one query per status, however many they are."""
CLOCK_SKEW = timedelta(minutes=15)  # AWS refuses signatures of clocks that are further apart
APPEARS_WITHIN = 180.0  # seconds; a cold start takes a few
PROGRESSES_WITHIN = 2400.0
"""Seconds: the longest call with its retries takes less, and so does the first range of a fan-out; what takes longer
reports its progress, which is a change."""


class RunStalled(FilegateError):
    """A run did not appear, or has not moved for long."""


class Follower:
    """Runs that are under way in the ledger; a moment after their commit, the store has the manifests of their output.

    `clock` and `sleep` are in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ObjectStore,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._since = now() - CLOCK_SKEW
        self._names: dict[str, str] = {}  # what is still under way
        self._seen: dict[str, RunRecord] = {}
        self._changed_at = clock()

    def add(self, run_id: str, name: str) -> None:
        """Follows one more run; `name` is what messages call it."""
        self._names[run_id] = name
        self._changed_at = self._clock()

    def poll(self) -> list[RunRecord]:
        """The runs that have changed since the last poll."""
        changed = []
        for run in self._read():
            if run.status != Status.RUNNING and not cut_short(run, self._store):
                self._names.pop(run.run_id, None)
            seen = self._seen.get(run.run_id)
            if seen == run or (
                seen is not None and run.status == Status.RUNNING and run.lease_until < seen.lease_until
            ):
                continue  # the same, or earlier: indexes follow the table with a delay
            self._seen[run.run_id] = run
            changed.append(run)
        if changed:
            self._changed_at = self._clock()
        return changed

    def changes(self) -> Iterator[RunRecord]:
        """Every change until the last run has ended.

        Raises:
            RunStalled: nothing has changed for long.
        """
        while True:
            yield from self.poll()
            if not self._names:
                return
            still = self._clock() - self._changed_at
            self._give_up_if_stalled(still)
            self._sleep(min(MAX_PAUSE, max(MIN_PAUSE, still / 10)))

    def _read(self) -> list[RunRecord]:
        if len(self._names) <= MAX_SINGLE_READS:
            found = [self._ledger.get(run_id) for run_id in self._names]
            return [run for run in found if run is not None]
        return [
            run
            for status in Status
            if status != Status.DUPLICATE
            for run in self._ledger.with_status(status, self._since)
            if run.run_id in self._names
        ]

    def _give_up_if_stalled(self, still: float) -> None:
        runs = listed([f"{name} (run {short(run_id)})" for run_id, name in self._names.items()])
        none_began = not any(run_id in self._seen for run_id in self._names)  # else it may wait for its turn
        if none_began and still > APPEARS_WITHIN:
            raise RunStalled(
                f"{runs} arrived, but no run began within {APPEARS_WITHIN:g} s.",
                advice=(
                    "See whether the EventBridge rule …-object-created is enabled, what waits in the queue "
                    "…-undelivered-events, and whether the state machine's executions fail."
                ),
            )
        if still > PROGRESSES_WITHIN:
            raise RunStalled(
                f"{runs}: nothing has moved for {still / 60:.0f} minutes.",
                advice="Look at the execution and at the function's log; the run continues without this command.",
            )
