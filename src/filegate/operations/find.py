"""Find runs in the ledger."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Collection, Iterator
from datetime import datetime

from filegate.errors import WrongUse
from filegate.runs.clock import now
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.runs.states import Status
from filegate.storage.ledger import RETENTION, Ledger, iso

RUN_ID_DIGITS = 64
MIN_PREFIX = 4
MAX_LISTED = 5
MAX_SEARCHED = 10_000
"""How many of the latest runs are searched for one that is not named by its whole id: some seconds' work."""


def latest(
    ledger: Ledger, *, dataset: str | None = None, status: Status | None = None, since: datetime | None = None
) -> Iterator[RunRecord]:
    """The runs, the latest first, all or those of a dataset, with a status, started at `since` or later."""
    earliest = since or now() - RETENTION
    if dataset is not None:
        of_dataset = itertools.takewhile(lambda run: run.started_at >= iso(earliest), ledger.of_dataset(dataset))
        return (run for run in of_dataset if status in (None, run.status))
    statuses = [one for one in Status if one != Status.DUPLICATE] if status is None else [status]
    return heapq.merge(
        *(ledger.with_status(one, earliest) for one in statuses), key=lambda run: run.started_at, reverse=True
    )


def find(ledger: Ledger, prefix: str) -> RunRecord:
    """The run whose id is or starts with `prefix`.

    Raises:
        WrongUse: none of the latest 10,000 has, or several have, or it cannot be the start of an id.
    """
    wanted = prefix.lower()
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},{RUN_ID_DIGITS}}}", wanted):
        raise WrongUse(
            f"{prefix!r} is not a run id.", advice=f"Give the first {MIN_PREFIX} or more of its 64 hexadecimal digits."
        )
    if len(wanted) == RUN_ID_DIGITS and (record := ledger.get(wanted)) is not None:
        return record
    recent = list(itertools.islice(latest(ledger), MAX_SEARCHED))
    matches = [run for run in recent if run.run_id.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise WrongUse(f"{len(matches)} runs start with {prefix}: {_named(matches)}.", advice="Give more digits.")
    if not recent:
        raise WrongUse(f"No run starts with {prefix}.", advice="There are no runs yet: deliver a file.")
    if len(recent) < MAX_SEARCHED or len(wanted) == RUN_ID_DIGITS:
        raise WrongUse(f"No run starts with {prefix}.", advice=f"The latest are {_named(recent[:MAX_LISTED])}.")
    raise WrongUse(
        f"None of the latest {MAX_SEARCHED:,} runs starts with {prefix}.",
        advice=f"Give all {RUN_ID_DIGITS} digits of an older one.",
    )


def chain(ledger: Ledger, run: RunRecord) -> list[RunRecord]:
    """The run with those it replays and those that replay it, the first one first."""
    first = run
    while first.replay_of is not None and (older := ledger.get(first.replay_of)) is not None:  # None: it expired
        first = older
    links = [first]
    while links[-1].replayed_by is not None and (newer := ledger.get(links[-1].replayed_by)) is not None:
        links.append(newer)
    return links if any(link.run_id == run.run_id for link in links) else [*links, run]


def listed(names: Collection[str]) -> str:
    """The first five names, and how many more there are."""
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(itertools.islice(names, MAX_LISTED)) + more


def _named(runs: list[RunRecord]) -> str:
    return listed([f"{short(run.run_id)} ({run.key})" for run in runs])
