"""What the present invocation has used so far."""

from __future__ import annotations

import time
from collections.abc import Callable

from filegate.runs.run import Invocation, Usage
from filegate.runs.states import State
from filegate.storage.requests import Requests


class Meter:
    """Tells what the present invocation has used so far.

    Args:
        invocation_id: the invocation's own, among those of its run.
        state: the state that called.
        memory_mb: the function's memory.
        requests: where its clients count; starts from zero.
        head_start: seconds that are charged although they passed before the handler was called.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        invocation_id: str,
        state: State,
        memory_mb: int,
        requests: Requests,
        *,
        head_start: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = invocation_id
        self._facts = {"state": state, "memory_mb": memory_mb}
        self._requests = requests
        self._clock = clock
        self._begun = clock() - head_start
        requests.clear()

    def invocation(self, *, failed: bool = False) -> Invocation:
        seconds = round(self._clock() - self._begun, 3)
        return Invocation.model_validate(
            {**self._facts, **self._requests.counts(), "seconds": seconds, "failed": failed}
        )

    def usage(self, *, failed: bool = False) -> Usage:
        return Usage(invocations={self._id: self.invocation(failed=failed)})
