"""Every private name of ministack that the embedded cloud relies on, and what it does with them.

ministack promises none of these: they are checked at start, and its version is pinned in `requirements/`.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import importlib.metadata
import json
from collections.abc import Callable, Iterator
from typing import Any

from filegate.errors import FilegateError
from filegate.local.environment import Outcome

TRIED = "1.5.33"  # the ministack release that these names were read in

_LAMBDA = "ministack.services.lambda_svc"
_S3 = "ministack.services.s3"
_EVENTS = "ministack.services.eventbridge"

PRIVATE_NAMES = (
    (_LAMBDA, "_execute_function_docker"),  # runs a container image: replaced by our local processes
    (_S3, "_fire_s3_event"),  # gets a version id, and
    (_EVENTS, "_dispatch_event"),  # ... sends an event that lacks it
    ("ministack.app", "_reset_all_state"),  # empties every service: state is global to the process
    ("ministack.app", "_MINISTACK_PORT"),  # the port as read at import: a second cloud has another
    ("ministack.services.sqs", "DEFAULT_PORT"),
    ("ministack.services.sqs", "_CANONICAL_NETLOC"),
    ("ministack.services.sns", "_PORT"),
)

Invoke = Callable[[dict[str, Any], Any, str], Outcome]


class IncompatibleMinistack(FilegateError):
    """The installed ministack is not built as the embedded cloud knows it."""


def check() -> None:
    """Import ministack's modules and see that each private name is there.

    Raises:
        IncompatibleMinistack: some are missing.
    """
    missing = [f"{module}.{name}" for module, name in PRIVATE_NAMES if not _has(module, name)]
    if missing:
        raise IncompatibleMinistack(
            f"ministack {importlib.metadata.version('ministack')} lacks {', '.join(missing)}, "
            f"which the embedded cloud needs; it was built against {TRIED}.",
            advice=f"Install that one: pip install ministack=={TRIED}",
        )


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


@contextlib.contextmanager
def installed(*, port: int, invoke: Invoke) -> Iterator[None]:
    """Patch ministack for the time of the block; `invoke` runs a container-image function."""
    with contextlib.ExitStack() as patches:

        def patch(module: str, name: str, value: object) -> None:
            owner = importlib.import_module(module)
            patches.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

        patch("ministack.app", "_MINISTACK_PORT", str(port))
        patch("ministack.services.sqs", "DEFAULT_PORT", str(port))
        patch("ministack.services.sqs", "_CANONICAL_NETLOC", f"127.0.0.1:{port}")
        patch("ministack.services.sns", "_PORT", str(port))
        patch(_LAMBDA, "_execute_function_docker", _executor(invoke))
        for module, name, value in _with_version_id():
            patch(module, name, value)
        yield


def reset() -> None:
    """Forget every bucket, table, queue, function and stack."""
    importlib.import_module("ministack.app")._reset_all_state()


def _executor(invoke: Invoke) -> Callable[[dict[str, Any], Any, str], dict[str, Any]]:
    """`invoke` in the form ministack calls it: a function record in, a result record out."""

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        try:
            outcome = invoke(function["config"], event, request_id)
        except FilegateError as error:
            document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": str(error)}
            outcome = Outcome(document, True, str(error))
        return {"body": outcome.answer, "error": outcome.failed, "log": outcome.log}

    return execute


def _with_version_id() -> list[tuple[str, str, Callable[..., None]]]:
    """S3 → EventBridge events with `detail.object.version-id`, which AWS sends for versioned buckets."""
    fire = importlib.import_module(_S3)._fire_s3_event
    dispatch = importlib.import_module(_EVENTS)._dispatch_event
    version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)

    def fire_with_version(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
        token = version.set(version_id)
        try:
            fire(*args, version_id=version_id, **kwargs)
        finally:
            version.reset(token)

    def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        version_id = version.get()
        if version_id and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *args, **kwargs)

    return [(_S3, "_fire_s3_event", fire_with_version), (_EVENTS, "_dispatch_event", dispatch_with_version)]
