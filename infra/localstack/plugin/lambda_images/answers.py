"""What the answer of a Runtime Interface Emulator means, in Lambda's own terms.

The emulator of AWS's base images (https://github.com/aws/aws-lambda-runtime-interface-emulator) answers a call with

- 200 and the handler's JSON value;
- 200 and an error document (`errorType`, `errorMessage`, …) if the handler raised: only its shape shows that;
- 200 and the bare string "Task timed out after 3.00 seconds" when the time is over;
- another status if the runtime died or could not start, with an error document or with nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from filegate.devcloud.runtime_api import Kind, Result, exited, timed_out

_TIMED_OUT = b"Task timed out after "  # a handler that returns this string answers with quotes around it


def result_of(
    status: int, body: bytes, *, request_id: str, timeout: float, ran_out_of_memory: Callable[[], bool]
) -> Result:
    """How a call ended that the emulator answered.

    Args:
        status: of the emulator's HTTP response.
        body: of it.
        request_id: of the call.
        timeout: the function's time-out, in seconds.
        ran_out_of_memory: whether the kernel killed a process of the container; asked only if one died.
    """
    if status == 200:
        if body.startswith(_TIMED_OUT):
            return Result(Kind.TIMEOUT, timed_out(request_id, timeout))
        return Result(Kind.ERROR if _is_error_document(body) else Kind.RESPONSE, body)
    if ran_out_of_memory():
        return Result(Kind.EXIT, exited(request_id, "signal: killed", "Runtime.OutOfMemory"))
    if _is_error_document(body):
        return Result(Kind.INIT_ERROR, body)
    return Result(Kind.EXIT, exited(request_id, "no reason given"))


def _is_error_document(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and "errorType" in value and "errorMessage" in value
