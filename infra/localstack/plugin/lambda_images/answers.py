"""What the answer of a Runtime Interface Emulator means, in the words in which Lambda reports it.

The emulator of AWS's base images (https://github.com/aws/aws-lambda-runtime-interface-emulator) answers a call with

- 200 and the handler's JSON value;
- 200 and an error document (`errorType`, `errorMessage`, …) if the handler raised: nothing but its shape tells;
- 200 and the bare text "Task timed out after 3.00 seconds" when the time is over;
- another status if the runtime died or could not start, with an error document or with nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

_TIMED_OUT = b"Task timed out after "  # a handler that returns this text answers with quotes around it


@dataclass(frozen=True)
class Outcome:
    """What one call came to.

    Attributes:
        payload: the handler's answer, or Lambda's error document.
        failed: whether it is an error document.
        broken: whether the environment cannot be used again.
    """

    payload: bytes
    failed: bool = False
    broken: bool = False


def answered(
    status: int, body: bytes, *, request_id: str, timeout: float, ran_out_of_memory: Callable[[], bool]
) -> Outcome:
    """The outcome of a call that the emulator answered.

    Args:
        status: of the emulator's HTTP response.
        body: of it.
        request_id: of the call.
        timeout: the function's time-out, in seconds.
        ran_out_of_memory: looks whether the kernel killed a process of the container; asked only if one died.
    """
    if status == 200:
        if body.startswith(_TIMED_OUT):
            return timed_out(request_id=request_id, timeout=timeout)
        return Outcome(body, failed=_is_error_document(body))
    if ran_out_of_memory():
        return died("signal: killed", request_id=request_id, kind="Runtime.OutOfMemory")
    if _is_error_document(body):
        return Outcome(body, failed=True, broken=True)
    return died("no reason given", request_id=request_id)


def timed_out(*, request_id: str, timeout: float) -> Outcome:
    return _error("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds", request_id)


def died(reason: str, *, request_id: str, kind: str = "Runtime.ExitError") -> Outcome:
    """The runtime ended in the middle of a call, or never came up."""
    return _error(kind, f"Runtime exited with error: {reason}", request_id)


def not_started(reason: str) -> bytes:
    """The error document of an environment whose container could not be started."""
    return json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": f"Error: {reason}"}).encode()


def _error(kind: str, message: str, request_id: str) -> Outcome:
    document = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {message}"}
    return Outcome(json.dumps(document).encode(), failed=True, broken=True)


def _is_error_document(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and "errorType" in value and "errorMessage" in value
