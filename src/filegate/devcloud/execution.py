"""One execution environment of a function: a local process that runs its handler, and the process's log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filegate.devcloud.runtime_api import Call, RuntimeProcess


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a function's process; two equal launches can share environments.

    Attributes:
        handler: `module.function`, imported from `directory`.
        directory: the process's working directory, where the image has its task root.
        variables: the whole of the process's environment, as sorted pairs.
        timeout: seconds that one call may take.
    """

    handler: str
    directory: Path
    variables: tuple[tuple[str, str], ...]
    timeout: float


@dataclass(frozen=True)
class Outcome:
    """How one call ended.

    Attributes:
        answer: the handler's JSON value, or Lambda's error document (errorType, errorMessage, ...).
        failed: whether `answer` is an error document.
        log: what the process wrote to stdout and stderr meanwhile.
    """

    answer: Any
    failed: bool
    log: str


class ExecutionEnvironment:
    """A function's process, started at once and used by one call at a time."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the process
        self._read = 0  # bytes of the log
        self._reading = threading.Lock()
        self._runtime = RuntimeProcess(
            [sys.executable, "-m", "filegate.devcloud.child", launch.handler],
            variables=dict(launch.variables),
            timeout=launch.timeout,
            cwd=launch.directory,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def pid(self) -> int:
        return self._runtime.pid

    @property
    def alive(self) -> bool:
        return self._runtime.alive

    def invoke(self, event: Any, *, request_id: str, function_arn: str) -> Outcome:
        """Run one call to its end; `event` is any JSON value.

        A call that fails outside of the handler leaves the environment dead.
        """
        result = self._runtime.invoke(
            Call(
                request_id=request_id,
                function_arn=function_arn,
                payload=json.dumps(event).encode(),
                headers={"Lambda-Runtime-Trace-Id": _trace_id()},
            )
        )
        try:
            answer = json.loads(result.body)
        except ValueError:
            answer = result.body.decode(errors="replace")  # a handler may return bytes, which Lambda passes on
        log = self._take_log()
        if not result.reusable:
            self.close()
        return Outcome(answer, result.failed, log)

    def close(self) -> None:
        """End the process and its Runtime API. Safe to call twice, and from any thread."""
        self._runtime.close()
        with self._reading:
            self._log.close()

    def _take_log(self) -> str:
        """What the process wrote since the last call: it writes its lines before it posts a result."""
        with self._reading:
            if self._log.closed:
                return ""
            size = os.fstat(self._log.fileno()).st_size
            taken = os.pread(self._log.fileno(), size - self._read, self._read)
            self._read += len(taken)
            return taken.decode(errors="replace")


def _trace_id() -> str:
    random = uuid.uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{random[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
