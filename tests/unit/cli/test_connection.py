"""Which cloud a command talks to, and what it says where there is none."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import exceptions as aws

from filegate.aws import explained
from filegate.cli.connection import connect, connect_if_any
from filegate.cli.shared import Session
from filegate.devcloud.running import RunningLocal, announced, running_local, state_file
from filegate.errors import NoCloud, WrongUse
from filegate.operations.cloud import Outputs

OUTPUTS = {
    "RawBucket": "raw",
    "ProcessedBucket": "processed",
    "QuarantineBucket": "quarantine",
    "LedgerTable": "ledger",
    "DlqUrl": "dlq",
    "AlertsTopicArn": "alerts",
    "StateMachineArn": "pipeline",
    "Another": "one",
}


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "FILEGATE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def endpoint() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def unused_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def here(endpoint: str) -> RunningLocal:
    return RunningLocal(endpoint=endpoint, pid=os.getpid(), datasets=Path("/datasets"))


def test_no_cloud_at_all() -> None:
    assert connect_if_any(Session()) is None
    with pytest.raises(NoCloud, match=r"No cloud is running. Start one with `filegate local`, or name .*--environment"):
        connect(Session())


def test_a_running_local_is_found(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filegate.operations.cloud.stack_outputs", lambda session, stack: OUTPUTS)
    with announced(here(endpoint)):
        found = connect(Session())
        assert found.outputs.raw_bucket == "raw"
        assert found.session.client("s3").meta.endpoint_url == endpoint
    assert connect_if_any(Session()) is None


def test_a_running_local_of_other_datasets_is_not_used(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("filegate.operations.cloud.stack_outputs", lambda session, stack: OUTPUTS)
    (tmp_path / "link").symlink_to("/datasets")
    with announced(here(endpoint)):
        for same in (Path("/datasets"), Path("/datasets/../datasets"), tmp_path / "link"):
            assert connect(Session(datasets=same)).outputs.raw_bucket == "raw"
        with pytest.raises(WrongUse, match=rf"uses the datasets of /datasets, not those of {tmp_path}.*Stop it"):
            connect(Session(datasets=tmp_path))
        monkeypatch.setenv("FILEGATE_DATASETS", str(tmp_path))
        with pytest.raises(WrongUse, match="omit --datasets and unset FILEGATE_DATASETS"):
            connect_if_any(Session())


def test_a_named_environment_comes_first(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filegate.operations.cloud.stack_outputs", lambda session, stack: OUTPUTS)
    monkeypatch.setenv("FILEGATE_ENVIRONMENT", "prod")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with announced(here(endpoint)):
        assert connect(Session()).name == "filegate-prod"


def test_the_state_file_is_private(endpoint: str) -> None:
    with announced(here(endpoint)):
        assert stat.S_IMODE(state_file().stat().st_mode) == 0o600
        assert running_local() == here(endpoint)
        assert [file.name for file in state_file().parent.iterdir()] == ["local.json"]
    assert not state_file().exists()


def test_a_second_local_is_refused(endpoint: str) -> None:
    with announced(here(endpoint)), pytest.raises(WrongUse, match="runs already"), announced(here(endpoint)):
        pass


@pytest.mark.parametrize("what", ["no process", "no port", "nonsense"])
def test_what_a_dead_local_left_is_removed(what: str, endpoint: str) -> None:
    dead = {
        "no process": here(endpoint).model_copy(update={"pid": 2**22 + 1}).model_dump_json(),
        "no port": here(unused_endpoint()).model_dump_json(),
        "nonsense": "{",
    }
    state_file().parent.mkdir(parents=True)
    state_file().write_text(dead[what])
    assert running_local() is None
    assert not state_file().exists()


def test_outputs_of_another_stack() -> None:
    assert Outputs.of_stack("filegate-prod", OUTPUTS).dlq_url == "dlq"
    assert Outputs.of_stack("filegate-prod", OUTPUTS).ignored_keys == ""  # of a deployment that had none
    assert Outputs.of_stack("filegate-prod", {**OUTPUTS, "IgnoredKeys": "*.tmp,.*"}).ignored_keys == "*.tmp,.*"
    with pytest.raises(NoCloud, match="has no output RawBucket, LedgerTable"):
        Outputs.of_stack("filegate-prod", {k: v for k, v in OUTPUTS.items() if k not in ("RawBucket", "LedgerTable")})


def test_missing_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(NoCloud, match="AWS_PROFILE"):
        connect(Session(environment="prod"))


def test_a_missing_region() -> None:
    with pytest.raises(NoCloud, match="AWS_REGION"):
        connect(Session(environment="prod"))


def test_an_unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NoCloud, match=r"nobody.*list-profiles"):
        connect(Session(environment="prod"))


def test_an_unreachable_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    url = unused_endpoint()
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(NoCloud, match=rf"{url}.*AWS_ENDPOINT_URL"):
        connect(Session(environment="prod"))


@pytest.mark.parametrize(
    ("code", "advice"), [("ExpiredToken", "Sign in again"), ("AccessDeniedException", "permission"), ("Other", None)]
)
def test_refusals_are_explained(code: str, advice: str | None) -> None:
    problem = explained(aws.ClientError({"Error": {"Code": code, "Message": "No."}}, "ReceiveMessage"))
    assert "ReceiveMessage" in problem.problem
    assert advice is None or advice in str(problem.advice)
