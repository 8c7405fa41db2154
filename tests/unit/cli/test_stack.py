"""What `filegate stack` shows a person, and what it says when it cannot go on."""

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
from filegate.deploy.changes import Action, Change, Edit, Plan
from filegate.deploy.environment import Environment
from filegate.deploy.stack import Event
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


def planned(*changes: Change, not_seen: str | None = None) -> Plan:
    return Plan("filegate-dev", "arn:stack", "arn:change-set", changes, empty=False, creates=False, not_seen=not_seen)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal with colours."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=120)
    monkeypatch.setattr(shared, "console", lambda *, stderr: console)
    return written


def test_the_changes_are_a_line_each_and_the_additions_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    changes.show(Session(), ACCOUNT, planned(*CHANGES))
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
    assert "The red ones hold data." in err


def test_only_what_endangers_data_is_red(screen: io.StringIO) -> None:
    changes.show(Session(), ACCOUNT, planned(*CHANGES))
    red = [line for line in screen.getvalue().splitlines() if "\x1b[1;31m" in line]
    assert len(red) == 2
    assert "Storage.LedgerTable" in red[0]
    assert "hold data" in red[1]


def test_what_could_not_be_looked_into_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    changes.show(Session(), ACCOUNT, planned(TABLE, not_seen="so."))
    assert "does not look into the nested stacks: so." in capsys.readouterr().err


def event(resource: str, status: str, reason: str | None = None) -> Event:
    return Event(f"{resource}{status}", resource, "AWS::S3::Bucket", status, reason)


def test_what_goes_on_is_a_line_a_resource_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    events = [event("Storage.Raw", "CREATE_IN_PROGRESS"), event("Storage.Raw", "CREATE_FAILED", "it\x1b[1m exists")]
    changes.watch(Session(), [*events, event("", "ROLLBACK_COMPLETE")])
    assert capsys.readouterr().err.splitlines() == [
        r"Storage.Raw create failed: it\x1b[1m exists",
        "the stack rollback complete",
    ]


def test_what_goes_on_is_what_is_under_way_where_somebody_watches(screen: io.StringIO) -> None:
    progress = changes.Progress()
    for one in (
        event("", "CREATE_IN_PROGRESS"),
        event("Storage", "CREATE_IN_PROGRESS"),
        event("Storage.Raw", "CREATE_IN_PROGRESS"),
        event("Storage.Table", "CREATE_IN_PROGRESS"),
        event("Storage.Table", "CREATE_COMPLETE"),
        event("Storage.Staging", "CREATE_FAILED", "no"),
    ):
        progress.note(one)
    shared.console(stderr=True).print(progress)
    shown = screen.getvalue()
    assert "Storage.Raw " in shown
    assert "Storage.Staging" in shown
    assert "Storage.Table" not in shown
    assert "1 done, 1 under way" in shown


