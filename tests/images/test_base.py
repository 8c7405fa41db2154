"""The base image's contract: what its entry point and emulator answer, be it AWS's or the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.function import Function, docker, function

CODE = Path(__file__).parent / "code"


@pytest.fixture
def start(images: dict[str, str]) -> Iterator[Callable[..., Function]]:
    """Starts a handler of `code/` on the images' base."""
    with ExitStack() as stack:

        def started(handler: str, **environment: str) -> Function:
            container = stack.enter_context(function(images["output"], handler, environment=environment, code=CODE))
            container.start()
            return container

        yield started


def test_a_handlers_error_is_an_answer(start: Callable[..., Function]) -> None:
    status, body = start("misbehaving.raises").post({})
    assert status == 200
    assert json.loads(body)["errorType"] == "ValueError"
    assert json.loads(body)["errorMessage"] == "no good"


def test_a_handler_that_cannot_be_imported_is_told(start: Callable[..., Function]) -> None:
    _, body = start("broken.handle").post({})
    assert json.loads(body)["errorType"] == "Runtime.ImportModuleError"


def test_a_runtime_that_exits_is_started_again(start: Callable[..., Function]) -> None:
    running = start("misbehaving.exits")
    status, body = running.post({"exit": True})
    assert status == 502
    assert json.loads(body)["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in json.loads(body)["errorMessage"]
    assert running.call({}) == "alive"


def test_a_call_that_takes_too_long_is_cut_off(start: Callable[..., Function]) -> None:
    running = start("misbehaving.sleeps", AWS_LAMBDA_FUNCTION_TIMEOUT="1")
    assert b"Task timed out after 1.00 seconds" in running.post({"seconds": 30})[1]
    assert running.call({}) == "awake"


def test_a_second_call_at_a_time_is_refused(start: Callable[..., Function]) -> None:
    running = start("misbehaving.sleeps")
    running.call({})
    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(status for status, _ in pool.map(running.post, [{"seconds": 2}] * 2))
    assert statuses == [200, 400]


def test_an_answer_of_six_megabytes_is_too_long(start: Callable[..., Function]) -> None:
    running = start("misbehaving.talks")
    assert len(running.call({"bytes": 6_000_000})) == 6_000_000
    assert json.loads(running.post({"bytes": 7_000_000})[1])["errorType"] == "Function.ResponseSizeTooLarge"
    assert running.call({"bytes": 1}) == "x"


def test_the_entry_point_takes_one_handler(images: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match="entrypoint requires the handler name"):
        docker("run", "--rm", images["output"], "one.handle", "another.handle")
