"""The progress of a run's current state: chunks done, rate, and the time left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from filegate.storage.ledger import LEASE, iso

REPORTING_STATES = ("IngestState", "ValidateState", "TransformState")
"""The states that report their progress; in later states, the ledger has the last one's."""
MIN_SHARE = 0.1
"""The share that must be done before the rest is estimated: ranges begin together, and so end together."""
MIN_SECONDS = 1.0
"""Seconds before a rate means something: progress is reported by the second."""


@dataclass(frozen=True)
class StateProgress:
    """The progress of a state that began at `since`, and last reported it at `alive_at`.

    It has done `chunks_done` with `rows_done` rows in them, of `chunks`; None while their number is unknown.
    """

    state: str
    since: datetime
    alive_at: datetime
    chunks_done: int
    chunks: int | None
    rows_done: int

    @property
    def share(self) -> float | None:
        """What is done, of 1; None while the total is unknown."""
        return None if self.chunks is None else self.chunks_done / self.chunks

    @property
    def percent(self) -> int | None:
        """The same in whole percent: 100 when all is done, and not before."""
        return None if self.chunks is None else 100 * self.chunks_done // self.chunks

    @property
    def rows_per_second(self) -> float | None:
        """The mean since the state began; None as long as that is just now."""
        return None if self._seconds < MIN_SECONDS else self.rows_done / self._seconds

    def seconds_left(self, now: datetime) -> float | None:
        """The estimated time for the rest at this rate; None if there is no estimate, or it should be over."""
        if self.share is None or self.share < MIN_SHARE or self._seconds < MIN_SECONDS:
            return None
        left = self._seconds * (1 / self.share - 1) - max(0.0, (now - self.alive_at).total_seconds())
        return left if left > 0 else None

    def to_json(self, now: datetime) -> dict[str, Any]:
        """For programs: `percent`, `rows_per_second` and `seconds_left` may be null, and so may `chunks`."""
        rate, left = self.rows_per_second, self.seconds_left(now)
        return {
            "state": self.state,
            "since": iso(self.since),
            "alive_at": iso(self.alive_at),
            "chunks_done": self.chunks_done,
            "chunks": self.chunks,
            "percent": self.percent,
            "rows_done": self.rows_done,
            "rows_per_second": None if rate is None else round(rate),
            "seconds_left": None if left is None else round(left),
        }

    @property
    def _seconds(self) -> float:
        return max(0.0, (self.alive_at - self.since).total_seconds())


def progress_of(run: RunRecord) -> StateProgress | None:
    """The progress of a run; None if it has reported none yet, as most runs never do, or has ended.

    Repeated calls count twice in the ledger, so that counts are limited to the totals.
    """
    if run.status != Status.RUNNING or run.state not in REPORTING_STATES or not run.chunks_done:
        return None
    return StateProgress(
        state=run.state,
        since=datetime.fromisoformat(run.entered_at),
        alive_at=alive_at(run),
        chunks_done=min(run.chunks_done, run.chunks_due) if run.chunks_due else run.chunks_done,
        chunks=run.chunks_due or None,
        rows_done=min(run.rows_done, run.rows_in) if run.chunks_due else run.rows_done,
    )


def alive_at(run: RunRecord) -> datetime:
    """When the run last renewed its lease: at the beginning of a state, or with a report of progress."""
    return datetime.fromtimestamp(run.lease_until, UTC) - LEASE
