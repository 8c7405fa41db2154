"""`filegate stack` on LocalStack: changes, a deployment, an update, a failure with its reason, and the removal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from filegate.deploy import Deployment, DeploymentFailed
from filegate.deploy.account import Account, account_of
from filegate.deploy.checkout import Checkout
from filegate.deploy.destroy import DataPolicy, destroy, take_inventory
from filegate.deploy.environment import Environment
from filegate.deploy.image_registry import STAGES
from filegate.deploy.stack import describe
from filegate.devcloud.session import session_for

from .stack import REGION, REPOSITORY, Stack

ARTIFACTS = "filegate-artifacts-of-a-test"
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"


@pytest.fixture(scope="module")
def account(stack: Stack) -> Account:
    account = account_of(session_for(stack.endpoint, REGION))
    account.session.client("s3").create_bucket(Bucket=ARTIFACTS)
    return account


@pytest.fixture
def environment(account: Account, tmp_path: Path, request: pytest.FixtureRequest) -> Environment:
    """One of the test's own, with the parameters of dev, in a clone to be changed."""
    for part in ("infra", "datasets"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    environment = Environment(f"t{len(request.node.name)}", account, Checkout(tmp_path))
    folder = environment.checkout.templates / "parameters"
    dev = json.loads((folder / "dev.json").read_text())["Parameters"]
    # LocalStack has no ECR, and so no registry stack to ask for a boundary; and no express children of a map.
    own = {"Environment": environment.name, "PermissionsBoundaryArn": BOUNDARY, "MapChildren": "STANDARD"}
    values = {**dev, **own}
    (folder / f"{environment.name}.json").write_text(json.dumps({"Parameters": values}))
    return environment


@pytest.fixture
def deployment(environment: Environment) -> Deployment:
    """Without a registry stack, the bucket is the test's own."""
    return Deployment(
        environment.account.session,
        environment.stack_name,
        template=environment.checkout.templates / "main.yaml",
        artifacts_bucket=ARTIFACTS,
        owner=environment.account.id,
    )


@pytest.fixture
def parameters(environment: Environment) -> dict[str, str]:
    return environment.parameters({stage: f"filegate/{stage}:local" for stage in STAGES})


def test_a_deployment_from_its_plan_to_its_end(
    environment: Environment, deployment: Deployment, parameters: dict[str, str], account: Account
) -> None:
    deployment.wait_until_ready()
    change_set = deployment.create_change_set(parameters)
    assert {change.resource for change in change_set.changes} >= {"Storage", "Functions", "Pipeline"}
    deployment.delete_change_set(change_set)
    assert describe(account.session.client("cloudformation"), environment.stack_name) is None

    events = list(deployment.execute(deployment.create_change_set(parameters)))
    assert events[-1].status == "CREATE_COMPLETE"
    assert "Storage" in {event.resource for event in events}
    environment.close_default_security_group()
    assert deployment.create_change_set(parameters).empty

    # It shows the change and calls it made, but LocalStack never updates a nested stack: the embedded cloud's tests do.
    change_set = deployment.create_change_set({**parameters, "LogLevel": "ERROR"})
    assert "Functions" in {change.resource for change in change_set.changes}
    assert list(deployment.execute(change_set))[-1].status == "UPDATE_COMPLETE"

    account.session.client("s3").put_object(Bucket=deployment.outputs()["RawBucket"], Key="orders/1.csv", Body=b"1")
    inventory = take_inventory(account, environment.stack_name)
    assert inventory.policy is DataPolicy.DELETE
    assert [found.path for found in inventory.resources if not found.is_empty] == ["Storage.RawBucket"]
    list(destroy(account, inventory))
    assert describe(account.session.client("cloudformation"), environment.stack_name) is None
    left = {
        bucket["Name"]
        for bucket in account.session.client("s3").list_buckets()["Buckets"]
        if f"-{environment.name}-" in bucket["Name"]
    }
    assert left == set()


def test_a_resource_that_fails_is_named_with_its_reason(
    environment: Environment, deployment: Deployment, parameters: dict[str, str]
) -> None:
    definition = environment.checkout.folder / "infra/statemachine/pipeline.asl.yaml"
    definition.write_text(json.dumps({"StartAt": "Nowhere", "States": {}}))
    deployment.wait_until_ready()
    with pytest.raises(DeploymentFailed, match=r"Pipeline → StateMachine \(AWS::StepFunctions::StateMachine\): "):
        list(deployment.execute(deployment.create_change_set(parameters)))
