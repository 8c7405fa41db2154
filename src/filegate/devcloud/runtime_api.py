"""Lambda's Runtime API around a function's process, and the documents in which Lambda reports errors.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

Imports the standard library alone: the stand-in for AWS's Runtime Interface Emulator (`scripts/lambda-base`) and
LocalStack's plugin (`infra/localstack/plugin`) use this module where nothing else of Filegate is installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESPONSE_LIMIT = 6 * 1024 * 1024 + 100  # bytes; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_INIT_SECONDS = 10.0  # Lambda's own limit for the init phase; it then goes on under the function's time-out
_NEXT = "/2018-06-01/runtime/invocation/next"
_RESULT = re.compile(r"/2018-06-01/runtime/(?:init/error|invocation/(?P<request>[^/]+)/(?P<kind>response|error))$")


def error_document(error_type: str, message: str, request_id: str = "") -> bytes:
    """What Lambda answers for a call that failed outside of its handler."""
    reported = f"RequestId: {request_id} Error: {message}" if request_id else message
    return json.dumps({"errorType": error_type, "errorMessage": reported}).encode()


def timed_out(request_id: str, seconds: float) -> bytes:
    return error_document("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", request_id)


def exited(request_id: str, cause: str, error_type: str = "Runtime.ExitError") -> bytes:
    """The runtime process ended during a call, or before it took one."""
    return error_document(error_type, f"Runtime exited with error: {cause}", request_id)


def not_started(cause: str) -> bytes:
    """There is no process to start."""
    return error_document("Runtime.InvalidEntrypoint", f"Error: {cause}")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One invocation; `headers` are further ones of the Runtime API, such as `Lambda-Runtime-Trace-Id`."""

    request_id: str
    function_arn: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Kind(Enum):
    """What ended a call."""

    RESPONSE = auto()
    ERROR = auto()  # raised by the handler
    TOO_LARGE = auto()
    INIT_ERROR = auto()
    EXIT = auto()
    TIMEOUT = auto()


@dataclass(frozen=True)
class Result:
    """How a call ended: `body` is the handler's response, or Lambda's error document."""

    kind: Kind
    body: bytes

    @property
    def failed(self) -> bool:
        return self.kind is not Kind.RESPONSE

    @property
    def reusable(self) -> bool:
        """Whether the process can take another call."""
        return self.kind in (Kind.RESPONSE, Kind.ERROR)


class RuntimeProcess:
    """A process that runs a Lambda runtime, and the Runtime API that it polls. It takes one call at a time.

    Args:
        command: starts the runtime.
        variables: the whole of the process's environment, but for the Runtime API's address.
        timeout: seconds that one call may take.
        port: of the Runtime API, on 127.0.0.1; 0 takes a free one.
        options: more for `subprocess.Popen`.
    """

    def __init__(
        self, command: Sequence[str], *, variables: Mapping[str, str], timeout: float, port: int = 0, **options: Any
    ) -> None:
        self._timeout = timeout
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()  # None: it is ready for a first call
        self._current: Call | None = None
        self._deadline = 0.0
        self._polled = False  # whether it has asked for a first call
        self._ready = False  # whether invoke() has seen that
        self._api = _Server(("127.0.0.1", port), _Exchange)
        self._api.runtime = self
        threading.Thread(target=self._api.serve_forever, args=(0.05,), name="runtime-api", daemon=True).start()
        address = f"127.0.0.1:{self._api.server_address[1]}"
        self._process = subprocess.Popen(  # noqa: S603 - the caller's own command
            command,
            env={**variables, "AWS_LAMBDA_RUNTIME_API": address},
            start_new_session=True,  # Ctrl-C is for the parent alone, which then ends its functions in order
            **options,
        )
        self._watcher = threading.Thread(target=self._watch, name="runtime-exit", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, call: Call) -> Result:
        """Run one call to its end. One that fails outside of the handler ends the process."""
        if not self._ready:
            result = self._wait(call, max(_INIT_SECONDS, self._timeout))
            if result is not None:
                return result
            self._ready = True
        self._deadline = time.time() + self._timeout
        self._calls.put(call)
        result = self._wait(call, self._timeout)
        assert result is not None
        return result

    def close(self) -> None:
        """End the process and its Runtime API. Safe to call twice, and from any thread."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._watcher.join()
        self._calls.put(None)
        self._api.shutdown()
        self._api.server_close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def next(self) -> tuple[bytes, dict[str, str]] | None:
        """The next call's payload and headers, for the process; blocks until there is one; None at the end."""
        if not self._polled:
            self._polled = True
            self._results.put(None)
        call = self._current = self._calls.get()
        return None if call is None else (call.payload, self._headers(call))

    def _headers(self, call: Call) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": call.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(self._deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": call.function_arn,
            **call.headers,
        }

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Take what the process posts; returns the status and body that answer it."""
        match = _RESULT.match(path)
        if match is None:
            return 404, b"{}"
        if match["kind"] is None:
            result = Result(Kind.INIT_ERROR, body)
        elif self._current is None or match["request"] != self._current.request_id:
            return 400, error_document("InvalidRequestID", "Invalid request ID")
        elif len(body) > RESPONSE_LIMIT:
            sizes = f"({len(body)} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)"
            document = error_document("Function.ResponseSizeTooLarge", f"Response payload size {sizes}.")
            result = Result(Kind.TOO_LARGE, document)
        else:
            result = Result(Kind.RESPONSE if match["kind"] == "response" else Kind.ERROR, body)
            self._current = None
        self._results.put(result)
        return (413, result.body) if result.kind is Kind.TOO_LARGE else (202, b'{"status":"OK"}')

    def _wait(self, call: Call, seconds: float) -> Result | None:
        try:
            result = self._results.get(timeout=seconds)
        except queue.Empty:
            result = Result(Kind.TIMEOUT, timed_out(call.request_id, self._timeout))
        if result is not None and not result.reusable:
            self.close()
            if result.kind is Kind.EXIT:
                code = self._process.wait()
                cause = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
                return Result(Kind.EXIT, exited(call.request_id, cause))
        return result

    def _watch(self) -> None:
        self._process.wait()
        self._results.put(Result(Kind.EXIT, b""))


class _Server(ThreadingHTTPServer):
    """A thread a connection: the long poll for the next call must not block the answer to the last one."""

    daemon_threads = True
    runtime: RuntimeProcess

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that dies in the middle of an exchange is reported by its exit."""


class _Exchange(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Head and body in one packet, at once: in two, each answer waits 40 ms for the acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != _NEXT:
            self._answer(404, b"{}", {})
        elif call := self.server.runtime.next():
            self._answer(200, *call)
        else:
            self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # Taken before it is answered: once answered, the process may exit, and its exit must not come first.
        self._answer(*self.server.runtime.post(self.path, body), {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """Logs nothing: the log is the function's."""
