"""How far a state is, told to the ledger now and then."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from filegate.errors import TransientError
from filegate.pipeline.context import Context
from filegate.runs.run import Run

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
            tell(self._run, self._context, chunks=self._chunks, rows=self._rows)
            self._told_at, self._chunks, self._rows = now, 0, 0


def tell(run: Run, context: Context, *, chunks: int, rows: int) -> None:
    """Adds to what is done. What the ledger does not take for the moment is not worth doing the work again.

    Raises:
        ClaimLost: another execution owns the run.
    """
    with suppress(TransientError):
        context.ledger.advance(run, chunks=chunks, rows=rows, now=context.now())