@pytest.fixture
def deployed(filegate: Filegate, monkeypatch: pytest.MonkeyPatch) -> Filegate:
    """`filegate`, with a deployment whose plan has a change in it."""
    parts: dict[str, Any] = {
        "under_way": lambda _: None,
        "settle": lambda _: None,
        "plan": lambda *_: planned(*CHANGES[1:]),
        "discard": lambda *_: None,
        "outputs": lambda _: {},
    }
    for name, part in parts.items():
        monkeypatch.setattr(Deployment, name, part)
    deployment = Deployment(SESSION, "filegate-dev", template=None, artifacts_bucket=None)  # type: ignore[arg-type]
    answers = {"images": {}, "parameters": {}, "deployment": deployment, "close_default_security_group": True}
    for name, answer in answers.items():
        monkeypatch.setattr(Environment, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr("filegate.deploy.account.account_of", lambda _: ACCOUNT)
    return filegate


def test_who_stops_following_is_told_that_the_deployment_goes_on(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[Event]:
        yield event("Storage", "UPDATE_IN_PROGRESS")
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "execute", interrupted)
    result = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert result.exit_code == 130
    assert "CloudFormation goes on with filegate-dev by itself. Follow it again with the same command." in result.stderr


def test_a_deployment_that_somebody_else_began_is_followed_first(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployment, "under_way", lambda _: "UPDATE_IN_PROGRESS")
    monkeypatch.setattr(Deployment, "follow", lambda _: iter([event("Theirs", "UPDATE_COMPLETE")]))
    monkeypatch.setattr(Deployment, "execute", lambda *_: iter([event("Ours", "UPDATE_COMPLETE")]))
    result = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert result.exit_code == 0
    assert "filegate-dev is UPDATE_IN_PROGRESS: that comes first." in result.stderr
    assert result.stderr.index("Theirs update complete") < result.stderr.index("Ours update complete")


@pytest.mark.parametrize(
    "plan",
    [planned(TABLE), planned(*CHANGES[1:], not_seen="so.")],
    ids=["a table that is replaced", "nobody can see"],
)
def test_who_is_not_asked_loses_nothing_without_a_further_word(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    done: list[str] = []
    monkeypatch.setattr(Deployment, "plan", lambda *_: plan)
    monkeypatch.setattr(Deployment, "discard", lambda *_: done.append("discarded"))
    monkeypatch.setattr(Deployment, "execute", lambda *_: iter(done.append("executed") or ()))  # type: ignore[func-returns-value]
    refused = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert refused.exit_code == 1
    assert "Nothing was changed in filegate-dev" in refused.stderr
    assert "--accept-loss" in refused.stderr
    assert done == ["discarded"]
    assert deployed("-e", "dev", "stack", "deploy", "--yes", "--accept-loss").exit_code == 0
    assert done == ["discarded", "executed"]


def test_what_is_created_endangers_nothing_though_nobody_sees_it() -> None:
    unseen = Change("Storage", "AWS::CloudFormation::Stack", Action.ADD)
    first = Plan("filegate-dev", "arn:stack", "arn:change-set", (unseen,), empty=False, creates=True, not_seen="so.")
    assert not first.endangers_data


@pytest.fixture
def far_from_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for credentials fails."""

    def sought() -> None:
        raise AssertionError("AWS is asked first")

    monkeypatch.setattr("filegate.deploy.account.aws_session", sought)


@pytest.mark.usefixtures("far_from_aws")
@pytest.mark.parametrize(("command", "status"), [("deploy", 2), ("diff", 1)])
def test_an_environment_without_a_parameter_file_is_told_at_once(filegate: Filegate, command: str, status: int) -> None:
    result = filegate("-e", "devv", "stack", command)
    assert result.exit_code == status
    assert "There is no parameters/devv.json; there are dev, prod, staging." in result.stderr


@pytest.mark.usefixtures("far_from_aws")
@pytest.mark.parametrize("command", ["deploy", "diff", "destroy"])
@pytest.mark.parametrize("name", ["de-v", "Dev", "d", "../dev"])
def test_what_no_environment_can_be_called_is_told_at_once(filegate: Filegate, command: str, name: str) -> None:
    result = filegate("-e", name, "stack", command)
    assert f"An environment cannot be called {name!r}." in result.stderr
    assert "2 to 16 lower-case letters and digits" in result.stderr


def test_who_watches_is_told_that_aws_is_asked(
    filegate: Filegate, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(_: object) -> None:
        screen.write("Nobody answers.")
        raise NoCloud("No.")

    monkeypatch.setattr("filegate.deploy.account.account_of", reached)
    filegate("-e", "dev", "stack", "diff")
    assert screen.getvalue().index("Asking AWS whom it lets in …") < screen.getvalue().index("Nobody answers.")


def test_what_becomes_of_the_data_is_one_of_two(filegate: Filegate) -> None:
    result = filegate("-e", "dev", "stack", "destroy", "--data", "burn")
    assert result.exit_code == 2
    told = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
    assert "Invalid value for '--data': 'burn' is not one of 'keep', 'delete'." in told


def test_what_is_removed_needs_no_parameter_file(filegate: Filegate, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(_: object) -> None:
        raise NoCloud("AWS was asked.")

    monkeypatch.setattr("filegate.deploy.account.account_of", reached)
    assert "AWS was asked." in filegate("-e", "gone", "stack", "destroy").stderr


def test_without_credentials_the_profile_and_the_region_are_named(
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


def test_who_may_not_close_the_default_security_group_is_told_who_has_to(
    deployed: Filegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployment, "execute", lambda *_: iter(()))
    monkeypatch.setattr(Environment, "close_default_security_group", lambda _: False)
    result = deployed("-e", "dev", "stack", "deploy", "--yes")
    assert result.exit_code == 0
    assert "make deploy ENV=dev" in result.stderr
