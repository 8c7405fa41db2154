"""None lost: every file had one run, which ended as it must, and every row of it is where it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from benchmarks.small_files.deliveries import Delivery
from filegate.runs.record import RunRecord
from harness.pipeline import Drop, Execution, Pipeline

T = TypeVar("T")


class Lost(AssertionError):
    """A file or a row is not where it must be, or is there twice."""


def prove_none_lost(
    pipeline: Pipeline,
    delivered: Sequence[tuple[Delivery, Drop]],
    runs: Sequence[RunRecord],
    executions: Sequence[Execution],
) -> int:
    """Holds what came of the files against what must; the number of rows that were found, all in their places.

    Raises:
        Lost: something differs.
    """
    drops = [drop for _, drop in delivered]
    _same("executions", Counter(one.run_id for one in executions), {drop.run_id: 1 for drop in drops})
    known = (run.run_id for dataset in {run.dataset for run in runs} for run in pipeline.ledger.of_dataset(dataset))
    _same("runs in the ledger", Counter(known), {drop.run_id: 1 for drop in drops})
    found = 0
    for (delivery, drop), run in zip(delivered, runs, strict=True):
        what = f"{delivery.key}, {delivery.kind}"
        if run.status != delivery.status:
            raise Lost(f"{what}: {run.status}, not {delivery.status}: {run.error_type}: {run.error_message}")
        _same(f"{what}: duplicates and retries", (run.duplicates, run.retries), (0, 0))
        rejected, published = len(delivery.rejected), len(delivery.published)
        _same(f"{what}: rows", (run.rows_in, run.rows_rejected), (delivery.rows, rejected))
        _same(f"{what}: published rows", (run.rows_out, run.rows_deduplicated), (published, 0))
        parts = pipeline.published(run.dataset, drop.run_id)
        quarantined = pipeline.quarantined(run.dataset, drop.run_id)
        values = sorted(parts[delivery.telling].to_list()) if parts.width else []
        numbers = sorted(quarantined["row"].to_list()) if quarantined.width else []
        _same(f"{what}: the published rows' {delivery.telling}", values, [*delivery.published])
        _same(f"{what}: the rejected rows' numbers", numbers, [*delivery.rejected])
        found += len(values) + len(numbers)
    return found


def _same(what: str, found: T, wanted: T) -> None:
    if found != wanted:
        raise Lost(f"{what}: {found}, not {wanted}")
