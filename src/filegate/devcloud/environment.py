"""One execution environment: a function's process, and the Lambda Runtime API that it polls.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_INIT_SECONDS = 10.0  # Lambda's own limit for the init phase; it then goes on under the function's time-out
_RESULT = re.compile(r"/2018-06-01/runtime/(?:init/(?P<init>error)|invocation/[^/]+/(?P<kind>response|error))$")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a function's process; two equal launches can share environments.

    Attributes:
        runtime: the module that polls the Runtime API, awslambdaric or filegate.devcloud.runtime.
        handler: `module.function`, imported from `directory`.
        directory: the process's working directory, where the image has its task root.
        variables: the whole of the process's environment, as sorted pairs.
        timeout: seconds that one invocation may take.
    """

    runtime: str
    handler: str
    directory: Path
    variables: tuple[tuple[str, str], ...]
    timeout: float


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One call: `event` is any JSON value."""

    request_id: str
    function_arn: str
    event: Any


@dataclass(frozen=True)
class Outcome:
    """What one call came to.

    Attributes:
        answer: the handler's JSON value, or Lambda's error document (errorType, errorMessage, ...).
        failed: whether `answer` is an error document.
        log: what the process wrote to stdout and stderr meanwhile.
    """

    answer: Any
    failed: bool
    log: str


@dataclass(frozen=True)
class _Told:
    """Something the process did: "ready", "response", "error", "init" (error) or "exit"."""

    what: str
    document: Any = None


class Environment:
    """A function's process, started at once and used by one call at a time."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._told: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self._next: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._deadline = 0.0
        self._log: list[bytes] = []
        self._reading = threading.Lock()
        self._polled = False  # whether the process came up and asked for work
        self._ready = False  # whether invoke() knows
        self._api = _RuntimeApi(self)
        command = [sys.executable, "-m", "filegate.devcloud.child", launch.runtime, launch.handler]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command,
            cwd=launch.directory,
            env={**dict(launch.variables), "AWS_LAMBDA_RUNTIME_API": self._api.address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the cloud alone, which then ends its functions in order
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._reader = threading.Thread(target=self._read_log, name="function-log", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run one call to its end. A call that fails outside the handler leaves the environment dead."""
        if not self._ready:
            told = self._wait(max(_INIT_SECONDS, self.launch.timeout))
            if told.what != "ready":
                return self._broken(told, invocation)
            self._ready = True
        self._deadline = time.time() + self.launch.timeout
        self._next.put(invocation)
        told = self._wait(self.launch.timeout)
        if told.what in ("response", "error"):
            return Outcome(told.document, told.what == "error", self._take_log())
        return self._broken(told, invocation)

    def close(self) -> None:
        """End the process and its Runtime API. Safe to call twice, and from any thread."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._next.put(None)
        self._api.close()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _wait(self, seconds: float) -> _Told:
        try:
            return self._told.get(timeout=seconds)
        except queue.Empty:
            return _Told("timeout")

    def _broken(self, told: _Told, invocation: Invocation) -> Outcome:
        log = self._take_log()
        if told.what == "init":
            document = told.document
        elif told.what == "timeout":
            text = f"RequestId: {invocation.request_id} Error: Task timed out after {self.launch.timeout:.2f} seconds"
            document = {"errorType": "Sandbox.Timedout", "errorMessage": text}
        else:
            code = self._process.wait()
            cause = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            text = f"RequestId: {invocation.request_id} Error: Runtime exited with error: {cause}"
            document = {"errorType": "Runtime.ExitError", "errorMessage": text}
        self.close()
        return Outcome(document, True, log)

    def _read_log(self) -> None:
        """Keep the output pipe empty, so that the process never blocks on a full one; note its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while self._drain():
                selector.select()
        self._told.put(_Told("exit"))

    def _drain(self) -> bool:
        """Read all that was written so far; False at the end of the output."""
        with self._reading:
            while True:
                try:
                    piece = os.read(self._output, 65536)
                except BlockingIOError:
                    return True
                if not piece:
                    return False
                self._log.append(piece)

    def _take_log(self) -> str:
        # The process wrote its lines before it posted its result, so they are in the pipe by now.
        self._drain()
        with self._reading:
            taken, self._log = b"".join(self._log), []
        return taken.decode(errors="replace")

    def poll(self) -> tuple[bytes, Mapping[str, str]] | None:
        """The next event and its headers; blocks until there is one; None when the environment closes."""
        if not self._polled:
            self._polled = True
            self._told.put(_Told("ready"))
        invocation = self._next.get()
        if invocation is None:
            return None
        return json.dumps(invocation.event).encode(), {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(self._deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": _trace_id(),
        }

    def tell(self, what: str, body: bytes) -> None:
        """Note what the process posted: "response", "error", or "init" for a failed start."""
        try:
            document = json.loads(body)
        except ValueError:
            document = body.decode(errors="replace")  # a handler may return bytes, which Lambda passes on as they are
        self._told.put(_Told(what, document))


def _trace_id() -> str:
    random = uuid.uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{random[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"


class _RuntimeApi(ThreadingHTTPServer):
    """Serves one environment's process on a free local port."""

    daemon_threads = True

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), name="runtime-api", daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that dies in the middle of an exchange is reported by its exit, not here."""


class _Exchange(BaseHTTPRequestHandler):
    server: _RuntimeApi
    protocol_version = "HTTP/1.1"
    # Head and body in one packet, at once: in two, each answer waits 40 ms for the acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        polled = self.server.environment.poll()
        if polled is None:
            self.close_connection = True
            return
        event, headers = polled
        self._answer(200, event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match = _RESULT.search(self.path)
        if match is None:
            self._answer(404, b"{}", {})
            return
        # Told before it is answered: once answered, the process may exit, and its exit must not come first.
        self.server.environment.tell("init" if match["init"] else match["kind"], body)
        self._answer(202, b"{}", {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """The exchange is no news to anyone."""
