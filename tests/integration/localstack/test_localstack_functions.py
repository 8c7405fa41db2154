"""A function's container is what its configuration says, and its ends come back as Lambda reports them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from filegate.deploy import load_template

from .stack import REPOSITORY, Stack, invoke, run

TEMPLATE = load_template(REPOSITORY / "infra" / "cloudformation" / "functions.yaml")["Resources"]
MEGABYTE = 1 << 20


def test_the_container_is_what_the_configuration_says(stack: Stack, probe: str) -> None:
    seen, error = invoke(stack, probe)
    assert error is None
    assert seen["variables"]["COLOUR"] == "blue"
    assert seen["variables"]["AWS_ENDPOINT_URL"] == "http://localstack:4566"
    assert not any(name.startswith("LOCALSTACK_") for name in seen["variables"])
    assert seen["limits"]["memory"] == str(256 * MEGABYTE)
    assert seen["limits"]["memory and swap"] in (str(256 * MEGABYTE), "0")
    assert seen["limits"]["cpu"].startswith("144")  # microseconds in 100 ms: 256 / 1769 of a processor
    assert (seen["user"], seen["read-only root"], seen["writes /tmp"]) == (993, True, True)
    assert (seen["function"], seen["memory in MB"]) == (probe, "256")
    assert 0 < seen["milliseconds left"] <= 30_000


def test_the_image_s_command_and_directory_can_be_replaced(stack: Stack, create: Callable[..., str]) -> None:
    name = create("elsewhere", ImageConfig={"Command": ["probe.look_around"], "WorkingDirectory": "/opt"})
    answer, error = invoke(stack, name)
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.HandlerNotFound"
    stack.client("lambda").update_function_configuration(
        FunctionName=name, ImageConfig={"Command": ["probe.handle"], "WorkingDirectory": "/opt"}
    )
    stack.client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    assert invoke(stack, name)[0]["directory"] == "/opt"


@pytest.mark.parametrize("stage", ["ingest", "validate", "transform", "output"])
def test_a_stage_s_container_is_the_template_s(stack: Stack, stage: str) -> None:
    wanted = TEMPLATE[f"{stage.title()}Function"]["Properties"]
    name = f"filegate-local-{stage}"
    invoke(stack, name, no="run")  # fails, but not before it has a container
    (container,) = stack.of_functions(name)
    image, memory, swap, read_only = run(
        "docker", "inspect", container, "--format",
        "{{.Config.Image}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.ReadonlyRootfs}}",
    ).split()  # fmt: skip
    assert image == f"filegate/{stage}:local"
    assert int(memory) == int(swap) == wanted["MemorySize"] * MEGABYTE
    assert read_only == "true"
    variables = run("docker", "inspect", container, "--format", "{{range .Config.Env}}{{println .}}{{end}}").split("\n")
    given = dict(variable.split("=", 1) for variable in variables if variable)
    assert wanted["Environment"]["Variables"].keys() <= given.keys()
    assert given["AWS_LAMBDA_FUNCTION_TIMEOUT"] == str(wanted["Timeout"])
    assert (given["FILEGATE_ENVIRONMENT"], given["POWERTOOLS_SERVICE_NAME"]) == ("local", stage)


def test_a_warm_container_is_used_again(stack: Stack, probe: str) -> None:
    first, second = (invoke(stack, probe)[0] for _ in range(2))
    assert (first["host"], first["born"]) == (second["host"], second["born"])


def test_a_container_takes_one_call_at_a_time(stack: Stack, create: Callable[..., str]) -> None:
    name = create("parallel")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: invoke(stack, name, do="sleep", seconds=6)[0], range(3)))
    assert len({answer["host"] for answer in answers}) == 3
    assert len(stack.of_functions(name)) == 3


def test_more_calls_than_may_run_wait_in_line(stack: Stack, create: Callable[..., str]) -> None:
    name = create("queue", Timeout=4)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: invoke(stack, name, do="sleep", seconds=1.5), range(8)))
    assert [error for _, error in answers] == [None] * 8  # though the last of them waited longer than its time-out
    assert len({answer["host"] for answer, _ in answers}) <= 3


def test_beyond_the_limit_on_concurrency_it_throttles(stack: Stack, create: Callable[..., str]) -> None:
    name = create("scarce")
    stack.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)

    def attempt(_: int) -> str:
        try:
            invoke(stack, name, do="sleep", seconds=3)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "done"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(attempt, range(3))) == ["TooManyRequestsException"] * 2 + ["done"]


@pytest.mark.parametrize(
    ("event", "kinds", "message"),
    [
        ({"do": "raise"}, {"FileRejected"}, "the header is missing"),
        ({"do": "sleep", "seconds": 60}, {"Sandbox.Timedout"}, "Task timed out after 3.00 seconds"),
        ({"do": "eat"}, {"Runtime.OutOfMemory", "Runtime.ExitError"}, "Runtime exited with error: signal: killed"),
        ({"do": "exit"}, {"Runtime.ExitError"}, "Runtime exited"),
    ],
)
def test_an_error_is_reported_as_by_lambda(
    stack: Stack, create: Callable[..., str], event: dict[str, Any], kinds: set[str], message: str
) -> None:
    name = create(f"failing-{event['do']}", Timeout=3, MemorySize=128)
    answer, error = invoke(stack, name, **event)
    assert error == "Unhandled"
    assert answer["errorType"] in kinds
    assert message in answer["errorMessage"]
    assert invoke(stack, name, do="look")[1] is None, "the next call found no working container"


def test_a_container_that_cannot_start_is_reported(stack: Stack, create: Callable[..., str]) -> None:
    ends_at_once = create("false", ImageConfig={"EntryPoint": ["/bin/false"]})
    assert invoke(stack, ends_at_once)[0]["errorType"] == "Runtime.ExitError"
    absent = create("absent", ImageConfig={"EntryPoint": ["/no/such/file"]})
    assert invoke(stack, absent)[0]["errorType"] == "Runtime.InvalidEntrypoint"


def test_a_function_without_its_image_fails_and_says_so(stack: Stack) -> None:
    client = stack.client("lambda")
    role = "arn:aws:iam::000000000000:role/any"
    client.create_function(
        FunctionName="lost", PackageType="Image", Code={"ImageUri": "filegate/none:local"}, Role=role
    )
    with pytest.raises(Exception, match="Failed"):
        client.get_waiter("function_active_v2").wait(FunctionName="lost", WaiterConfig={"Delay": 0.1})
    assert "no image filegate/none:local" in client.get_function(FunctionName="lost")["Configuration"]["StateReason"]


def test_what_it_prints_is_in_its_log_group(stack: Stack, probe: str) -> None:
    invoke(stack, probe, do="look")
    client, deadline, lines = stack.client("logs"), time.monotonic() + 300, ""
    while "REPORT RequestId" not in lines and time.monotonic() < deadline:
        try:
            events = client.filter_log_events(logGroupName=f"/aws/lambda/{probe}")["events"]
        except client.exceptions.ResourceNotFoundException:
            events = []
        lines = "".join(event["message"] for event in events)
        time.sleep(0.1)
    assert "does look for" in lines
    assert "REPORT RequestId" in lines


def test_a_rebuilt_image_serves_the_next_call(stack: Stack, create: Callable[..., str], probe_image: str) -> None:
    run("docker", "tag", probe_image, "filegate-probe:moving")
    name = create("moving", Code={"ImageUri": "filegate-probe:moving"})
    before = invoke(stack, name)[0]
    container = run("docker", "create", probe_image).strip()
    try:
        run("docker", "commit", "--change", "ENV REBUILT=yes", container, "filegate-probe:moving")
        after = invoke(stack, name)[0]
    finally:
        run("docker", "rm", container)
        run("docker", "rmi", "--force", "filegate-probe:moving")
    assert "REBUILT" not in before["variables"]
    assert after["variables"]["REBUILT"] == "yes"
