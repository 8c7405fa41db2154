"""`filegate stack`, on the embedded cloud with the real templates: from an empty account to an empty account."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from typer.testing import CliRunner, Result

from filegate.cli.app import app
from filegate.cli.stack import DIFFERENCES
from filegate.deploy import CannotBeDeployed, load_template
from filegate.deploy import destroy as destruction
from filegate.deploy.account import Account, account_of
from filegate.deploy.checkout import Checkout
from filegate.deploy.environment import Environment
from filegate.deploy.image_registry import STAGES, ImageRegistry
from filegate.devcloud import patches
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.devcloud.dropped import MINISTACK, write_dropped
from tests.deployed_stack import compare

REPOSITORY = Path(__file__).parents[3]
PARTS = ("infra", "datasets")

Filegate = Callable[..., Result]


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedCloud]:
    """An empty account."""
    with EmbeddedCloud() as running, patches.installed_for_deployment():
        yield running


@pytest.fixture(scope="module")
def account(cloud: EmbeddedCloud) -> Account:
    return account_of(cloud.session())


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone of the repository, with the files that a deployment needs."""
    folder = tmp_path_factory.mktemp("clone")
    for part in PARTS:
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    commit(folder)
    return Checkout(folder)


def commit(folder: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", folder, *words], check=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "a revision")


@pytest.fixture(scope="module")
def bootstrapped(cloud: EmbeddedCloud, account: Account, clone: Checkout) -> ImageRegistry:
    """The account's registry, with images of the clone's revision."""
    deployment = ImageRegistry.deployment(account, clone)
    list(deployment.execute(deployment.create_change_set(ImageRegistry.parameters(clone))))
    for stage in STAGES:
        account.session.client("ecr").put_image(
            repositoryName=f"filegate/{stage}",
            imageManifest=json.dumps({"schemaVersion": 2, "stage": stage}),
            imageTag=clone.revision(),
        )
    return ImageRegistry.of(account)


@pytest.fixture
def checkout(clone: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the clone that a test may change."""
    shutil.copytree(clone.folder, tmp_path / "clone")
    return Checkout(tmp_path / "clone")


@pytest.fixture
def filegate(cloud: EmbeddedCloud, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Filegate:
    """Runs a command in the clone, in the account."""
    for name, value in cloud.client_environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "FILEGATE_ENVIRONMENT", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("filegate.cli.stack.Checkout", lambda: checkout)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, words, prog_name="filegate")

    return run


@pytest.fixture
def name(account: Account, checkout: Checkout, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an environment for one test, with the parameters of dev; it is removed after the test."""
    name = f"t{abs(hash(request.node.name)) % 10**8}"
    dev = checkout.templates / "parameters" / "dev.json"
    values = json.loads(dev.read_text())["Parameters"]
    write_parameters(checkout, name, {**values, "Environment": name})
    yield name
    stack = f"filegate-{name}"
    account.session.client("cloudformation").delete_stack(StackName=stack)
    account.session.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1}
    )


def write_parameters(checkout: Checkout, name: str, values: dict[str, str]) -> None:
    (checkout.templates / "parameters" / f"{name}.json").write_text(json.dumps({"Parameters": values}))


def change_parameter(checkout: Checkout, name: str, **values: str) -> None:
    file = checkout.templates / "parameters" / f"{name}.json"
    write_parameters(checkout, name, {**json.loads(file.read_text())["Parameters"], **values})


def answer(result: Result) -> dict[str, Any]:
    (document,) = (json.loads(line) for line in result.stdout.splitlines())
    return dict(document)


def exists(account: Account, name: str) -> bool:
    stacks = account.session.client("cloudformation").describe_stacks()["Stacks"]
    return f"filegate-{name}" in {stack["StackName"] for stack in stacks}


def test_an_account_without_a_registry_is_reported(filegate: Filegate, name: str) -> None:
    result = filegate("-e", name, "stack", "deploy", "--yes")
    assert result.exit_code == 1
    assert "no registry for images and templates in us-east-1 yet" in result.stderr
    assert "make bootstrap" in result.stderr


def test_bootstrap_creates_the_registry_once(filegate: Filegate, bootstrapped: ImageRegistry) -> None:
    assert set(bootstrapped.outputs) >= {"ArtifactsBucket", *(f"{stage.title()}Repository" for stage in STAGES)}
    again = filegate("stack", "bootstrap", "--yes")
    assert again.exit_code == 0
    assert "Nothing to do" in again.stderr


def test_a_revision_without_images_is_reported(
    filegate: Filegate, bootstrapped: ImageRegistry, checkout: Checkout, name: str
) -> None:
    commit(checkout.folder)
    result = filegate("-e", name, "stack", "deploy", "--yes")
    assert result.exit_code == 1
    assert f"no images of revision {checkout.revision()[:12]} for ingest, validate" in result.stderr
    assert "make push" in result.stderr


