"""How far a state is, reported to the ledger now and then."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from filegate.errors import TransientError
from filegate.pipeline.context import Context
from filegate.runs.run import Run

REPORT_INTERVAL = timedelta(seconds=5)
"""A write to the ledger costs as much as some seconds of validate's function: small files never make one."""


class ProgressReporter:
    """The chunks and rows that one invocation has done."""

    def __init__(self, run: Run, context: Context) -> None:
        self._run = run
        self._context = context
        self._reported_at = context.now()
        self._chunks = self._rows = 0

    def done(self, *, chunks: int, rows: int) -> None:
        """Counts some more, and reports them if it is time to."""
        self._chunks += chunks
        self._rows += rows
        now = self._context.now()
        if now - self._reported_at >= REPORT_INTERVAL:
            report_progress(self._run, self._context, chunks=self._chunks, rows=self._rows)
            self._reported_at, self._chunks, self._rows = now, 0, 0


def report_progress(run: Run, context: Context, *, chunks: int, rows: int) -> None:
    """Adds to what is done. A report that the ledger cannot take at the moment is no reason to repeat the work.

    Raises:
        ClaimLost: another execution owns the run.
    """
    with suppress(TransientError):
        context.ledger.advance(run, chunks=chunks, rows=rows, now=context.now())
