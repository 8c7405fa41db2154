"""Every private name of ministack that the embedded cloud relies on, and its patches of them.

ministack does not promise these names: they are checked at start, and its version is pinned in `requirements/`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib
import importlib.metadata
import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from unittest import mock

from filegate.deploy.intrinsics import NOT_CREATED_ID
from filegate.devcloud.execution import Outcome
from filegate.devcloud.runtime_api import not_started
from filegate.errors import FilegateError

TESTED = "1.5.33"  # the ministack release that has these names

_LAMBDA = "ministack.services.lambda_svc"
_S3 = "ministack.services.s3"
_EVENTS = "ministack.services.eventbridge"
_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_STACKS = "ministack.services.cloudformation"
_STACK = "ministack.services.cloudformation.stacks"
_ALARMS = "ministack.services.cloudwatch"
_TEMPLATES = "ministack.services.cloudformation.engine"
_STATES = "ministack.services.stepfunctions"

PRIVATE_NAMES = (
    (_LAMBDA, "_execute_function_docker"),  # runs a container image: replaced by our local processes
    (_LAMBDA, "_ACCOUNT_CONCURRENCY_CAP"),  # refuses calls by the machine's memory: ours wait for their turn
    (_S3, "_fire_s3_event"),  # gets a version id, and
    (_EVENTS, "_dispatch_event"),  # ... sends an event that lacks it
    (_S3, "_get_object"),  # answers a range of a named version with the whole of it; it has
    (_S3, "_parse_range"),  # ... what reads the range
    (_S3, "_error"),  # ... and the answer for an empty one
    (_STATES, "_run_execution"),  # walks an execution to its end in a thread: so that we can wait for it
    (_STATES, "_scaled_sleep"),  # ... which sleeps between retries: so that we can wake it
    (_STATES, "_stop_execution"),  # ... and aborts it
    ("ministack.app", "_reset_all_state"),  # empties every service: state is global to the process
    ("ministack.app", "_MINISTACK_PORT"),  # the port as read at import: a second cloud has another
    ("ministack.services.sqs", "DEFAULT_PORT"),
    ("ministack.services.sqs", "_CANONICAL_NETLOC"),
    ("ministack.services.sns", "_PORT"),
)

_LAST_STEP_SECONDS = 5.0  # more than any step of an execution takes that neither sleeps nor calls a function

# Imported on the first deployment only: they bring in every service there is, which takes a second.
PRIVATE_NAMES_OF_DEPLOYMENT = (
    (_STACKS, "_stacks"),  # knows a resource's attributes, which
    (_PROVISIONERS, "_update_resource"),  # ... forgets those of an unchanged resource in a nested stack
    (_PROVISIONERS, "_cfn_nested_stack_deploy"),  # deploys a nested stack, whose template
    (_TEMPLATES, "_parse_template"),  # ... it reads, but
    (_TEMPLATES, "_apply_transforms"),  # ... does not transform
    (_PROVISIONERS, "_nested_stack_lookup_name"),  # finds a nested stack, which is deleted
    (_STACK, "_delete_stack_async"),  # ... like any other
    (_PROVISIONERS, "_RESOURCE_HANDLERS"),  # what is done for a type: a template with one that is not here is refused
    (_ALARMS, "_put_composite_alarm"),  # an alarm over others, which is not among them
    (_ALARMS, "_delete_alarms"),  # ... and has to be gone before the others can be
)

Invoke = Callable[[dict[str, Any], Any, str], Outcome]


class IncompatibleMinistack(FilegateError):
    """The installed ministack is not built as the embedded cloud knows it."""


def check(names: Sequence[tuple[str, str]]) -> None:
    """Import ministack's modules and see that each private name is there.

    Raises:
        IncompatibleMinistack: some are missing.
    """
    missing = [f"{module}.{name}" for module, name in names if not _has(module, name)]
    if missing:
        raise IncompatibleMinistack(
            f"ministack {importlib.metadata.version('ministack')} lacks {', '.join(missing)}, "
            f"which the embedded cloud needs; it was built against {TESTED}.",
            advice=f"Install that one: pip install ministack=={TESTED}",
        )


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


class Executions:
    """The state machine executions under way, each in a thread of ministack's.

    They would outlive the cloud otherwise, wake from a retry's wait, and call the functions of the next one.
    """

    def __init__(self) -> None:
        module = importlib.import_module(_STATES)
        self._run: Callable[[str], None] = module._run_execution
        self._abort: Callable[[dict[str, str]], object] = module._stop_execution
        self._stopping = threading.Event()
        self._under_way: dict[threading.Thread, tuple[str, contextvars.Context]] = {}

    def run(self, execution_arn: str) -> None:
        thread = threading.current_thread()
        self._under_way[thread] = (execution_arn, contextvars.copy_context())
        try:
            self._run(execution_arn)
        finally:
            del self._under_way[thread]

    def sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def stop(self, end_functions: Callable[[], None]) -> None:
        """Abort the executions under way; `end_functions` makes the calls return that they wait for."""
        self._stopping.set()
        end_functions()
        for thread, (execution_arn, context) in list(self._under_way.items()):
            context.run(self._abort, {"executionArn": execution_arn})
            thread.join(_LAST_STEP_SECONDS)


@contextlib.contextmanager
def installed(*, port: int, invoke: Invoke, executions: Executions) -> Iterator[None]:
    """Patch ministack for the time of the block; `invoke` runs a container-image function."""
    fire, dispatch = _with_version_id()
    with contextlib.ExitStack() as stack:
        for (module, name), value in {
            ("ministack.app", "_MINISTACK_PORT"): str(port),
            ("ministack.services.sqs", "DEFAULT_PORT"): str(port),
            ("ministack.services.sqs", "_CANONICAL_NETLOC"): f"127.0.0.1:{port}",
            ("ministack.services.sns", "_PORT"): str(port),
            (_LAMBDA, "_execute_function_docker"): _executor(invoke),
            (_LAMBDA, "_ACCOUNT_CONCURRENCY_CAP"): 0,  # none
            (_STATES, "_run_execution"): executions.run,
            (_STATES, "_scaled_sleep"): executions.sleep,
            (_S3, "_get_object"): _ranges_of_versions(),
            (_S3, "_fire_s3_event"): fire,
            (_EVENTS, "_dispatch_event"): dispatch,
        }.items():
            stack.enter_context(mock.patch(f"{module}.{name}", value))
        yield


@contextlib.contextmanager
def installed_for_deployment(recorded: Collection[str]) -> Iterator[None]:
    """Patch ministack's CloudFormation for the time of the block.

    Args:
        recorded: resource types that are only recorded where ministack does not know them.

    Raises:
        IncompatibleMinistack: a private name is missing.
    """
    check(PRIVATE_NAMES_OF_DEPLOYMENT)
    deploy_nested, parse = _with_transforms()
    with (
        mock.patch(f"{_PROVISIONERS}._update_resource", _with_attributes()),
        mock.patch(f"{_PROVISIONERS}._cfn_nested_stack_deploy", deploy_nested),
        mock.patch(f"{_TEMPLATES}._parse_template", parse),
        mock.patch.dict(f"{_PROVISIONERS}._RESOURCE_HANDLERS", _handlers(recorded)),
    ):
        yield


def _handlers(recorded: Collection[str]) -> dict[str, dict[str, Callable[..., object]]]:
    """What is done for a resource type: of nested stacks otherwise than ministack does, of new types at all."""
    known = importlib.import_module(_PROVISIONERS)._RESOURCE_HANDLERS
    recorder: dict[str, Callable[..., object]] = {
        "create": lambda *_: (NOT_CREATED_ID, _AnyAttribute()),
        "update": lambda *_: (NOT_CREATED_ID, _AnyAttribute()),
        "delete": lambda *_: None,
    }
    added = {"AWS::CloudWatch::CompositeAlarm": _composite_alarms(), **dict.fromkeys(recorded, recorder)}
    nested = {**known["AWS::CloudFormation::Stack"], "delete": _deletion_as_stack()}
    return {**added, **known, "AWS::CloudFormation::Stack": nested}


def _composite_alarms() -> dict[str, Callable[..., object]]:
    """What is done for an alarm over others: what the service does itself when it is asked."""
    service = importlib.import_module(_ALARMS)

    def ask(operation: Callable[..., tuple[int, object, bytes]], request: Mapping[str, Any]) -> None:
        status, _, answer = operation({}, request, False, is_json=True)
        if status != HTTPStatus.OK:
            raise ValueError(answer.decode())

    def create(_logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        ask(service._put_composite_alarm, properties)
        return properties["AlarmName"], {}

    def delete(name: str, _properties: object) -> None:
        ask(service._delete_alarms, {"AlarmNames": [name]})

    return {"create": create, "delete": delete}


def _deletion_as_stack() -> Callable[[str, object], None]:
    """The deletion of a nested stack like that of any other: it keeps what it is to keep, and can fail."""
    provisioners = importlib.import_module(_PROVISIONERS)
    delete_stack = importlib.import_module(_STACK)._delete_stack_async
    stacks = importlib.import_module(_STACKS)._stacks

    def delete(physical_id: str, _: object) -> None:
        name = provisioners._nested_stack_lookup_name(physical_id)
        if name in stacks:
            asyncio.run(delete_stack(name, stacks[name]["StackId"]))  # this is a thread without a loop
            if stacks[name]["StackStatus"] != "DELETE_COMPLETE":
                raise RuntimeError(stacks[name]["StackStatusReason"])

    return delete


class _AnyAttribute(dict[str, str]):
    """The attributes of a resource that was not created."""

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, _: str) -> str:
        return NOT_CREATED_ID


def reset() -> None:
    """Forget every bucket, table, queue, function and stack."""
    importlib.import_module("ministack.app")._reset_all_state()


def _executor(invoke: Invoke) -> Callable[[dict[str, Any], Any, str], dict[str, Any]]:
    """`invoke` in the form ministack calls it: a function record in, a result record out."""

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        try:
            outcome = invoke(function["config"], event, request_id)
        except FilegateError as error:
            outcome = Outcome(json.loads(not_started(str(error))), failed=True, log=str(error))
        return {"body": outcome.answer, "error": outcome.failed, "log": outcome.log}

    return execute


def _ranges_of_versions() -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """GetObject that honours `Range` together with `versionId`, as S3 does."""
    s3 = importlib.import_module(_S3)
    get = s3._get_object

    def get_range(
        bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        status, answer, body = get(bucket, key, headers, query)
        wanted = headers.get("range", "")
        if not (status == 200 and wanted and "Content-Range" not in answer):
            return status, answer, body
        bounds = s3._parse_range(wanted, len(body))
        if bounds is None:
            refused: tuple[int, dict[str, str], bytes] = s3._error(
                "InvalidRange", "The requested range is not satisfiable", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            )
            return refused
        start, end = bounds
        part = body[start : end + 1]
        whole = {name: value for name, value in answer.items() if not name.lower().startswith("x-amz-checksum")}
        ranged = {"Content-Length": str(len(part)), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
        return 206, whole | ranged, part

    return get_range


def _with_version_id() -> tuple[Callable[..., None], Callable[..., None]]:
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

    return fire_with_version, dispatch_with_version


def _with_attributes() -> Callable[..., object]:
    """An update of a nested stack in which unchanged resources keep their attributes, for others to refer to."""
    update: Callable[..., object] = importlib.import_module(_PROVISIONERS)._update_resource
    stacks = importlib.import_module(_STACKS)._stacks

    def update_with_attributes(*resource: Any, old_attrs: object = None) -> object:
        *_, stack, logical_id = resource
        if old_attrs is None:
            old_attrs = stacks[stack]["_resources"].get(logical_id, {}).get("Attributes")
        return update(*resource, old_attrs=old_attrs)

    return update_with_attributes


def _with_transforms() -> tuple[Callable[..., object], Callable[..., dict[str, Any]]]:
    """Nested stacks whose templates are transformed, as those of other stacks are: their loops are unrolled."""
    deploy: Callable[..., object] = importlib.import_module(_PROVISIONERS)._cfn_nested_stack_deploy
    templates = importlib.import_module(_TEMPLATES)
    parse: Callable[[str], dict[str, Any]] = templates._parse_template
    nested: contextvars.ContextVar[list[dict[str, str]] | None] = contextvars.ContextVar("nested", default=None)

    def deploy_nested(logical_id: str, properties: dict[str, Any], *parent: Any, **previous: Any) -> object:
        given = properties.get("Parameters") or {}
        token = nested.set([{"Key": name, "Value": str(value)} for name, value in given.items()])
        try:
            return deploy(logical_id, properties, *parent, **previous)
        finally:
            nested.reset(token)

    def parse_nested(body: str) -> dict[str, Any]:
        parameters = nested.get()
        template = parse(body)
        return template if parameters is None else dict(templates._apply_transforms(template, parameters))

    return deploy_nested, parse_nested
