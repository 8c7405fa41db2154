"""How far a state is, told to the ledger now and then."""

from __future__ import annotations

from datetime import timedelta

from filegate.runs import Run
from filegate.stages.context import Context

TOLD_EVERY = timedelta(seconds=5)
"""A write to the ledger costs as much as some seconds of validate's function: small files never make one."""


class Progress:
    """The chunks and rows that one invocation has done."""

    def __init__(self, run: Run, context: Context) -> None:
        self._run = run
        self._context = context
        self._told_at = context.now()
        self._chunks = self._rows = 0

    def done(self, *, chunks: int, rows: int) -> None:
        """Counts some more, and tells if it is time to."""
        self._chunks += chunks
        self._rows += rows
        now = self._context.now()
        if now - self._told_at >= TOLD_EVERY:
            self._context.ledger.advance(self._run, chunks=self._chunks, rows=self._rows, now=now)
            self._told_at, self._chunks, self._rows = now, 0, 0
