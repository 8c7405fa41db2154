"""LocalStack is ready when the templates are deployed, and then every resource is as its template says."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from filegate.deploy import load_definition
from filegate.devcloud.deploy import STACK
from filegate.devcloud.session import session_for
from tests.deployed_stack import EXPECTED, compare

from .stack import REGION, REPOSITORY, Stack


def test_every_init_script_was_successful(stack: Stack) -> None:
    with urllib.request.urlopen(f"{stack.endpoint}/_localstack/init/ready") as answer:
        init = json.load(answer)
    assert init["completed"]
    assert {script["name"]: script["state"] for script in init["scripts"]} == {"10-deploy.sh": "SUCCESSFUL"}


def test_every_property_of_every_resource_is_as_its_template_says(stack: Stack) -> None:
    unproved = compare(session_for(stack.endpoint, REGION), STACK, expected=EXPECTED)
    assert {(item.resource, item.property) for item in unproved if item.property} == {
        ("Dashboard.Dashboard", "Tags"),
        ("Functions.IngestFunction", "KmsKeyArn"),
        ("Functions.OutputFunction", "KmsKeyArn"),
        ("Functions.TransformFunction", "KmsKeyArn"),
        ("Functions.ValidateFunction", "KmsKeyArn"),
        ("Pipeline.StateMachine", "TracingConfiguration"),
    }


def test_deploying_again_changes_nothing(stack: Stack) -> None:
    client = stack.client("cloudformation")
    before = client.describe_stacks(StackName=STACK)["Stacks"][0]
    stack.client("s3").put_object(Bucket=stack.outputs()["StagingBucket"], Key="kept", Body=b"")
    stack.compose("exec", "-T", "localstack", "/etc/localstack/init/ready.d/10-deploy.sh")
    assert client.describe_stacks(StackName=STACK)["Stacks"][0] == before
    assert stack.client("s3").head_object(Bucket=stack.outputs()["StagingBucket"], Key="kept")


def test_what_localstack_drops_is_there(stack: Stack) -> None:
    outputs, s3 = stack.outputs(), stack.client("s3")
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=outputs["RawBucket"])["Rules"]
    assert lifecycle[0]["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER"}]
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/filegate-local-")["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {30}
    transform = stack.client("lambda").get_function_configuration(FunctionName=outputs["TransformFunction"])
    assert transform["EphemeralStorage"] == {"Size": 2048}


def test_the_state_machine_is_the_asl_file(stack: Stack) -> None:
    machine = stack.client("stepfunctions").describe_state_machine(stateMachineArn=stack.outputs()["StateMachineArn"])
    file = load_definition(REPOSITORY / "infra" / "statemachine" / "pipeline.asl.yaml")
    assert json.loads(machine["definition"])["States"].keys() == file["States"].keys()


@pytest.fixture
def infra(tmp_path: Path) -> Path:
    """A copy of infra/ to break."""
    return Path(shutil.copytree(REPOSITORY / "infra", tmp_path / "infra"))


@pytest.fixture
def broken(images: None, tmp_path: Path, infra: Path) -> Iterator[Stack]:
    """A stack over that copy, not started yet."""
    override = tmp_path / "override.yml"
    override.write_text(yaml.safe_dump({"services": {"localstack": {"volumes": [f"{infra}:/opt/filegate/infra:ro"]}}}))
    stack = Stack(files=(str(override),))
    yield stack
    stack.stop()
    assert not stack.left()


def test_a_template_that_cannot_be_deployed_says_why(broken: Stack, infra: Path) -> None:
    definition = infra / "statemachine" / "pipeline.asl.yaml"
    definition.write_text("StartAt: Nowhere\nStates: {}\n")
    broken.start()
    ready = broken.wait()
    assert ready.returncode == 1
    assert "Pipeline → StateMachine (AWS::StepFunctions::StateMachine): " in ready.stderr
    assert "ASLParserException" in ready.stderr
