"""What every call of a function took: from the function's own side of the gate."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from filegate.devcloud.functions import ExecutionEnvironment, Outcome

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Call:
    """One call of a function.

    Attributes:
        begun: when it had its turn, in seconds of the epoch.
        ended: when its answer was there.
        cpu: seconds of a processor that its process used for it; in steps of 10 ms, right in the sum.
        first: whether its process was started for it: then its start is in both.
    """

    run_id: str
    state: str
    begun: float
    ended: float
    cpu: float
    first: bool

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class Watch:
    """Notes the calls of every function of the embedded clouds that run within `watching`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._used: dict[ExecutionEnvironment, float] = {}

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        invoke = ExecutionEnvironment.invoke

        def watched(environment: ExecutionEnvironment, event: Any, **call: str) -> Outcome:
            first, before = environment not in self._used, self._used.get(environment, 0.0)
            begun = time.time()
            outcome = invoke(environment, event, **call)
            ended = time.time()
            self._used[environment] = used = _processor_seconds(environment.pid)
            run, state = event["run"], event["state"]
            self.calls.append(Call(run["run_id"], state, begun, ended, used - before, first))
            return outcome

        with mock.patch.object(ExecutionEnvironment, "invoke", watched):
            yield


def _processor_seconds(pid: int) -> float:
    """https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
