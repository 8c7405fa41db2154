"""The cloud starts, serves, stops, and leaves nothing behind."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from botocore.config import Config

import filegate
from filegate.devcloud.cloud import CloudNotStarted, EmbeddedCloud
from filegate.devcloud.patches import TESTED, IncompatibleMinistack

SOURCES = Path(filegate.__file__).parents[1]


def test_it_serves_on_the_loopback_only() -> None:
    with EmbeddedCloud() as cloud:
        assert cloud.endpoint == f"http://127.0.0.1:{cloud.port}"
        cloud.session().client("s3").create_bucket(Bucket="bucket")
        with socket.socket() as probe:
            assert probe.connect_ex((_outer_address(), cloud.port)) != 0


def _outer_address() -> str:
    # 127.0.0.2 is as good as a foreign address to a socket bound to 127.0.0.1, wherever there is no network at all.
    return "127.0.0.2"


def test_it_listens_on_the_port_it_was_given() -> None:
    with EmbeddedCloud() as cloud:
        port = cloud.port
    with EmbeddedCloud(port=port) as cloud:
        assert cloud.port == port


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CloudNotStarted, match=f"127.0.0.1:{port} cannot be listened on"):
            EmbeddedCloud(port=port)
    EmbeddedCloud().stop()


def test_only_one_runs_in_a_process() -> None:
    with EmbeddedCloud(), pytest.raises(CloudNotStarted, match="already runs"):
        EmbeddedCloud()


def test_each_starts_empty_with_addresses_of_its_own() -> None:
    for _ in range(2):
        with EmbeddedCloud() as cloud:
            session = cloud.session()
            assert session.client("s3").list_buckets()["Buckets"] == []
            session.client("s3").create_bucket(Bucket="bucket")
            url = session.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
            assert url.startswith(cloud.endpoint)


def test_this_process_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    EmbeddedCloud().stop()  # imports ministack
    monkeypatch.setenv("DOCKER_HOST", "unix:///the/user/s/own.sock")
    before = dict(os.environ), logging.getLogger().handlers[:], logging.getLogger().level
    own = _ministack_names()
    cloud = EmbeddedCloud()
    assert os.environ["DOCKER_HOST"] != "unix:///the/user/s/own.sock"
    cloud.stop()
    cloud.stop()
    assert (dict(os.environ), logging.getLogger().handlers, logging.getLogger().level) == before
    assert {name: value for name, value in _ministack_names().items() if name in own} == own


def _ministack_names() -> dict[tuple[str, str], Any]:
    """The functions and settings of the modules of ministack that are imported."""
    return {
        (module, name): value
        for module, names in list(sys.modules.items())
        if module.startswith("ministack.")
        for name, value in vars(names).items()
        if isinstance(value, str | FunctionType)
    }


def test_it_leaves_no_file_thread_or_process_behind(images: Path, template: Path) -> None:
    temporary = Path(tempfile.gettempdir())
    files = set(temporary.iterdir())
    with EmbeddedCloud(images=images) as cloud:
        outputs = cloud.deploy(template=template)
        pid = _call(cloud, outputs["IngestFunction"], '{"do": "describe"}')["pid"]
    assert {path for path in set(temporary.iterdir()) - files if "ministack" in path.name} == set()
    ours = ("embedded-cloud", "runtime-api", "runtime-exit")
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(ours)] == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_calls_wait_for_their_turn_however_many_there_are(images: Path, template: Path) -> None:
    with EmbeddedCloud(images=images) as cloud, ThreadPoolExecutor(40) as pool:
        name = cloud.deploy(template=template)["IngestFunction"]
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=40)
        functions = cloud.session().client("lambda", config=config)
        event = '{"do": "sleep", "seconds": 0.02}'
        answers = list(pool.map(lambda _: functions.invoke(FunctionName=name, Payload=event), range(40)))
    assert not [answer for answer in answers if "FunctionError" in answer]


def test_an_execution_that_waits_for_its_retry_does_not_reach_the_next_cloud(
    images: Path, template: Path, eventually: Callable[..., Any]
) -> None:
    with EmbeddedCloud(images=images) as cloud:
        outputs = cloud.deploy(template=template)
        client = cloud.session().client("stepfunctions")
        retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 9, "BackoffRate": 1.0}]
        task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": retry, "End": True}
        task["Parameters"] = {"FunctionName": outputs["IngestFunction"], "Payload": {"do": "fail"}}
        machine = client.create_state_machine(
            name="retries",
            definition=json.dumps({"StartAt": "Fail", "States": {"Fail": task}}),
            roleArn="arn:aws:iam::000000000000:role/any",
        )
        execution = client.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        eventually(lambda: "TaskScheduled" in _history(client, execution))
    with EmbeddedCloud(images=images) as cloud:
        name = cloud.deploy(template=template)["IngestFunction"]
        time.sleep(1.2)  # longer than the retry's interval
        streams = cloud.session().client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")
        assert streams["logStreams"] == []


def test_an_execution_that_would_never_end_ends_with_its_cloud(eventually: Callable[..., Any]) -> None:
    states = {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Again"}, "Again": {"Type": "Pass", "Next": "Wait"}}
    before = set(threading.enumerate())
    with EmbeddedCloud() as cloud:
        client = cloud.session().client("stepfunctions")
        machine = client.create_state_machine(
            name="loop",
            definition=json.dumps({"StartAt": "Wait", "States": states}),
            roleArn="arn:aws:iam::000000000000:role/any",
        )
        execution = client.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        eventually(lambda: "WaitStateEntered" in _history(client, execution))
    left = [thread for thread in set(threading.enumerate()) - before if "run" in thread.name]
    assert left == []


def _history(client: Any, execution: str) -> list[str]:
    return [event["type"] for event in client.get_execution_history(executionArn=execution)["events"]]


def _call(cloud: EmbeddedCloud, function: str, event: str) -> Any:
    answer = cloud.session().client("lambda").invoke(FunctionName=function, Payload=event)
    return json.loads(answer["Payload"].read())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_its_processes_end_with_it_however_it_ends(
    images: Path, template: Path, how: signal.Signals, eventually: Callable[..., Any]
) -> None:
    script = f"""
import json, threading, time
from pathlib import Path
from filegate.devcloud.cloud import EmbeddedCloud
with EmbeddedCloud(images=Path({str(images)!r})) as cloud:
    name = cloud.deploy(template=Path({str(template)!r}))["IngestFunction"]
    functions = cloud.session().client("lambda")
    answer = functions.invoke(FunctionName=name, Payload='{{"do": "describe"}}')
    print(json.loads(answer["Payload"].read())["pid"], flush=True)
    time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(how)
    eventually(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.strip().startswith("Z")


def test_another_ministack_is_refused_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("ministack.services.stepfunctions")
    monkeypatch.setitem(sys.modules, other.__name__, other)
    message = rf"lacks .*'{other.__name__}' has no attribute .* pip install ministack=={TESTED}"
    with pytest.raises(IncompatibleMinistack, match=message):
        EmbeddedCloud()


def test_its_clients_do_not_heed_the_user_s_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://the.user.s.own")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-user-s-own")
    with EmbeddedCloud() as cloud:
        session = cloud.session()
        assert session.client("s3").meta.endpoint_url == cloud.endpoint
        assert session.resource("s3").meta.client.meta.endpoint_url == cloud.endpoint
        credentials = session.get_credentials()
        assert credentials is not None
        assert credentials.access_key == cloud.client_environment()["AWS_ACCESS_KEY_ID"]
