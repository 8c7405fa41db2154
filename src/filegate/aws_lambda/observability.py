"""The functions' logs and metrics: runs, datasets, rules and counts, never a row's values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from filegate.errors import PermanentError, TransientError, UnknownDataset
from filegate.runs.run import Invocation, Run
from filegate.runs.states import State

ENVIRONMENT = os.environ.get("FILEGATE_ENVIRONMENT", "unknown")
LOGGED_RULES = 10
OVER_ALL = "rejected_share_of_tolerance"
"""Also emitted without the dimension `dataset`: an alarm cannot enumerate datasets."""
NEARLY_FULL = 90
"""Percent of a function's memory above which a warning is logged."""

logger = Logger()

Measures = dict[str, tuple[MetricUnit, float]]


def begin(run: Run, state: State) -> None:
    """Add the run, and the range if there is one, to every following line; log the start."""
    logger.append_keys(
        run_id=run.run_id,
        dataset=run.request.dataset,
        state=state,
        execution=run.execution,
        environment=ENVIRONMENT,
    )
    if run.range is not None:
        logger.append_keys(range=run.range.index)
    if run.retries.count and run.range is None:  # ingest logs it once: there may be thousands of ranges
        logger.warning("started again", extra={"restarts": run.retries.count})
    else:
        logger.info("started")


def end(before: Run, after: Run, invocation: Invocation) -> None:
    """Log what a stage added to the run, and emit its metrics."""
    for warning, facts in _warnings(after, invocation.state):
        logger.warning(warning, extra=facts)
    logger.info("done", extra={"seconds": invocation.seconds, **_found(before, after)})
    _measure(before, invocation, lambda: _counts(before, after, invocation.state))


def fail(run: Run, invocation: Invocation, error: Exception) -> None:
    """Log the error that ends an invocation. Its message holds no values: that of a defect is removed before."""
    facts = {"seconds": invocation.seconds, "error_type": type(error).__name__, "error_message": str(error)}
    if isinstance(error, TransientError):
        logger.warning("failed, worth a retry", extra=facts)
    else:
        logger.error("failed", extra=facts)
    arrived = isinstance(error, PermanentError) and not isinstance(error, UnknownDataset)
    _measure(run, invocation, lambda: _arrival(run) if arrived and invocation.state == State.INGEST else {})


def _found(before: Run, after: Run) -> dict[str, Any]:
    """The counts in the sections that the stage added."""
    facts: dict[str, Any] = {}
    for name in ("ingested", "validated", "transformed", "published", "committed"):
        section = getattr(after, name)
        if section is not None and section != getattr(before, name):
            facts |= section.model_dump(mode="json", exclude_none=True, exclude={"manifest", "message", "rules"})
    if after.validated is not None and after.validated != before.validated:
        rules = list(after.validated.rules.items())[:LOGGED_RULES]
        facts["rules"] = [{"rule": rule, "rows": rows} for rule, rows in rules]  # a list, so that queries can unnest it
    return facts


def _warnings(run: Run, state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """Warnings for an operator, with their facts."""
    if state.ends_validation and run.validated is not None and run.validated.rows_rejected:
        share = run.validated.share_of_tolerance
        yield "rows were rejected", {"rows_rejected": run.validated.rows_rejected, "share_of_tolerance": share}
    if state == State.COMMIT and run.committed is not None and run.committed.superseded_by is not None:
        yield "superseded: a newer version is published already", {"superseded_by": run.committed.superseded_by}


def _counts(before: Run, after: Run, state: State) -> Measures:
    """A stage's counts for its dataset, once per run: none if the state already ran in an earlier attempt."""
    rechecks = 0 if before.fan_out is None else before.fan_out.looks  # not restarts
    if sum(call.state == state for call in before.usage.invocations.values()) > rechecks:
        return {}
    if state == State.INGEST and after.ingested is not None and after.ingested.claim == "CLAIMED":
        return _arrival(before, after.ingested.bytes)
    if state.ends_validation and after.validated is not None:
        validated = after.validated
        return {
            "rows_in": (MetricUnit.Count, validated.rows_in),
            "rows_accepted": (MetricUnit.Count, validated.rows_accepted),
            "rows_rejected": (MetricUnit.Count, validated.rows_rejected),
            "rejected_share_of_tolerance": (MetricUnit.NoUnit, validated.share_of_tolerance),
        }
    if state == State.COMMIT and after.committed is not None and after.transformed is not None:
        committed = after.committed
        measures: Measures = {"run_seconds": (MetricUnit.Seconds, committed.run_seconds)}
        if committed.cost_usd is not None:
            measures["cost_usd"] = (MetricUnit.NoUnit, committed.cost_usd)
        if committed.superseded_by is None:
            measures["rows_out"] = (MetricUnit.Count, after.transformed.rows_out)
            if committed.age_seconds is not None:
                measures["age_at_publication_seconds"] = (MetricUnit.Seconds, committed.age_seconds)
        return measures
    return {}


def _arrival(run: Run, size: int | None = None) -> Measures:
    """The arrival of an object; a replay's object was counted before."""
    if run.request.replay_of is not None:
        return {}
    measures: Measures = {"objects": (MetricUnit.Count, 1)}
    return measures if size is None else measures | {"object_bytes": (MetricUnit.Bytes, size)}


def _measure(run: Run, invocation: Invocation, counts: Callable[[], Measures]) -> None:
    """Emit metrics. A failure to do so does not fail the run."""
    try:
        own: Measures = {"seconds": (MetricUnit.Seconds, invocation.seconds)}
        if (used := _memory_used_percent(invocation.memory_mb)) is not None:
            own["memory_used_percent"] = (MetricUnit.Percent, used)
            if used >= NEARLY_FULL:
                logger.warning("the function's memory is nearly full", extra={"memory_used_percent": used})
        of_dataset = counts()
        _emit(own | {name: measure for name, measure in of_dataset.items() if name == OVER_ALL}, run, {})
        if of_dataset:
            _emit(of_dataset, run, {"dataset": run.request.dataset})
    except Exception as error:
        logger.warning("metrics were lost", extra={"error_type": type(error).__name__})


def _emit(measures: Measures, run: Run, dimensions: Mapping[str, str]) -> None:
    """Write one line in CloudWatch's embedded metric format; powertools adds namespace and service."""
    metrics = EphemeralMetrics()
    for name, value in {"environment": ENVIRONMENT, **dimensions}.items():
        metrics.add_dimension(name, value)
    metrics.add_metadata("run_id", run.run_id)  # not a dimension: every value of one is billed as a metric
    for name, (unit, number) in measures.items():
        metrics.add_metric(name, unit, number)
    metrics.flush_metrics()


def _memory_used_percent(memory_mb: int) -> float | None:
    """The process's peak memory as a percentage of the function's; None where Linux does not report it.

    Not `getrusage`: its maximum survives exec, so it may be that of the parent process.
    """
    status = Path("/proc/self/status")
    if not status.exists() or not memory_mb:
        return None
    (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return round(100 * int(peak.split()[1]) / 1024 / memory_mb, 1)