def test_a_deployment_matches_its_templates_and_is_idempotent(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, name: str
) -> None:
    before = filegate("-e", name, "stack", "diff")
    assert before.exit_code == DIFFERENCES
    assert "to add" in before.stdout
    assert not exists(account, name)
    first = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))
    assert first["outputs"]["RawBucket"] == f"filegate-{name}-raw-{account.id}"
    assert "Storage" in {change["resource"] for change in first["changes"]}
    write_dropped(account.session, f"filegate-{name}", MINISTACK)
    compare(account.session, f"filegate-{name}", complete=True)
    second = filegate("-e", name, "stack", "deploy")
    assert second.exit_code == 0
    assert "Nothing to do" in second.stderr
    assert filegate("-e", name, "stack", "diff").exit_code == 0


def test_the_images_are_passed_by_digest(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, clone: Checkout, name: str
) -> None:
    assert filegate("-e", name, "stack", "deploy", "--yes").exit_code == 0
    images = bootstrapped.images(clone.revision())
    for stage in STAGES:
        function = account.session.client("lambda").get_function(FunctionName=f"filegate-{name}-{stage}")
        assert function["Code"]["ImageUri"] == images[stage]
        assert "@sha256:" in images[stage]


def test_the_boundary_is_for_the_environment_that_the_workflow_deploys(
    account: Account, checkout: Checkout, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    boundary = f"arn:aws:iam::{account.id}:policy/boundary"
    registry = ImageRegistry(account, {"DeployedEnvironment": name, "PermissionsBoundaryArn": boundary})
    monkeypatch.setattr(ImageRegistry, "of", lambda _: registry)
    write_parameters(checkout, "another", {"Environment": "another", "CostControls": "no"})
    assert Environment(name, account, checkout).parameters({})["PermissionsBoundaryArn"] == boundary
    assert Environment("another", account, checkout).parameters({})["PermissionsBoundaryArn"] == ""


def test_the_deploy_role_allows_all_calls_of_a_deployment(
    filegate: Filegate, bootstrapped: ImageRegistry, checkout: Checkout, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: set[str] = set()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(client: Any, operation: str, arguments: Any) -> Any:
        called.add(f"{client.meta.service_model.service_name}:{operation}")
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    assert filegate("-e", name, "stack", "diff").exit_code == DIFFERENCES
    assert filegate("-e", name, "stack", "deploy", "--yes").exit_code == 0
    change_parameter(checkout, name, LogLevel="ERROR")
    assert filegate("-e", name, "stack", "deploy", "--yes", "--accept-loss").exit_code == 0
    role = load_template(checkout.templates / "registry.yaml")["Resources"]["DeployRole"]["Properties"]
    (policy,) = (entry["PolicyDocument"] for entry in role["Policies"])
    actions = [item["Action"] for item in policy["Statement"] if "aws:CalledVia" not in str(item.get("Condition"))]
    granted = {action for entry in actions for action in ([entry] if isinstance(entry, str) else entry)}
    assert {"cloudformation:ExecuteChangeSet", "ec2:DescribeManagedPrefixLists", "s3:PutObject"} <= called
    assert called - granted == {
        "sts:GetCallerIdentity",  # which IAM cannot deny
        # Optional: denied calls are handled.
        "cloudformation:DeleteStack",
        "ec2:RevokeSecurityGroupEgress",
    }


def test_nothing_is_changed_without_confirmation(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, name: str
) -> None:
    result = filegate("-e", name, "stack", "deploy")
    assert result.exit_code == 2
    assert "Nothing was changed" in result.stderr
    assert not exists(account, name)


def test_a_changed_parameter_is_shown_and_deployed(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    assert filegate("-e", name, "stack", "deploy", "--yes").exit_code == 0
    change_parameter(checkout, name, LogRetentionDays="90")
    shown = filegate("-e", name, "stack", "diff", "--json")
    assert shown.exit_code == DIFFERENCES
    changed = {change["resource"]: change for change in answer(shown)["changes"]}
    assert changed["Functions"]["action"] == "change"
    assert "LogRetentionDays" in str(changed["Functions"]["edits"])
    refused = filegate("-e", name, "stack", "deploy", "--yes")
    assert refused.exit_code == 1
    assert "nobody can see" in refused.stderr  # this cloud does not report changes inside nested stacks
    assert retention(account, name) == 7
    assert filegate("-e", name, "stack", "deploy", "--yes", "--accept-loss").exit_code == 0
    assert retention(account, name) == 90
    assert filegate("-e", name, "stack", "diff").exit_code == 0


def retention(account: Account, name: str) -> int:
    (group,) = account.session.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/lambda/filegate-{name}-ingest"
    )["logGroups"]
    return group["retentionInDays"]


def test_a_failed_resource_is_reported_with_its_reason(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, name: str
) -> None:
    bucket = f"filegate-{name}-access-logs-{account.id}"
    account.session.client("s3").create_bucket(Bucket=bucket)  # the name is taken
    result = filegate("-e", name, "stack", "deploy", "--yes")
    assert result.exit_code == 1
    assert "Storage" in result.stderr
    assert f"{bucket} already exists" in result.stderr
    account.session.client("s3").delete_bucket(Bucket=bucket)
    assert filegate("-e", name, "stack", "deploy", "--yes").exit_code == 0


def test_a_deployment_continues_without_a_follower(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    environment = Environment(name, account, checkout)
    deployment = environment.deployment()
    events: Any = deployment.execute(deployment.create_change_set(environment.parameters(environment.images())))
    next(events)
    events.close()
    followed = filegate("-e", name, "stack", "deploy", "--yes")
    assert followed.exit_code == 0
    assert "Nothing to do" in followed.stderr


def test_a_replaced_change_set_is_not_executed(
    bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    environment = Environment(name, account, checkout)
    deployment, parameters = environment.deployment(), environment.parameters(environment.images())
    first = deployment.create_change_set(parameters)
    second = deployment.create_change_set(parameters)
    with pytest.raises(CannotBeDeployed, match="somebody else"):
        list(deployment.execute(first))
    deployment.delete_change_set(second)


def test_destroy_deletes_no_data_without_a_decision(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, name: str
) -> None:
    outputs = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))["outputs"]
    account.session.client("s3").put_object(Bucket=outputs["RawBucket"], Key="orders/1.csv", Body=b"1")
    account.session.client("s3").delete_object(Bucket=outputs["RawBucket"], Key="orders/1.csv")
    refused = filegate("-e", name, "stack", "destroy", "--confirm", name)
    assert refused.exit_code == 1
    assert "Storage.RawBucket" in refused.stdout
    assert "2 object versions" in refused.stdout
    assert "would be lost" in refused.stderr
    kept = filegate("-e", name, "stack", "destroy", "--data", "keep", "--confirm", name)
    assert kept.exit_code == 1
    assert "deletes buckets, queues and ledger" in kept.stderr
    assert filegate("-e", name, "stack", "destroy", "--data", "delete").exit_code == 2
    wrong = filegate("-e", name, "stack", "destroy", "--data", "delete", "--confirm", "prod")
    assert wrong.exit_code == 2
    assert "nothing was removed" in wrong.stderr
    assert account.session.client("s3").list_object_versions(Bucket=outputs["RawBucket"])["DeleteMarkers"]
    done = filegate("-e", name, "stack", "destroy", "--data", "delete", "--confirm", name)
    assert done.exit_code == 0, done.stderr
    assert not exists(account, name)
    assert not [
        bucket for bucket in account.session.client("s3").list_buckets()["Buckets"] if f"-{name}-" in bucket["Name"]
    ]


def test_logs_alone_are_shown_and_do_not_stop_destroy(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    change_parameter(checkout, name, AuditTrail="yes")
    outputs = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))["outputs"]
    account.session.client("s3").put_object(Bucket=f"filegate-{name}-access-logs-{account.id}", Key="raw/1", Body=b"1")
    account.session.client("s3").put_object(Bucket=f"filegate-{name}-audit-{account.id}", Key="AWSLogs/1", Body=b"1")
    account.session.client("sqs").send_message(QueueUrl=outputs["DlqUrl"], MessageBody="{}")
    refused = filegate("-e", name, "stack", "destroy", "--confirm", name)
    assert refused.exit_code == 1
    assert re.search(r"Messaging\.Dlq +filegate-\S+-dlq +1 message ", refused.stdout)
    assert re.search(r"Storage\.AccessLogBucket .* 1 object version \(logs\)", refused.stdout)
    assert re.search(r"Audit\.AuditBucket .* 1 object version \(logs\)", refused.stdout)
    account.session.client("sqs").purge_queue(QueueUrl=outputs["DlqUrl"])
    done = filegate("-e", name, "stack", "destroy", "--confirm", name)
    assert done.exit_code == 0, done.stderr
    assert not exists(account, name)


def test_destroy_stops_writers_before_it_empties_buckets(
    filegate: Filegate,
    bootstrapped: ImageRegistry,
    account: Account,
    checkout: Checkout,
    *,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_parameter(checkout, name, AuditTrail="yes")
    outputs = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))["outputs"]
    account.session.client("s3").put_object(Bucket=outputs["RawBucket"], Key="orders/1.csv", Body=b"1")
    called: list[tuple[str, Any]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(client: Any, operation: str, arguments: Any) -> Any:
        called.append((operation, arguments))
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    assert filegate("-e", name, "stack", "destroy", "--data", "delete", "--confirm", name).exit_code == 0
    operations = [operation for operation, _ in called]
    before = called[: operations.index("DeleteObjects")]
    assert ("DisableRule", {"Name": f"filegate-{name}-object-created"}) in before
    assert "StopLogging" in {operation for operation, _ in before}
    quiet = {arguments["Bucket"] for operation, arguments in before if operation == "PutBucketLogging"}
    assert len(quiet) == 6
    assert outputs["RawBucket"] in quiet
    assert operations.count("DeleteStack") == 1


@pytest.mark.parametrize("failures", [1, 3])
def test_objects_that_arrive_during_destroy_are_deleted_a_limited_number_of_times(
    filegate: Filegate,
    bootstrapped: ImageRegistry,
    account: Account,
    *,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
) -> None:
    bucket = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))["outputs"]["ProcessedBucket"]
    delete = destruction._delete
    begun: list[str] = []

    def late(account: Account, stack_id: str) -> str | None:
        """This cloud deletes non-empty buckets, too: to simulate AWS's failure, the stack is not deleted."""
        begun.append(stack_id)
        if len(begun) > failures:
            assert "Versions" not in account.session.client("s3").list_object_versions(Bucket=bucket)
            return delete(account, stack_id)
        account.session.client("s3").put_object(Bucket=bucket, Key="late", Body=b"1")
        return None

    monkeypatch.setattr(destruction, "_delete", late)
    result = filegate("-e", name, "stack", "destroy", "--confirm", name)
    if failures == 1:
        assert result.exit_code == 0, result.stderr
        assert len(begun) == 2
        assert not exists(account, name)
    else:
        assert result.exit_code == 1
        assert "destroy again" in result.stderr
        assert len(begun) == failures


