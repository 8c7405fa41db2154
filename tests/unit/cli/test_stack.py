"""What `filegate stack` shows, and how it refuses."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from filegate.cli import changes, shared
from filegate.cli.shared import Session
from filegate.deploy import Deployment
from filegate.deploy.account import Account
from filegate.deploy.change_set import ChangeSet
from filegate.deploy.changes import Action, Change, Edit
from filegate.deploy.environment import Environment
from filegate.deploy.events import Event
from filegate.errors import NoCloud
from tests.unit.cli.conftest import Filegate

SESSION: Any = None
ACCOUNT = Account(SESSION, "123456789012", "eu-central-1", "arn:aws:iam::123456789012:user/me")
TABLE = Change("Storage.LedgerTable", "AWS::DynamoDB::Table", Action.REPLACE, (Edit("KeySchema"),))
CHANGES = (
    TABLE,
    Change("Functions.IngestFunction", "AWS::Lambda::Function", Action.CHANGE, (Edit("MemorySize", "512", "1024"),)),
    Change("Functions.Gone", "AWS::Lambda::Function", Action.REMOVE, kept=False),
    Change("Functions.IngestLogGroup", "AWS::Logs::LogGroup", Action.CHANGE, (Edit("RetentionInDays", cause="Days"),)),
    Change("Messaging.New", "AWS::SQS::Queue", Action.ADD),
)


def change_set(*changes: Change, not_seen: str | None = None) -> ChangeSet:
    return ChangeSet(
        "filegate-dev", "arn:stack", "arn:change-set", changes, empty=False, creates=False, not_seen=not_seen
    )


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal with colours."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=120)
    monkeypatch.setattr(shared, "console", lambda *, stderr: console)
    return written


def test_each_change_is_one_line_and_additions_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    changes.show(Session(), ACCOUNT, change_set(*CHANGES))
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "         resource                  type              why",
        "add      Messaging.New             SQS::Queue",
        "change   Functions.IngestFunction  Lambda::Function  MemorySize: 512 → 1024",
        "change   Functions.IngestLogGroup  Logs::LogGroup    RetentionInDays (Days)",
        "replace  Storage.LedgerTable       DynamoDB::Table   KeySchema",
        "remove   Functions.Gone            Lambda::Function  deleted",
        "",
        "1 to add, 2 to change, 1 to replace, 1 to remove",
    ]
    assert "eu-central-1 of account 123456789012, as arn:aws:iam::123456789012:user/me" in err
    assert "The resources in red hold data" in err


def test_only_changes_that_endanger_data_are_red(screen: io.StringIO) -> None:
    changes.show(Session(), ACCOUNT, change_set(*CHANGES))
    red = [line for line in screen.getvalue().splitlines() if "\x1b[1;31m" in line]
    assert len(red) == 2
    assert "Storage.LedgerTable" in red[0]
    assert "hold data" in red[1]


def test_missing_changes_of_nested_stacks_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    changes.show(Session(), ACCOUNT, change_set(TABLE, not_seen="no access."))
    assert "does not report changes inside nested stacks: no access." in capsys.readouterr().err


def event(resource: str, status: str, reason: str | None = None) -> Event:
    return Event(resource, status, reason)


def test_progress_without_a_terminal_is_one_line_per_finished_resource(capsys: pytest.CaptureFixture[str]) -> None:
    events = [event("Storage.Raw", "CREATE_IN_PROGRESS"), event("Storage.Raw", "CREATE_FAILED", "it\x1b[1m exists")]
    changes.watch(Session(), [*events, event("", "ROLLBACK_COMPLETE")])
    assert capsys.readouterr().err.splitlines() == [
        r"Storage.Raw create failed: it\x1b[1m exists",
        "the stack rollback complete",
    ]


def test_progress_on_a_terminal_shows_resources_in_progress(screen: io.StringIO) -> None:
    progress = changes.StackProgress()
    for one in (
        event("", "CREATE_IN_PROGRESS"),
        event("Storage", "CREATE_IN_PROGRESS"),
        event("Storage.Raw", "CREATE_IN_PROGRESS"),
        event("Storage.Table", "CREATE_IN_PROGRESS"),
        event("Storage.Table", "CREATE_COMPLETE"),
        event("Storage.Staging", "CREATE_FAILED", "no"),
    ):
        progress.add(one)
    shared.console(stderr=True).print(progress)
    shown = screen.getvalue()
    assert "Storage.Raw " in shown
    assert "Storage.Staging" in shown
    assert "Storage.Table" not in shown
    assert "1 done, 1 in progress" in shown


@pytest.fixture
def deployed(filegate: Filegate, monkeypatch: pytest.MonkeyPatch) -> Filegate:
    """`filegate`, with a deployment that has changes."""
    parts: dict[str, Any] = {
        "in_progress": lambda _: None,
        "wait_until_ready": lambda _: None,
        "create_change_set": lambda *_: change_set(*CHANGES[1:]),
        "delete_change_set": lambda *_: None,
        "outputs": lambda _: {},
    }
    for name, part in parts.items():
        monkeypatch.setattr(Deployment, name, part)
    deployment = Deployment(SESSION, "filegate-dev", template=None, artifacts_bucket=None)  # type: ignore[arg-type]
    answers = {"images": {}, "parameters": {}, "deployment": deployment, "close_default_security_group": True}
    for name, answer in answers.items():
        monkeypatch.setattr(Environment, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr("filegate.cli.stack.account_of", lambda _: ACCOUNT)
    return filegate


def test_an_interrupt_reports_that_the_deployment_continues(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[Event]:
        yield event("Storage", "UPDATE_IN_PROGRESS")
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "execute", interrupted)
    result = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert result.exit_code == 130
    assert "CloudFormation continues with filegate-dev. Run the same command to follow it again." in result.stderr


def test_an_operation_in_progress_is_followed_first(deployed: Filegate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deployment, "in_progress", lambda _: "UPDATE_IN_PROGRESS")
    monkeypatch.setattr(Deployment, "follow", lambda _: iter([event("Theirs", "UPDATE_COMPLETE")]))
    monkeypatch.setattr(Deployment, "execute", lambda *_: iter([event("Ours", "UPDATE_COMPLETE")]))
    result = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert result.exit_code == 0
    assert "filegate-dev is UPDATE_IN_PROGRESS: waiting for that first." in result.stderr
    assert result.stderr.index("Theirs update complete") < result.stderr.index("Ours update complete")


@pytest.mark.parametrize(
    "changed",
    [change_set(TABLE), change_set(*CHANGES[1:], not_seen="no access.")],
    ids=["a replaced table", "nested changes unknown"],
)
def test_yes_alone_does_not_accept_the_loss_of_data(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch, changed: ChangeSet
) -> None:
    done: list[str] = []
    monkeypatch.setattr(Deployment, "create_change_set", lambda *_: changed)
    monkeypatch.setattr(Deployment, "delete_change_set", lambda *_: done.append("deleted"))
    monkeypatch.setattr(Deployment, "execute", lambda *_: iter(done.append("executed") or ()))  # type: ignore[func-returns-value]
    refused = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert refused.exit_code == 1
    assert "Nothing was changed in filegate-dev" in refused.stderr
    assert "--accept-loss" in refused.stderr
    assert done == ["deleted"]
    assert deployed("-e", "dev", "stack", "deploy", "--yes", "--accept-loss").exit_code == 0
    assert done == ["deleted", "executed"]


def test_creating_a_stack_endangers_no_data() -> None:
    unseen = Change("Storage", "AWS::CloudFormation::Stack", Action.ADD)
    first = ChangeSet(
        "filegate-dev", "arn:stack", "arn:change-set", (unseen,), empty=False, creates=True, not_seen="no access."
    )
    assert not first.endangers_data


@pytest.fixture
def without_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for credentials fails the test."""

    def fail() -> None:
        raise AssertionError("looked for credentials")

    monkeypatch.setattr("filegate.cli.stack.aws_session", fail)


