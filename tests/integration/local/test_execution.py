"""A function's process gives Lambda's answers, with awslambdaric's native Runtime API client and with ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import filegate
from filegate.devcloud.functions import ExecutionEnvironment, Launch, Outcome
from filegate.devcloud.runtime_api import RESPONSE_LIMIT

SOURCES = Path(filegate.__file__).parents[1]
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"

Start = Callable[..., ExecutionEnvironment]


@pytest.fixture(params=["native", "python"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The process's PYTHONPATH: ahead of awslambdaric's native `runtime_client`, ours, as where there is none."""
    if request.param == "native":
        return str(SOURCES)
    folder = tmp_path_factory.mktemp("path")
    (folder / "runtime_client.py").write_text("from filegate.devcloud.runtime_client import *\n")
    return os.pathsep.join([str(folder), str(SOURCES)])


@pytest.fixture
def launch(path: str, images: Path) -> Launch:
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    }
    return Launch(
        handler="handler.handle",
        directory=images / "ingest",
        variables=variables,
        timeout=30.0,
    )


@pytest.fixture
def start(launch: Launch) -> Iterator[Start]:
    started = []

    def start_one(**changes: Any) -> ExecutionEnvironment:
        started.append(ExecutionEnvironment(replace(launch, **changes)))
        return started[-1]

    yield start_one
    for environment in started:
        environment.close()


def call(environment: ExecutionEnvironment, event: Any, request_id: str = "request-1") -> Outcome:
    return environment.invoke(event, request_id=request_id, function_arn=ARN)


def test_the_client_is_the_one_that_is_meant(start: Start, path: str) -> None:
    origin = call(start(), {"do": "describe"}).answer["runtime_client"]
    assert origin.endswith(".so") == (path == str(SOURCES))


@pytest.mark.parametrize("event", [{}, {"text": 'é \u2028 " \\'}, {"number": 1.5, "nothing": None, "list": [1, [2]]}])
def test_a_handler_gets_the_event_and_its_value_comes_back(start: Start, event: dict[str, Any]) -> None:
    assert call(start(), event) == Outcome(event, failed=False, log="")


def test_the_context_says_who_called_what_and_for_how_long(start: Start, launch: Launch) -> None:
    environment = start()
    seen = call(environment, {"do": "describe"}, "request-7").answer
    assert seen["request_id"] == "request-7"
    assert seen["function_arn"] == ARN
    assert (seen["function_name"], seen["memory_limit_in_mb"]) == ("f", "256")
    assert 0 < seen["remaining_ms"] <= launch.timeout * 1000
    assert seen["directory"] == str(launch.directory)
    assert seen["stdin"] == ""
    assert seen["environment"]["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert launch.variables.items() <= seen["environment"].items()


def test_one_process_answers_many_calls(start: Start) -> None:
    environment = start()
    seen = [call(environment, {"do": "describe"}, f"request-{number}").answer for number in range(3)]
    assert len({item["pid"] for item in seen}) == 1
    assert [item["request_id"] for item in seen] == ["request-0", "request-1", "request-2"]
    assert len({item["environment"]["_X_AMZN_TRACE_ID"] for item in seen}) == 3


def test_an_error_is_named_after_its_class_and_leaves_the_process_alive(start: Start) -> None:
    environment = start()
    outcome = call(environment, {"do": "fail"})
    assert outcome.failed
    assert outcome.answer["errorType"] == "NotToday"
    assert outcome.answer["errorMessage"] == "the reason"
    assert outcome.answer["requestId"] == "request-1"
    (frame,) = outcome.answer["stackTrace"]
    assert 'handler.py", line' in frame
    assert 'raise NotToday("the reason")' in frame
    assert "[ERROR] NotToday: the reason" in outcome.log
    assert call(environment, {"still": "here"}).answer == {"still": "here"}


def test_a_value_that_is_not_json_is_an_error(start: Start) -> None:
    outcome = call(start(), {"do": "return unserialisable"})
    assert outcome.answer["errorType"] == "Runtime.MarshalError"
    assert outcome.answer["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("absent.handle", "Runtime.ImportModuleError", "Unable to import module 'absent': No module named 'absent'"),
        ("handler.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'handler'"),
        ("handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("broken.handle", "Runtime.UserCodeSyntaxError", "Syntax error in module 'broken': "),
        ("crashing.handle", "RuntimeError", "not importable today"),
    ],
)
def test_a_handler_that_cannot_be_loaded_fails_the_call(
    start: Start, tmp_path: Path, handler: str, error_type: str, message: str
) -> None:
    (tmp_path / "handler.py").write_text("")
    (tmp_path / "broken.py").write_text("def handle(event, context)  # a colon is missing")
    (tmp_path / "crashing.py").write_text("raise RuntimeError('not importable today')")
    environment = start(handler=handler, directory=tmp_path)
    outcome = call(environment, {})
    assert outcome.failed
    assert outcome.answer["errorType"] == error_type
    assert outcome.answer["errorMessage"].startswith(message)
    assert not environment.alive


@pytest.mark.parametrize(("do", "cause"), [("exit", "exit status 3"), ("kill", "signal: killed")], ids=["exit", "kill"])
def test_a_process_that_ends_fails_the_call(start: Start, do: str, cause: str) -> None:
    environment = start()
    assert call(environment, {"do": do}) == Outcome(
        {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: request-1 Error: Runtime exited with error: {cause}",
        },
        failed=True,
        log="",
    )
    assert not environment.alive


def test_a_call_over_its_time_is_ended_with_its_process(start: Start) -> None:
    environment = start(timeout=1.0)
    outcome = call(environment, {"do": "sleep", "seconds": 60})
    assert outcome.answer == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 1.00 seconds",
    }
    assert outcome.log == "sleeping\n"
    assert not environment.alive


