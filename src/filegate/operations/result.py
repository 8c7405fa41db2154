"""A run as one JSON object, for programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from filegate.operations.artefacts import published
from filegate.operations.progress import progress_of
from filegate.runs.address import Address
from filegate.runs.clock import now
from filegate.runs.cost import by_stage, cost_usd, transitions
from filegate.runs.prices import READ_ON
from filegate.runs.record import RunRecord
from filegate.storage.objects import ObjectStore


def result(run: RunRecord, store: ObjectStore) -> dict[str, Any]:
    """The outcome of an object's run.

    Returns:
        `run_id`, `dataset`, `object` (its address), `status`; the counts `rows_in`, `rows_accepted`, `rows_rejected`,
        `rows_out`; `layout` (how the object is written, as `FoundLayout`, or null); `rules` (rejected rows by rule
        code, the most broken first); `output` (addresses of the published parts); `superseded_by` (the run whose output
        stands in its place, so that nothing of this one is published, or null); `quarantine` (address of its manifest,
        or null); `error` (`type` and `message`, or null);
        `seconds` (null while it runs); `progress` of a run that takes long, as `StateProgress.to_json`, or null.
    """
    found = progress_of(run)
    return {
        "run_id": run.run_id,
        "dataset": run.dataset,
        "object": str(Address(run.bucket, run.key)),
        "status": str(run.status),
        "rows_in": run.rows_in,
        "rows_accepted": run.rows_accepted,
        "rows_rejected": run.rows_rejected,
        "rows_out": run.rows_out,
        "layout": None if run.layout is None else run.layout.model_dump(),
        "rules": rules(run),
        "output": [str(part) for part in published(run, store) or []],
        "superseded_by": run.superseded_by,
        "quarantine": run.quarantine or None,
        "error": {"type": run.error_type, "message": run.error_message} if run.error_type else None,
        "seconds": seconds(run),
        "progress": None if found is None else found.to_json(now()),
    }


def used(run: RunRecord) -> dict[str, Any]:
    """What the run used up to now, and what that costs.

    Returns:
        `stages`: for each stage `invocations`, `seconds` and `gb_seconds`, retries and restarts included; `transitions`
        of the state machine; requests to S3, `s3_reads` and `s3_writes`; DynamoDB's units, `ledger_reads` and
        `ledger_writes`; `cost_usd`, an estimate; `prices_of`, the day of the list prices it was made with.
    """
    calls = run.usage.invocations.values()
    return {
        "stages": {name: asdict(total) for name, total in by_stage(run.usage).items()},
        "transitions": transitions(run),
        "s3_reads": sum(call.s3_reads for call in calls),
        "s3_writes": sum(call.s3_writes for call in calls),
        "ledger_reads": sum(call.ledger_reads for call in calls),
        "ledger_writes": sum(call.ledger_writes for call in calls),
        "cost_usd": estimate(run),
        "prices_of": READ_ON.isoformat(),
    }


def estimate(run: RunRecord) -> float:
    """What the run cost, about, in dollars: as its commit wrote it down, or else what it used up to now."""
    return cost_usd(run) if run.cost_usd is None else run.cost_usd


def rules(run: RunRecord) -> dict[str, int]:
    """Rejected rows by rule code, the most broken first."""
    return dict(sorted(run.rules.items(), key=lambda item: (-item[1], item[0])))


def seconds(run: RunRecord) -> float | None:
    """From the claim to the end; None while the run is running."""
    if run.finished_at is None:
        return None
    return round((datetime.fromisoformat(run.finished_at) - datetime.fromisoformat(run.started_at)).total_seconds(), 3)
