"""Every private name of ministack that the embedded cloud uses, and what it puts in their places.

ministack does not promise these names: each is looked up when the patches are installed, which fails if one is missing,
and its version is pinned in `requirements/`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib
import importlib.metadata
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from unittest import mock

from filegate.devcloud.dropped import UNKNOWN_TO_MINISTACK
from filegate.devcloud.functions import Outcome
from filegate.devcloud.runtime_api import not_started
from filegate.errors import FilegateError

NOT_CREATED_ID = "unknown"  # id and attributes of a resource that is only recorded, as ministack lacks its type
TESTED = "1.5.33"  # the ministack release that has these names

_LAST_STEP_SECONDS = 5.0  # more than any step of an execution takes that neither sleeps nor calls a function

Invoke = Callable[[dict[str, Any], Any, str], Outcome]
Answer = tuple[int, dict[str, str], bytes]  # to a request: status, headers and body
Handlers = dict[str, Callable[..., object]]  # what CloudFormation does to create, update or delete a resource


class IncompatibleMinistack(FilegateError):
    """The installed ministack is not built as the embedded cloud knows it."""


@contextlib.contextmanager
def installed(*, port: int, invoke: Invoke) -> Iterator[Executions]:
    """Patch ministack for the time of the block, and forget its state at the end.

    Args:
        port: where it listens; ministack reads it at import, and a second cloud has another one.
        invoke: runs a container-image function, by its configuration, event and request id.

    Raises:
        IncompatibleMinistack: a private name is missing.
    """
    with contextlib.ExitStack() as patches:
        with _compatible():
            forget_state = _module("app")._reset_all_state
            executions = Executions()
            fire, dispatch = _with_version_id()
            for name, value in {
                "app._MINISTACK_PORT": str(port),
                "services.sqs.DEFAULT_PORT": str(port),
                "services.sqs._CANONICAL_NETLOC": f"127.0.0.1:{port}",
                "services.sns._PORT": str(port),
                "services.lambda_svc._execute_function_docker": _executor(invoke),
                "services.stepfunctions._run_execution": executions.run,
                "services.stepfunctions._scaled_sleep": executions.sleep,
                "services.s3._get_object": _ranges_of_versions(),
                "services.s3._fire_s3_event": fire,
                "services.eventbridge._dispatch_event": dispatch,
            }.items():
                patches.enter_context(mock.patch(f"ministack.{name}", value))
            patches.callback(forget_state)
        yield executions


@contextlib.contextmanager
def installed_for_deployment() -> Iterator[None]:
    """Patch ministack's CloudFormation for the time of the block.

    Not done at start: it imports every service there is, which takes a second.

    Raises:
        IncompatibleMinistack: a private name is missing.
    """
    formation = "ministack.services.cloudformation"
    with contextlib.ExitStack() as patches:
        with _compatible():
            deploy_nested, parse = _with_transforms()
            for name, value in {
                "provisioners._update_resource": _with_attributes(),
                "provisioners._cfn_nested_stack_deploy": deploy_nested,
                "engine._parse_template": parse,
            }.items():
                patches.enter_context(mock.patch(f"{formation}.{name}", value))
            handlers = f"{formation}.provisioners._RESOURCE_HANDLERS"
            patches.enter_context(mock.patch.dict(handlers, _handlers()))
        yield


@contextlib.contextmanager
def _compatible() -> Iterator[None]:
    try:
        yield
    except (AttributeError, ImportError) as error:
        raise IncompatibleMinistack(
            f"ministack {importlib.metadata.version('ministack')} lacks what the embedded cloud needs: {error}; "
            f"it was built against {TESTED}.",
            advice=f"Install that one: pip install ministack=={TESTED}",
        ) from error


def _module(name: str) -> Any:
    return importlib.import_module(f"ministack.{name}")


class Executions:
    """The state machine executions under way, each in a thread of ministack's.

    They would outlive the cloud otherwise, wake from a retry's wait, and call the functions of the next one.
    """

    def __init__(self) -> None:
        module = _module("services.stepfunctions")
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


def _executor(invoke: Invoke) -> Callable[[dict[str, Any], Any, str], dict[str, Any]]:
    """`invoke` in the form in which ministack calls it: a function record in, a result record out."""

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        try:
            outcome = invoke(function["config"], event, request_id)
        except FilegateError as error:
            outcome = Outcome(json.loads(not_started(str(error))), failed=True, log=str(error))
        return {"body": outcome.answer, "error": outcome.failed, "log": outcome.log}

    return execute


def _ranges_of_versions() -> Callable[..., Answer]:
    """GetObject that honours `Range` together with `versionId`, as S3 does."""
    s3 = _module("services.s3")
    get, parse_range, refuse = s3._get_object, s3._parse_range, s3._error

    def get_range(bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> Answer:
        status, answer, body = get(bucket, key, headers, query)
        wanted = headers.get("range", "")
        if not (status == 200 and wanted and "Content-Range" not in answer):
            return status, answer, body
        bounds = parse_range(wanted, len(body))
        if bounds is None:
            refused: Answer = refuse("InvalidRange", "The requested range is not satisfiable", 416)
            return refused
        start, end = bounds
        part = body[start : end + 1]
        whole = {name: value for name, value in answer.items() if not name.lower().startswith("x-amz-checksum")}
        ranged = {"Content-Length": str(len(part)), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
        return 206, whole | ranged, part

    return get_range


def _with_version_id() -> tuple[Callable[..., None], Callable[..., None]]:
    """S3 → EventBridge events with `detail.object.version-id`, which AWS sends for versioned buckets."""
    fire = _module("services.s3")._fire_s3_event
    dispatch = _module("services.eventbridge")._dispatch_event
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


def _handlers() -> dict[str, Handlers]:
    """The handlers of resource types: a template with a type that has none is refused."""
    attributes = _AnyAttribute(lambda: NOT_CREATED_ID)
    known: dict[str, Handlers] = _module("services.cloudformation.provisioners")._RESOURCE_HANDLERS
    recorder: Handlers = {
        "create": lambda *_: (NOT_CREATED_ID, attributes),
        "update": lambda *_: (NOT_CREATED_ID, attributes),
        "delete": lambda *_: None,
    }
    added = {"AWS::CloudWatch::CompositeAlarm": _composite_alarms(), **dict.fromkeys(UNKNOWN_TO_MINISTACK, recorder)}
    nested = "AWS::CloudFormation::Stack"
    return {**added, **known, nested: {**known[nested], "delete": _deletion_as_stack()}}


class _AnyAttribute(defaultdict[str, str]):
    """The attributes of a resource that was not created: it has whatever is asked for."""

    def __contains__(self, _: object) -> bool:
        return True


def _composite_alarms() -> Handlers:
    """Handlers of an alarm over others: what the service does itself when it is asked."""
    service = _module("services.cloudwatch")
    put_alarm, delete_alarms = service._put_composite_alarm, service._delete_alarms

    def ask(operation: Callable[..., tuple[int, object, bytes]], request: Mapping[str, Any]) -> None:
        status, _, answer = operation({}, request, False, is_json=True)
        if status != HTTPStatus.OK:
            raise ValueError(answer.decode())

    def create(_logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        ask(put_alarm, properties)
        return properties["AlarmName"], {}

    def delete(name: str, _properties: object) -> None:
        ask(delete_alarms, {"AlarmNames": [name]})

    return {"create": create, "delete": delete}


def _deletion_as_stack() -> Callable[[str, object], None]:
    """The deletion of a nested stack like that of any other: it keeps what it is to keep, and can fail."""
    find_name = _module("services.cloudformation.provisioners")._nested_stack_lookup_name
    delete_stack = _module("services.cloudformation.stacks")._delete_stack_async
    stacks = _module("services.cloudformation")._stacks

    def delete(physical_id: str, _: object) -> None:
        name = find_name(physical_id)
        if name in stacks:
            asyncio.run(delete_stack(name, stacks[name]["StackId"]))  # this is a thread without a loop
            if stacks[name]["StackStatus"] != "DELETE_COMPLETE":
                raise RuntimeError(stacks[name]["StackStatusReason"])

    return delete


def _with_attributes() -> Callable[..., object]:
    """An update of a nested stack in which unchanged resources keep their attributes, for others to refer to."""
    update: Callable[..., object] = _module("services.cloudformation.provisioners")._update_resource
    stacks = _module("services.cloudformation")._stacks

    def update_with_attributes(*resource: Any, old_attrs: object = None) -> object:
        *_, stack, logical_id = resource
        if old_attrs is None:
            old_attrs = stacks[stack]["_resources"].get(logical_id, {}).get("Attributes")
        return update(*resource, old_attrs=old_attrs)

    return update_with_attributes


def _with_transforms() -> tuple[Callable[..., object], Callable[..., dict[str, Any]]]:
    """Nested stacks whose templates are transformed, as those of other stacks are: their loops are unrolled."""
    deploy: Callable[..., object] = _module("services.cloudformation.provisioners")._cfn_nested_stack_deploy
    templates = _module("services.cloudformation.engine")
    parse, transform = templates._parse_template, templates._apply_transforms
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
        template: dict[str, Any] = parse(body)
        return template if parameters is None else dict(transform(template, parameters))

    return deploy_nested, parse_nested
