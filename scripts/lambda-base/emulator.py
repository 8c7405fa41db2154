#!/var/lang/bin/python3.13
"""Runs a Lambda runtime and calls it over HTTP: a stand-in for AWS's Runtime Interface Emulator, with its answers.

    aws-lambda-rie /var/runtime/bootstrap

Port 8080 takes invocations, one at a time; 127.0.0.1:9001 is the Runtime API that the runtime process polls. An error
of the handler is answered by 200 with `errorType` in the body, a second call during a first one by 400, and a runtime
that exits or is killed by 502. After a crash or a time-out the next invocation starts a new runtime process.
"""

import math
import os
import signal
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from filegate.devcloud.runtime_api import Call, Kind, RuntimeProcess

RUNTIME_API_PORT = 9001
INVOKE_API = ("0.0.0.0", 8080)  # noqa: S104 - inside a container; what is published is the caller's business
INVOKE_PATH = "/2015-03-31/functions/function/invocations"

NAME = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "test_function")
MEMORY = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008")
TIMEOUT = float(os.environ.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "300"))
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:012345678912:function:{NAME}"
RUNTIME_ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": NAME,
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": MEMORY,
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/Functions",
    "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST",
    **os.environ,
}
PASSED_ON = {
    "X-Amzn-Trace-Id": "Lambda-Runtime-Trace-Id",
    "X-Amz-Client-Context": "Lambda-Runtime-Client-Context",
}


class Emulator:
    """Hands invocations to the runtime, one at a time."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._runtime: RuntimeProcess | None = None
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
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None

    def _invoke(self, payload: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        started = time.monotonic()
        if self._runtime is not None and not self._runtime.alive:
            self.stop()
        if self._runtime is None:
            self._runtime = RuntimeProcess(
                self._command, variables=RUNTIME_ENVIRONMENT, timeout=TIMEOUT, port=RUNTIME_API_PORT
            )
        call = Call(
            request_id=str(uuid.uuid4()),
            function_arn=FUNCTION_ARN,
            payload=payload,
            headers={name: headers[given] for given, name in PASSED_ON.items() if given in headers},
        )
        print(f"START RequestId: {call.request_id} Version: $LATEST", flush=True)
        result = self._runtime.invoke(call)
        if not result.reusable:
            self.stop()
        milliseconds = (time.monotonic() - started) * 1000
        print(
            f"END RequestId: {call.request_id}\n"
            f"REPORT RequestId: {call.request_id}\t"
            f"Duration: {milliseconds:.2f} ms\tBilled Duration: {math.ceil(milliseconds)} ms\t"
            f"Memory Size: {MEMORY} MB\tMax Memory Used: {MEMORY} MB\t",
            flush=True,
        )
        if result.kind is Kind.TIMEOUT:
            return 200, f"Task timed out after {TIMEOUT:.2f} seconds".encode()
        return 502 if result.kind in (Kind.EXIT, Kind.INIT_ERROR) else 200, result.body


class InvokeEndpoint(BaseHTTPRequestHandler):
    """Takes invocations."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it costs 40 ms a call
    emulator: Emulator

    def do_POST(self) -> None:
        payload = self._body()
        if self.path == INVOKE_PATH:
            self._answer(*self.emulator.invoke(payload, dict(self.headers)))
        else:
            self._answer(404, b"404 page not found\n")

    def log_message(self, *_: Any) -> None:
        """The log is the function's."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A thread a connection: a second call must be refused while a first one runs."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    emulator = InvokeEndpoint.emulator = Emulator(sys.argv[1:])

    def terminate(*_: object) -> None:
        emulator.stop()
        os._exit(0)

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, terminate)
    Server(INVOKE_API, InvokeEndpoint).serve_forever()


if __name__ == "__main__":
    main()
