"""The functions' logger and metrics, in one place. Logs name runs, datasets and counts, never a row's values."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from filegate.runs import Run

logger = Logger()
metrics = Metrics()


def report(before: Run, after: Run) -> None:
    """Emits what a stage added to its run as metrics of its dataset."""
    counts: dict[str, int] = {}
    if after.ingested != before.ingested and after.ingested is not None:
        counts |= {"RowsIn": after.ingested.rows, "BytesIn": after.ingested.bytes}
    if after.validated != before.validated and after.validated is not None:
        counts |= {"RowsAccepted": after.validated.rows_accepted, "RowsRejected": after.validated.rows_rejected}
    if after.transformed != before.transformed and after.transformed is not None:
        counts |= {"RowsOut": after.transformed.rows_out, "RowsDeduplicated": after.transformed.rows_deduplicated}
        counts |= {"BytesOut": after.transformed.bytes_out}
    if after.committed != before.committed:
        counts |= {"RunsCommitted": 1}
    for name, value in counts.items():
        metrics.add_metric(name, MetricUnit.Bytes if name.startswith("Bytes") else MetricUnit.Count, value)
    if counts:
        metrics.add_dimension("dataset", after.request.dataset)
        metrics.flush_metrics()
