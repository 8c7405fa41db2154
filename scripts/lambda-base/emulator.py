#!/var/lang/bin/python3.13
"""Runs a Lambda runtime and calls it over HTTP: a stand-in for AWS's Runtime Interface Emulator, with its answers.

    aws-lambda-rie /var/runtime/bootstrap

Port 8080 takes invocations, one at a time; 127.0.0.1:9001 is the Runtime API that the runtime process polls. An error
of the handler is answered by 200 with `errorType` in the body, a second call during a first one by 400, and a runtime
that exits or is killed by 502. After a crash or a time-out the next invocation starts a new runtime process.
"""

import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RUNTIME_API = ("127.0.0.1", 9001)
INVOKE_API = ("0.0.0.0", 8080)  # noqa: S104 - inside a container; what is published is the caller's business
INVOKE_PATH = "/2015-03-31/functions/function/invocations"
RUNTIME_PATH = "/2018-06-01/runtime/"
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100

NAME = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "test_function")
MEMORY = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008")
TIMEOUT = float(os.environ.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "300"))
RUNTIME_ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": NAME,
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": MEMORY,
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/Functions",
    "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST",
    **os.environ,
    "AWS_LAMBDA_RUNTIME_API": "{}:{}".format(*RUNTIME_API),
}


@dataclass(frozen=True)
class Invocation:
    """One call on its way to the runtime."""

    payload: bytes
    headers: dict[str, str]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline_ms: int = field(default_factory=lambda: int((time.time() + TIMEOUT) * 1000))


@dataclass(frozen=True)
class Outcome:
    """How a call ended: the HTTP answer, and whether the runtime process can take another one."""

    status: int
    body: bytes
    reusable: bool


class Runtime:
    """One life of the runtime process."""

    def __init__(self, command: list[str]) -> None:
        self.invocations: queue.Queue[Invocation] = queue.Queue()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self.settled = threading.Event()
        """The runtime has asked for its first invocation, or will never ask."""
        self.current: Invocation | None = None
        self._process = subprocess.Popen(command, env=RUNTIME_ENVIRONMENT, start_new_session=True)  # noqa: S603
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        if self.alive:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _watch(self) -> None:
        code = self._process.wait()
        reason = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
        request = f"RequestId: {self.current.request_id} " if self.current else ""
        message = f"{request}Error: Runtime exited with error: {reason}"
        self.outcomes.put(Outcome(502, error("Runtime.ExitError", message), reusable=False))
        self.settled.set()


class Emulator:
    """Hands invocations to the runtime, one at a time, and waits for what becomes of each."""

    def __init__(self, command: list[str]) -> None:
        self.runtime: Runtime | None = None
        self._command = command
        self._busy = threading.Lock()

    def invoke(self, payload: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """The HTTP status and body that answer the call."""
        if not self._busy.acquire(blocking=False):
            return 400, b""
        try:
            return self._invoke(payload, headers)
        finally:
            self._busy.release()

    def stop(self) -> None:
        if self.runtime is not None:
            self.runtime.kill()
            self.runtime = None

    def _invoke(self, payload: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        started = time.monotonic()
        cold = self.runtime is None or not self.runtime.alive
        if self.runtime is None or cold:
            self.runtime = Runtime(self._command)
            self.runtime.settled.wait(TIMEOUT)
        ready = time.monotonic()
        invocation = Invocation(payload, headers)
        print(f"START RequestId: {invocation.request_id} Version: $LATEST", flush=True)
        self.runtime.invocations.put(invocation)
        try:
            outcome = self.runtime.outcomes.get(timeout=TIMEOUT)
        except queue.Empty:
            outcome = Outcome(200, f"Task timed out after {TIMEOUT:.2f} seconds".encode(), reusable=False)
        if not outcome.reusable:
            self.stop()
        milliseconds = (time.monotonic() - ready) * 1000
        print(
            f"END RequestId: {invocation.request_id}\n"
            f"REPORT RequestId: {invocation.request_id}\t"
            + (f"Init Duration: {(ready - started) * 1000:.2f} ms\t" if cold else "")
            + f"Duration: {milliseconds:.2f} ms\tBilled Duration: {math.ceil(milliseconds)} ms\t"
            f"Memory Size: {MEMORY} MB\tMax Memory Used: {MEMORY} MB\t",
            flush=True,
        )
        return outcome.status, outcome.body


class Endpoint(BaseHTTPRequestHandler):
    """What both servers share."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it costs 40 ms a call
    emulator: Emulator

    def log_message(self, *_: object) -> None:
        """The log is the function's."""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class InvokeEndpoint(Endpoint):
    """Takes invocations."""

    def do_POST(self) -> None:
        payload = self.body()
        if self.path != INVOKE_PATH:
            self.answer(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
            return
        self.answer(
            *self.emulator.invoke(payload, dict(self.headers)), headers={"Content-Type": "text/plain; charset=utf-8"}
        )


class RuntimeEndpoint(Endpoint):
    """The Runtime API, version 2018-06-01."""

    def do_GET(self) -> None:
        runtime = self.emulator.runtime
        if self.path != RUNTIME_PATH + "invocation/next" or runtime is None:
            self.answer(404)
            return
        runtime.settled.set()
        while runtime.alive:
            try:
                invocation = runtime.invocations.get(timeout=1)
            except queue.Empty:
                continue
            runtime.current = invocation
            self.answer(200, invocation.payload, runtime_headers(invocation))
            return

    def do_POST(self) -> None:
        body = self.body()
        runtime = self.emulator.runtime
        path = self.path.removeprefix(RUNTIME_PATH)
        if runtime is None:
            self.answer(404)
        elif path == "init/error":
            runtime.outcomes.put(Outcome(502, body, reusable=False))
            runtime.settled.set()
            self.accept()
        elif runtime.current is None or path not in (
            f"invocation/{runtime.current.request_id}/response",
            f"invocation/{runtime.current.request_id}/error",
        ):
            self.answer(400, error("InvalidRequestID", "Invalid request ID"))
        elif len(body) > RESPONSE_LIMIT:
            refusal = error(
                "Function.ResponseSizeTooLarge",
                f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size (6291556 bytes).",
            )
            runtime.outcomes.put(Outcome(200, refusal, reusable=False))  # the runtime gives up on it
            self.answer(413, refusal)
        else:
            runtime.current = None
            runtime.outcomes.put(Outcome(200, body, reusable=True))
            self.accept()

    def accept(self) -> None:
        self.answer(202, b'{"status":"OK"}')


class Server(ThreadingHTTPServer):
    """A thread a connection: the runtime's long poll must not block the runtime's answer."""

    daemon_threads = True
    request_queue_size = 128


def runtime_headers(invocation: Invocation) -> dict[str, str]:
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:012345678912:function:{NAME}",
    }
    for name, meaning in (("X-Amzn-Trace-Id", "Trace-Id"), ("X-Amz-Client-Context", "Client-Context")):
        if name in invocation.headers:
            headers[f"Lambda-Runtime-{meaning}"] = invocation.headers[name]
    return headers


def error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def main() -> None:
    emulator = Endpoint.emulator = Emulator(sys.argv[1:])

    def terminate(*_: object) -> None:
        emulator.stop()
        os._exit(0)

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, terminate)
    threading.Thread(target=Server(RUNTIME_API, RuntimeEndpoint).serve_forever, daemon=True).start()
    Server(INVOKE_API, InvokeEndpoint).serve_forever()


if __name__ == "__main__":
    main()
