"""The functions' logger and metrics, in one place. Logs name runs, datasets and counts, never a row's values."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from filegate.runs import Run

logger = Logger()
metrics = Metrics()


def report(before: Run, after: Run) -> None:
    """Counts what a stage added to its run, by dataset."""
    metrics.add_dimension("dataset", after.request.dataset)
    if after.ingested is not None and before.ingested is None and after.ingested.claim == "CLAIMED":
        metrics.add_metric("ObjectBytes", MetricUnit.Bytes, after.ingested.bytes)
        metrics.add_metric("RowsIn", MetricUnit.Count, after.ingested.rows)
    if after.validated is not None and before.validated is None:
        metrics.add_metric("RowsAccepted", MetricUnit.Count, after.validated.rows_accepted)
        metrics.add_metric("RowsRejected", MetricUnit.Count, after.validated.rows_rejected)
    if after.transformed is not None and before.transformed is None:
        metrics.add_metric("RowsOut", MetricUnit.Count, after.transformed.rows_out)
        metrics.add_metric("RowsDeduplicated", MetricUnit.Count, after.transformed.rows_deduplicated)
    if after.committed is not None and before.committed is None:
        metrics.add_metric("RunsCommitted", MetricUnit.Count, 1)
