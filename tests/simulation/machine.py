"""The state machine, interpreted from its file by the embedded cloud's interpreter, on the simulation's clock."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

from ministack.services import stepfunctions as asl  # type: ignore[import-untyped]

from .scheduler import Scheduler, Task

Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Answers a task: of a resource (the end of its ARN) and what is asked of it. Raises `TaskFailed`."""

TaskFailed = asl._ExecutionError


@dataclass
class Execution:
    """One execution of the state machine.

    Attributes:
        status: RUNNING, SUCCEEDED, FAILED or ABORTED.
        states: those it entered, in order.
    """

    arn: str
    input: dict[str, Any]
    started_at: str
    status: str = "RUNNING"
    error: str | None = None
    states: list[str] = field(default_factory=list)
    tasks: list[Task[Any]] = field(default_factory=list)


@dataclass
class Machine:
    """Runs executions of one definition as tasks.

    Attributes:
        definition: with its placeholders filled in.
        call: answers its tasks.
        read_items: what an ItemReader reads: of a bucket and a key.
        ended: is told of every execution that is over.
    """

    scheduler: Scheduler
    definition: dict[str, Any]
    call: Invoke
    read_items: Callable[[str, str], list[Any]]
    ended: Callable[[Execution], None]
    executions: list[Execution] = field(default_factory=list)

    def start(self, given: dict[str, Any], *, after: float = 0.0) -> Execution:
        arn = f"arn:aws:states:::execution:pipeline:{len(self.executions)}"
        execution = Execution(arn, given, self.scheduler.now().isoformat())
        self.executions.append(execution)
        execution.tasks.append(self.scheduler.spawn(lambda: self._run(execution), after=after))
        return execution

    def abort(self, execution: Execution) -> None:
        """Ends it where it stands; the functions that it called go on."""
        if execution.status == "RUNNING":
            for task in execution.tasks:
                task.kill()
            self._end(execution, "ABORTED")

    def _run(self, execution: Execution) -> None:
        context = {
            "Execution": {"Id": execution.arn, "Input": execution.input, "StartTime": execution.started_at},
            "recorded": execution,
        }
        try:
            self._walk(self.definition, execution.input, context)
        except TaskFailed as failed:
            self._end(execution, "FAILED", failed.error)
        else:
            self._end(execution, "SUCCEEDED")

    def _end(self, execution: Execution, status: str, error: str | None = None) -> None:
        execution.status, execution.error = status, error
        self.ended(execution)

    def _walk(self, machine: dict[str, Any], given: Any, context: dict[str, Any]) -> Any:
        return asl._run_sub_machine(machine["States"], machine["StartAt"], given, None, context)

    @contextmanager
    def interpreting(self) -> Iterator[None]:
        """The interpreter waits, and calls, in this world in place of the embedded cloud."""
        with patch.multiple(
            asl,
            _scaled_sleep=self.scheduler.pause,
            _invoke_resource_with_timeout=self._invoke,
            _run_parallel_branches=self._parallel,
            _run_map_items=self._map,
            _execute_task=self._recorded(asl._execute_task),
            _execute_parallel=self._recorded(asl._execute_parallel),
            _add_event=lambda *_: None,
            now_iso=lambda: self.scheduler.now().isoformat(),
        ):
            yield

    def _recorded(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def enter(state: dict[str, Any], given: Any, execution: object, context: dict[str, Any]) -> Any:
            context["recorded"].states.append(context["State"]["Name"])
            return execute(state, given, execution, context)

        return enter

    def _invoke(self, resource: str, asked: dict[str, Any], timeout: float) -> Any:
        return self.call(resource.removeprefix("arn:aws:states:::"), asked)

    def _parallel(self, state: dict[str, Any], given: Any, _: object, context: dict[str, Any]) -> tuple[Any, str]:
        walks = [(branch, given) for branch in state["Branches"]]
        results = self._side_by_side(walks, [context] * len(walks))
        return self._passed_on(state, given, results, context)

    def _map(self, state: dict[str, Any], given: Any, _: object, context: dict[str, Any]) -> tuple[Any, str]:
        reader = asl._resolve_params_obj(state["ItemReader"]["Parameters"], given, context)
        items = self.read_items(reader["Bucket"], reader["Key"])
        contexts = [{**context, "Map": {"Item": {"Index": index, "Value": item}}} for index, item in enumerate(items)]
        inputs = [asl._resolve_params_obj(state["ItemSelector"], given, each) for each in contexts]
        try:
            results = self._side_by_side([(state["ItemProcessor"], item) for item in inputs], contexts)
        except TaskFailed as failed:
            raise TaskFailed("States.ExceedToleratedFailureThreshold", failed.error) from failed
        return self._passed_on(state, given, results, context)

    def _side_by_side(self, walks: list[tuple[dict[str, Any], Any]], contexts: list[dict[str, Any]]) -> list[Any]:
        """The results of sub-machines that go on at once; if one fails, the others are ended where they stand."""
        execution: Execution = contexts[0]["recorded"] if contexts else Execution("", {}, "")
        tasks = []
        for (machine, given), context in zip(walks, contexts, strict=True):
            own = {**context, "State": {}}
            tasks.append(self.scheduler.spawn(partial(self._walk, machine, given, own)))
        execution.tasks += tasks
        while not all(task.over for task in tasks) and not any(task.failed for task in tasks):
            self.scheduler.pause(1.0)
        failed = [task for task in tasks if task.failed]
        for task in tasks:
            task.kill()
        return [task.result() for task in failed or tasks]

    @staticmethod
    def _passed_on(state: dict[str, Any], given: Any, results: list[Any], context: dict[str, Any]) -> tuple[Any, str]:
        selected = asl._apply_result_selector(state, results)
        output = asl._apply_result_path(state, given, selected)
        return asl._apply_output_path(state, output, context), str(state["Next"])


def definition_for(loaded: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The definition with its placeholders filled in."""
    text = json.dumps(copy.deepcopy(loaded))
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    filled: dict[str, Any] = json.loads(text)
    return filled