@pytest.mark.usefixtures("without_aws")
@pytest.mark.parametrize(("command", "status"), [("deploy", 2), ("diff", 1)])
def test_a_missing_parameter_file_is_reported_before_aws_is_called(
    filegate: Filegate, command: str, status: int
) -> None:
    result = filegate("-e", "devv", "stack", command)
    assert result.exit_code == status
    assert "There is no parameters/devv.json; there are dev, prod, staging." in result.stderr


@pytest.mark.usefixtures("without_aws")
@pytest.mark.parametrize("command", ["deploy", "diff", "destroy"])
@pytest.mark.parametrize("name", ["de-v", "Dev", "d", "../dev"])
def test_an_invalid_environment_name_is_reported_before_aws_is_called(
    filegate: Filegate, command: str, name: str
) -> None:
    result = filegate("-e", name, "stack", command)
    assert f"{name!r} is not a valid environment name." in result.stderr
    assert "2 to 16 lower-case letters and digits" in result.stderr


def test_signing_in_is_announced_on_a_terminal(
    filegate: Filegate, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(_: object) -> None:
        screen.write("No answer.")
        raise NoCloud("No.")

    monkeypatch.setattr("filegate.cli.stack.account_of", reached)
    filegate("-e", "dev", "stack", "diff")
    assert screen.getvalue().index("Signing in to AWS …") < screen.getvalue().index("No answer.")


def test_data_is_keep_or_delete(filegate: Filegate) -> None:
    result = filegate("-e", "dev", "stack", "destroy", "--data", "burn")
    assert result.exit_code == 2
    shown = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
    assert "Invalid value for '--data': 'burn' is not one of 'keep', 'delete'." in shown


def test_destroy_needs_no_parameter_file(filegate: Filegate, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(_: object) -> None:
        raise NoCloud("AWS was called.")

    monkeypatch.setattr("filegate.cli.stack.account_of", reached)
    assert "AWS was called." in filegate("-e", "gone", "stack", "destroy").stderr


def test_missing_credentials_are_reported_with_profile_and_region(
    filegate: Filegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    result = filegate("-e", "dev", "stack", "deploy")
    assert result.exit_code == 1
    assert "Unable to locate credentials. (profile default, region eu-central-1)" in result.stderr
    assert "aws sso login" in result.stderr


def test_a_default_security_group_that_cannot_be_closed_is_reported(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployment, "execute", lambda *_: iter(()))
    monkeypatch.setattr(Environment, "close_default_security_group", lambda _: False)
    result = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert result.exit_code == 0
    assert "make deploy ENV=dev" in result.stderr
