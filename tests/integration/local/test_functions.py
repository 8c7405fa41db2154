"""Which code a function runs, in which process, and how many at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from filegate.devcloud.functions import Functions, Outcome, UnknownImage, stage_of

REGISTRY = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


def configuration(stage: str = "ingest", **changes: Any) -> dict[str, Any]:
    return {
        "FunctionName": f"filegate-test-{stage}",
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:filegate-test-{stage}",
        "Role": f"arn:aws:iam::000000000000:role/{stage}",
        "ImageUri": f"{REGISTRY}/filegate/{stage}:local",
        "MemorySize": 512,
        "Timeout": 30,
        "Environment": {"Variables": {"FILEGATE_ENVIRONMENT": "test"}},
        **changes,
    }


@pytest.fixture
def functions(images: Path) -> Iterator[Functions]:
    def credentials(role: str, function: str) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": f"of {function} as {role}"}

    running = Functions(
        images=images,
        variables={"AWS_REGION": "here", "AWS_ACCESS_KEY_ID": "of the cloud"},
        credentials=credentials,
        concurrency=2,
    )
    yield running
    running.stop()


def describe(functions: Functions, **changes: Any) -> dict[str, Any]:
    return functions.invoke(configuration(**changes), {"do": "describe"}, "request").answer


@pytest.mark.parametrize(
    "uri",
    [
        f"{REGISTRY}/filegate/ingest:1.0",
        f"{REGISTRY}/filegate-ingest:1.0",
        f"{REGISTRY}/team/filegate-prod-ingest",
        f"localhost:5000/filegate/ingest@sha256:{'0' * 64}",
        f"{REGISTRY}/filegate/ingest:1.0@sha256:{'0' * 64}",
        "ingest",
    ],
)
def test_the_repository_names_the_stage(uri: str) -> None:
    assert stage_of(uri) == "ingest"


@pytest.mark.parametrize("stage", ["validate", "transform", "output"])
def test_a_function_runs_the_code_of_its_stage(functions: Functions, stage: str) -> None:
    assert functions.invoke(configuration(stage), 1, "request").answer == {"stage": stage, "event": 1}


def test_an_image_of_no_stage_is_refused_by_name(functions: Functions) -> None:
    with pytest.raises(UnknownImage, match=r"elsewhere/thing:1.*'ingest', 'output', 'transform', 'validate'"):
        functions.invoke(configuration(ImageUri="elsewhere/thing:1"), {}, "request")


def test_the_process_sees_its_function_s_variables_and_not_the_user_s(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "the-user-s-own")
    environment = describe(functions)["environment"]
    assert environment["FILEGATE_ENVIRONMENT"] == "test"
    assert environment["AWS_REGION"] == "here"
    assert environment["AWS_ACCESS_KEY_ID"] == "of filegate-test-ingest as arn:aws:iam::000000000000:role/ingest"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert "AWS_PROFILE" not in environment


def test_the_image_s_command_names_the_handler(functions: Functions) -> None:
    image = {"ImageConfig": {"Command": ["handler.absent"]}}
    outcome = functions.invoke(configuration(ImageConfigResponse=image), {}, "request")
    assert outcome.answer["errorType"] == "Runtime.HandlerNotFound"


def test_a_warm_process_is_used_again_until_the_configuration_changes(functions: Functions) -> None:
    first = describe(functions)["pid"]
    assert describe(functions)["pid"] == first
    other = describe(functions, MemorySize=1024)
    assert other["pid"] != first
    assert other["memory_limit_in_mb"] == "1024"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_dead_process_is_replaced(functions: Functions) -> None:
    functions.invoke(configuration(), {"do": "exit"}, "request")
    assert functions.invoke(configuration(), {"well": "again"}, "request").answer == {"well": "again"}


def test_no_more_calls_run_at_once_than_allowed_and_none_is_lost(functions: Functions) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: describe(functions), range(20)))
    assert len({item["pid"] for item in answers}) <= 2


def test_a_call_that_waits_for_its_turn_does_not_time_out(
    functions: Functions, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    until = tmp_path / "until"

    def occupy(number: int) -> Outcome:
        event = {"do": "wait", "begun": str(tmp_path / f"begun-{number}"), "until": str(until)}
        return functions.invoke(configuration(), event, "request")

    with ThreadPoolExecutor(3) as pool:
        occupied = [pool.submit(occupy, number) for number in range(2)]
        eventually(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
        third = pool.submit(functions.invoke, configuration(Timeout=2), {"well": "done"}, "request")
        time.sleep(2.2)  # longer than its time-out
        assert not third.done()
        until.touch()
        assert third.result().answer == {"well": "done"}
        assert not any(call.result().failed for call in occupied)


def test_stopping_ends_running_calls_and_every_process(
    functions: Functions, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    pid = describe(functions)["pid"]
    begun, never = tmp_path / "begun", tmp_path / "never"
    with ThreadPoolExecutor(1) as pool:
        event = {"do": "wait", "begun": str(begun), "until": str(never)}
        busy = pool.submit(functions.invoke, configuration(), event, "request")
        eventually(begun.exists)
        functions.stop()
        assert busy.result().answer["errorType"] == "Runtime.ExitError"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