def test_a_response_over_lambda_s_limit_is_an_error(start: Start) -> None:
    environment = start()
    frame = len(json.dumps({"text": ""}))
    largest = {"text": "x" * (RESPONSE_LIMIT - frame)}
    assert call(environment, largest).answer == largest
    outcome = call(environment, {"text": largest["text"] + "x"})
    assert outcome.failed
    assert outcome.answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert not environment.alive


def test_a_call_has_the_whole_of_its_own_log_and_no_other(start: Start) -> None:
    environment = start()
    more_than_a_pipe_holds = 300_000
    first = call(environment, {"do": "log", "bytes": more_than_a_pipe_holds}, "request-1").log.splitlines()
    assert first[:2] == ["printed", "x" * more_than_a_pipe_holds]
    assert first[2].startswith("[WARNING]")
    assert first[2].endswith("request-1\tlogged")
    assert call(environment, {}).log == ""
    for size in range(50):
        assert call(environment, {"do": "log", "bytes": size}).log.splitlines()[:2] == ["printed", "x" * size]


def test_closing_twice_does_nothing_more(start: Start) -> None:
    environment = start()
    environment.close()
    environment.close()
    assert not environment.alive


def test_the_process_ends_with_the_one_that_started_it(
    launch: Launch, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    """Even while its handler is at work, and even if the parent had no chance to say so."""
    script = f"""
import os, signal, threading, time
from pathlib import Path
from filegate.devcloud.functions import ExecutionEnvironment, Launch
environment = ExecutionEnvironment(Launch(handler="handler.handle", timeout=60.0,
                                          directory=Path({str(launch.directory)!r}), variables={launch.variables!r}))
call = dict(request_id="1", function_arn="arn")
print(environment.invoke({{"do": "describe"}}, **call).answer["pid"], flush=True)
begun = Path({str(tmp_path / "begun")!r})
busy = {{"do": "wait", "begun": str(begun), "until": "/nonexistent"}}
threading.Thread(target=environment.invoke, args=(busy,), kwargs=call, daemon=True).start()
while not begun.exists():
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    parent = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    assert parent.returncode == -9, parent.stderr
    eventually(lambda: not _exists(int(parent.stdout)))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie whose new parent has not collected it yet has ended all the same.
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