def test_a_locked_bucket_is_refused_before_anything_is_emptied(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    change_parameter(checkout, name, AuditTrail="yes")
    outputs = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))["outputs"]
    audit = f"filegate-{name}-audit-{account.id}"
    # As with AuditLockDays, which this cloud's CloudFormation ignores.
    account.session.client("s3").put_object_lock_configuration(
        Bucket=audit,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    for bucket in (outputs["RawBucket"], audit):
        account.session.client("s3").put_object(Bucket=bucket, Key="orders/1.csv", Body=b"1")
    refused = filegate("-e", name, "stack", "destroy", "--data", "delete", "--confirm", name)
    assert refused.exit_code == 1
    assert audit in refused.stderr
    assert "AuditLockDays" in refused.stderr
    assert account.session.client("s3").list_object_versions(Bucket=outputs["RawBucket"])["Versions"]
    assert exists(account, name)


def test_destroy_keeps_no_data_without_a_decision(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    change_parameter(checkout, name, DataOnDelete="Retain")
    outputs = answer(filegate("-e", name, "stack", "deploy", "--yes", "--json"))["outputs"]
    account.session.client("s3").put_object(Bucket=outputs["RawBucket"], Key="orders/1.csv", Body=b"1")
    for data, problem in (
        ([], "would remain without a stack"),
        (["--data", "delete"], "keeps buckets, queues and ledger"),
    ):
        refused = filegate("-e", name, "stack", "destroy", "--confirm", name, *data)
        assert refused.exit_code == 1
        assert problem in refused.stderr
    assert exists(account, name)
    done = filegate("-e", name, "stack", "destroy", "--data", "keep", "--confirm", name)
    assert done.exit_code == 0, done.stderr
    assert outputs["RawBucket"] in done.stderr
    assert not exists(account, name)
    assert (
        account.session.client("s3").get_object(Bucket=outputs["RawBucket"], Key="orders/1.csv")["Body"].read() == b"1"
    )


def test_locked_audit_records_need_a_retained_bucket(
    filegate: Filegate, bootstrapped: ImageRegistry, account: Account, checkout: Checkout, name: str
) -> None:
    change_parameter(checkout, name, AuditTrail="yes", AuditLockDays="1")
    refused = filegate("-e", name, "stack", "deploy", "--yes")
    assert refused.exit_code == 1
    assert "AuditLockDays needs DataOnDelete to be Retain" in refused.stderr
    assert not exists(account, name)


def test_a_name_without_a_parameter_file_is_refused(filegate: Filegate, bootstrapped: ImageRegistry) -> None:
    result = filegate("-e", "test", "stack", "deploy", "--yes")
    assert result.exit_code == 2
    assert "There is no parameters/test.json; there are dev, prod, staging." in result.stderr
    assert filegate("stack", "deploy").exit_code == 2
    assert filegate("-e", "test", "stack", "diff").exit_code == 1
