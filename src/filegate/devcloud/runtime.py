"""A Lambda runtime in plain Python, for hosts that awslambdaric has no wheel for (macOS).

`python -m filegate.devcloud.runtime handler.handle` polls the Lambda Runtime API named by ``AWS_LAMBDA_RUNTIME_API``
and gives the same answers as awslambdaric: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import http.client
import importlib
import itertools
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

_API = "/2018-06-01/runtime"
_LOG_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"

Handler = Callable[[Any, "Context"], Any]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a handler is told about its invocation; the attributes of Lambda's own context object."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    function_version: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_VERSION"])
    memory_limit_in_mb: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    log_group_name: str | None = field(default_factory=lambda: os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"))
    log_stream_name: str | None = field(default_factory=lambda: os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"))
    client_context: None = None
    identity: None = None
    tenant_id: None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - int(time.time() * 1000))


class _Fault(Exception):
    """A failure that the runtime itself names, such as ``Runtime.ImportModuleError``."""

    def __init__(self, error_type: str, message: str, stack_trace: list[str] | None = None) -> None:
        self.error_type = error_type
        self.stack_trace = stack_trace or []
        super().__init__(message)


def load(name: str) -> Handler:
    """Import the handler called `name`, as in ``module.function`` or ``package/module.function``.

    Raises:
        _Fault: the name is malformed, or the module cannot be imported or lacks the function.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise _Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': expected module.function")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise _Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        line = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise _Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [line]
        ) from None
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        raise _Fault(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        ) from None
    return handler


def describe(error: Exception, request_id: str = "") -> dict[str, Any]:
    """The error document Lambda hands to the caller: type, message, and the handler's own frames."""
    if isinstance(error, _Fault):
        error_type, frames = error.error_type, error.stack_trace
    else:
        error_type, frames = type(error).__name__, traceback.format_list(_handler_frames(error.__traceback__))
    return {"errorMessage": str(error), "errorType": error_type, "requestId": request_id, "stackTrace": frames}


def _handler_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    return list(itertools.dropwhile(lambda frame: frame.filename == __file__, traceback.extract_tb(trace)))


class _RuntimeApi:
    """The client's side of the Runtime API, over one kept-alive connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[bytes, http.client.HTTPMessage]:
        return self._call("GET", "/invocation/next")

    def respond(self, request_id: str, body: str) -> None:
        self._call("POST", f"/invocation/{request_id}/response", body)

    def fail(self, request_id: str, error: dict[str, Any]) -> None:
        self._call("POST", f"/invocation/{request_id}/error", json.dumps(error), error["errorType"])

    def fail_init(self, error: dict[str, Any]) -> None:
        self._call("POST", "/init/error", json.dumps(error), error["errorType"])

    def _call(
        self, method: str, path: str, body: str | None = None, error_type: str | None = None
    ) -> tuple[bytes, http.client.HTTPMessage]:
        headers = {"Lambda-Runtime-Function-Error-Type": error_type} if error_type else {}
        encoded = None if body is None else body.encode()
        self._connection.request(method, _API + path, encoded, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise ConnectionError(f"The Runtime API answered {response.status} to {method} {path}.")
        return answer, response.headers


class _RequestId(logging.Filter):
    """Gives every log record the id of the invocation it belongs to."""

    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.current
        return True


def serve(handler_name: str, address: str) -> None:
    """Load the handler, then answer invocations one after another until the Runtime API goes away."""
    request = _log_to_stdout()
    api = _RuntimeApi(address)
    try:
        handler = load(handler_name)
    except Exception as error:
        document = describe(error)
        _log_error(document)
        api.fail_init(document)
        sys.exit(1)
    while True:
        try:
            event, headers = api.next()
        except (ConnectionError, http.client.HTTPException):
            return  # the cloud has stopped
        request.current = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        context = Context(
            aws_request_id=request.current,
            invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
            deadline_ms=int(headers["Lambda-Runtime-Deadline-Ms"]),
        )
        try:
            answer = _marshal(handler(json.loads(event), context))
        except Exception as error:
            document = describe(error, request.current)
            _log_error(document)
            api.fail(request.current, document)
        else:
            api.respond(request.current, answer)


def _marshal(answer: Any) -> str:
    try:
        return json.dumps(answer)
    except (TypeError, ValueError) as error:
        raise _Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _log_to_stdout() -> _RequestId:
    request = _RequestId()
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(logging.Formatter(_LOG_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    output.addFilter(request)
    logging.Formatter.converter = time.gmtime
    logging.getLogger().addHandler(output)
    return request


def _log_error(document: dict[str, Any]) -> None:
    trace = "".join(document["stackTrace"])
    print(f"[ERROR] {document['errorType']}: {document['errorMessage']}\nTraceback (most recent call last):\n{trace}")  # noqa: T201


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    serve(sys.argv[1], os.environ["AWS_LAMBDA_RUNTIME_API"])
