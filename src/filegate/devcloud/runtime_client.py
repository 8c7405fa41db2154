"""awslambdaric's native module `runtime_client` in Python, for hosts that it is not built for, such as macOS.

The functions are those that awslambdaric calls; `child` puts this module in the place of the absent one.
"""

from __future__ import annotations

import http.client
import os
from typing import Any

_API = "/2018-06-01/runtime"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_connection = http.client.HTTPConnection(os.environ.get("AWS_LAMBDA_RUNTIME_API", ""))


def initialize_client(user_agent: str) -> None:
    """Needs no preparation."""


def next() -> tuple[bytes, dict[str, Any]]:  # noqa: A001 - named by awslambdaric
    """The next call's payload and headers, the deadline as a number; blocks until there is one."""
    payload, headers = _exchange("GET", "/invocation/next")
    return payload, {**headers, _DEADLINE: int(headers[_DEADLINE])}


def post_invocation_result(request_id: str, body: bytes, content_type: str, _: str | None = None) -> None:
    _exchange("POST", f"/invocation/{request_id}/response", body, {"Content-Type": content_type})


def post_error(request_id: str, document: str, xray_cause: str, _: str | None = None) -> None:
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-XRay-Error-Cause": xray_cause}
    _exchange("POST", f"/invocation/{request_id}/error", document.encode(), headers)


def _exchange(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[bytes, http.client.HTTPMessage]:
    _connection.request(method, _API + path, body, headers or {})
    response = _connection.getresponse()
    answer = response.read()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"The Runtime API answered {response.status} to {method} {path}.")
    return answer, response.headers
