"""Deploying creates, updates, or leaves alone; what CloudFormation drops is written; every property is compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from filegate.deploy import CannotBeDeployed, DeploymentFailed, deploy, load_template
from filegate.deploy.events import root_cause
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.devcloud.dropped import MINISTACK
from tests.deployed_stack import EXPECTED, StackDiffers, Unproved, compare, resources
from tests.deployed_stack.stacks import DeployedStacks

STACK = "filegate-local"


@pytest.fixture
def cloud(images: Path) -> Iterator[EmbeddedCloud]:
    """A cloud of the test's own, since it changes what is deployed."""
    with EmbeddedCloud(images=images) as running:
        yield running


@pytest.fixture
def outputs(cloud: EmbeddedCloud, template: Path) -> dict[str, str]:
    return cloud.deploy(template=template)


@pytest.fixture
def session(cloud: EmbeddedCloud) -> boto3.Session:
    session = cloud.session()
    session.client("s3").create_bucket(Bucket="artifacts")
    return session


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_stack_s_outputs_are_the_template_s(outputs: dict[str, str], template: Path) -> None:
    declared = load_template(template)["Outputs"]
    assert set(outputs) == {name for name, output in declared.items() if "Condition" not in output}


def test_a_property_that_was_dropped_is_set(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    s3 = cloud.session().client("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket=outputs["RawBucket"])["Rules"]
    assert rules[0]["Expiration"] == {"Days": 365}
    assert rules[0]["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER"}]
    assert {"Key": "Project", "Value": "filegate"} in s3.get_bucket_tagging(Bucket=outputs["RawBucket"])["TagSet"]
    ttl = cloud.session().client("dynamodb").describe_time_to_live(TableName=outputs["LedgerTable"])
    assert ttl["TimeToLiveDescription"] == {"AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED"}


def test_every_property_of_every_resource_is_as_its_template_says(
    cloud: EmbeddedCloud, outputs: dict[str, str]
) -> None:
    unproved = compare(cloud.session(), STACK, expected=EXPECTED)
    assert {(item.resource, item.property) for item in unproved if item.property} == {
        ("Dashboard.Dashboard", "Tags"),
        ("Pipeline.StateMachine", "TracingConfiguration"),
    }


def test_the_properties_that_are_written_are_those_that_cloudformation_drops(
    cloud: EmbeddedCloud, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is written at every local start, so there is none too many either."""
    monkeypatch.setattr("filegate.devcloud.cloud.MINISTACK", {})
    monkeypatch.setattr(resources, "NOT_SHOWN", {})
    cloud.deploy(template=template)
    with pytest.raises(StackDiffers) as caught:
        compare(cloud.session(), STACK)
    types = {resource.name: resource.type for resource in DeployedStacks(cloud.session()).resources(STACK)}
    assert {(types[item.resource], item.property) for item in caught.value.differences} == {
        *((kind, name) for kind, names in MINISTACK.items() for name in names),
        ("AWS::CloudWatch::Dashboard", "Tags"),
        ("AWS::StepFunctions::StateMachine", "TracingConfiguration"),
    }


def test_what_somebody_changed_is_written_again(cloud: EmbeddedCloud, outputs: dict[str, str], template: Path) -> None:
    cloud.session().client("s3").delete_bucket_lifecycle(Bucket=outputs["StagingBucket"])
    cloud.deploy(template=template)
    rules = cloud.session().client("s3").get_bucket_lifecycle_configuration(Bucket=outputs["StagingBucket"])["Rules"]
    assert rules[0]["Expiration"] == {"Days": 7}


def test_what_differs_is_named_resource_by_resource(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    session = cloud.session()
    session.client("s3").delete_bucket_policy(Bucket=outputs["RawBucket"])
    session.client("lambda").update_function_configuration(FunctionName=outputs["ValidateFunction"], MemorySize=128)
    with pytest.raises(StackDiffers) as caught:
        compare(session, STACK)
    assert {(item.resource, item.property) for item in caught.value.differences} == {
        ("Storage.RawBucketPolicy", "PolicyDocument"),
        ("Functions.ValidateFunction", "MemorySize"),
    }
    assert "Functions.ValidateFunction.MemorySize: wanted 256, is 128" in str(caught.value)


def test_a_property_that_cannot_be_read_back_differs(
    cloud: EmbeddedCloud, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = {name: known for name, known in resources.PROPERTIES["AWS::SQS::Queue"].items() if name != "QueueName"}
    monkeypatch.setattr(resources, "PROPERTIES", {**resources.PROPERTIES, "AWS::SQS::Queue": queue})
    with pytest.raises(StackDiffers, match=r"Messaging\.Dlq\.QueueName: .* is \"not listed in tests"):
        compare(cloud.session(), STACK)


def test_what_a_template_no_longer_asks_for_is_missed(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    with pytest.raises(StackDiffers) as caught:
        compare(cloud.session(), STACK, expected={"Storage.RawBucket": ["Tags", "Gone"], "Storage.Gone": ["Tags"]})
    assert {(item.resource, item.property) for item in caught.value.differences} == {
        ("Storage.RawBucket", "Gone"),
        ("Storage.Gone", "(the resource)"),
    }


def test_what_the_local_cloud_cannot_show_differs(cloud: EmbeddedCloud, template: Path) -> None:
    cloud.deploy({"ProcessedTiering": "intelligent-tiering"}, template=template)
    with pytest.raises(StackDiffers) as caught:
        compare(cloud.session(), STACK)
    (difference,) = caught.value.differences
    assert (difference.resource, difference.property) == (
        "Storage.ProcessedBucket",
        "IntelligentTieringConfigurations",
    )


NOTED = """
Resources:
  Provider:
    Type: AWS::IAM::OIDCProvider
    Properties: {Url: https://example.com, ClientIdList: [sts.amazonaws.com]}
Outputs:
  Arn: {Value: !GetAtt Provider.Arn}
"""


def test_a_type_that_no_local_cloud_knows_is_recorded_and_reported(
    cloud: EmbeddedCloud, outputs: dict[str, str], session: boto3.Session, tmp_path: Path
) -> None:
    assert _deploy(session, write(tmp_path / "noted.yaml", NOTED)) == {"Arn": "unknown"}
    reason = resources.NOT_CREATED["AWS::IAM::OIDCProvider"]
    assert compare(session, "s") == [Unproved("Provider", "", reason)]
    assert _deploy(session, write(tmp_path / "noted.yaml", NOTED.replace("sts.", "sts2."))) == {"Arn": "unknown"}
    session.client("cloudformation").delete_stack(StackName="s")


def test_a_type_that_is_not_there_without_a_reason_differs(
    cloud: EmbeddedCloud,
    outputs: dict[str, str],
    session: boto3.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _deploy(session, write(tmp_path / "noted.yaml", NOTED))
    monkeypatch.setattr(resources, "NOT_CREATED", {})
    with pytest.raises(StackDiffers, match=r"Provider\.\(the resource\)"):
        compare(session, "s")


def test_a_type_that_nobody_listed_is_refused(
    cloud: EmbeddedCloud, outputs: dict[str, str], session: boto3.Session, tmp_path: Path
) -> None:
    template = write(tmp_path / "noted.yaml", NOTED.replace("AWS::IAM::OIDCProvider", "AWS::IAM::Unheard"))
    with pytest.raises(CannotBeDeployed, match=r"Unrecognized resource types: \[AWS::IAM::Unheard\]"):
        _deploy(session, template)


def test_a_property_that_is_not_shown_for_a_known_reason_may_be_missing_but_not_differ(
    cloud: EmbeddedCloud, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = cloud.session()
    session.client("s3").delete_bucket_policy(Bucket=outputs["RawBucket"])
    forgotten = {("AWS::S3::BucketPolicy", "PolicyDocument"): "it forgets"}
    monkeypatch.setattr(resources, "NOT_SHOWN", {**resources.NOT_SHOWN, **forgotten})
    assert Unproved("Storage.RawBucketPolicy", "PolicyDocument", "it forgets") in compare(session, STACK)
    other = session.client("s3").get_bucket_policy(Bucket=outputs["StagingBucket"])["Policy"]
    session.client("s3").put_bucket_policy(Bucket=outputs["RawBucket"], Policy=other)
    with pytest.raises(StackDiffers):
        compare(session, STACK)


def test_the_alarm_over_the_others_comes_after_them_and_goes_before_them(
    cloud: EmbeddedCloud, outputs: dict[str, str], eventually: Callable[..., Any]
) -> None:
    cloudwatch, cloudformation = cloud.session().client("cloudwatch"), cloud.session().client("cloudformation")

    def alarms() -> list[str]:
        found = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm", "MetricAlarm"])
        return [alarm["AlarmName"] for alarm in (*found["CompositeAlarms"], *found["MetricAlarms"])]

    assert alarms()[0] == "filegate-local-unhealthy"
    assert "filegate-local-dlq-not-empty" in alarms()
    cloudformation.delete_stack(StackName=STACK)
    assert eventually(lambda: not alarms())


def test_the_dashboard_is_there(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    dashboard = cloud.session().client("cloudwatch").get_dashboard(DashboardName="filegate-local-overview")
    assert json.loads(dashboard["DashboardBody"])["widgets"]


def test_every_dataset_that_is_due_has_its_alarm(cloud: EmbeddedCloud, template: Path) -> None:
    def hours() -> dict[str, int]:
        alarms = cloud.session().client("cloudwatch").describe_alarms(AlarmNamePrefix="filegate-local-overdue-")
        return {alarm["AlarmName"]: alarm["EvaluationPeriods"] for alarm in alarms["MetricAlarms"]}

    cloud.deploy({"Freshness": "flights:24,bank_statements:168"}, template=template)
    assert hours() == {
        "filegate-local-overdue-flights-24h": 24,
        "filegate-local-overdue-bank_statements-168h": 168,
    }
    cloud.deploy({"Freshness": "flights:48"}, template=template)
    assert hours() == {"filegate-local-overdue-flights-48h": 48}
    cloud.deploy({"Freshness": ""}, template=template)
    assert hours() == {}


def test_what_is_kept_is_guarded_and_backed_up(cloud: EmbeddedCloud, template: Path) -> None:
    outputs = cloud.deploy({"DataOnDelete": "Retain"}, template=template)
    session = cloud.session()
    compare(session, STACK, complete=True)
    table = session.client("dynamodb").describe_table(TableName=outputs["LedgerTable"])["Table"]
    assert table["DeletionProtectionEnabled"] is True
    backup = session.client("backup")
    vault = backup.describe_backup_vault(BackupVaultName="filegate-local-ledger")
    assert vault["EncryptionKeyArn"] == outputs["KeyArn"]
    (plan,) = (item["BackupPlanId"] for item in backup.list_backup_plans()["BackupPlansList"])
    (rule,) = backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]["Rules"]
    assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
    (listed,) = backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]
    selection = backup.get_backup_selection(BackupPlanId=plan, SelectionId=listed["SelectionId"])["BackupSelection"]
    assert selection["Resources"] == [table["TableArn"]]


def test_every_role_stays_within_the_boundary(cloud: EmbeddedCloud, template: Path) -> None:
    iam = cloud.session().client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(everything))["Policy"]["Arn"]
    cloud.deploy({"DataOnDelete": "Retain", "PermissionsBoundaryArn": boundary}, template=template)
    compare(cloud.session(), STACK, complete=True)
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("filegate-local-")]
    bounds = {
        role: iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] for role in roles
    }
    assert len(bounds) >= 7
    assert set(bounds.values()) == {boundary}


def test_what_is_at_rest_is_under_the_key(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    session, key = cloud.session(), outputs["KeyArn"]
    assert session.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert session.client("kms").describe_key(KeyId="alias/filegate-local")["KeyMetadata"]["Arn"] == key
    s3 = session.client("s3")
    for bucket in ("RawBucket", "StagingBucket", "ProcessedBucket", "QuarantineBucket"):
        answer = s3.get_bucket_encryption(Bucket=outputs[bucket])["ServerSideEncryptionConfiguration"]
        assert answer["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
        assert s3.get_bucket_logging(Bucket=outputs[bucket])["LoggingEnabled"]["TargetPrefix"]
    table = session.client("dynamodb").describe_table(TableName=outputs["LedgerTable"])["Table"]
    assert table["SSEDescription"]["KMSMasterKeyArn"] == key
    for queue in ("DlqUrl", "UndeliveredEventsUrl"):
        attributes = session.client("sqs").get_queue_attributes(QueueUrl=outputs[queue], AttributeNames=["All"])
        assert attributes["Attributes"]["KmsMasterKeyId"] == key
    topic = session.client("sns").get_topic_attributes(TopicArn=outputs["AlertsTopicArn"])
    assert topic["Attributes"]["KmsMasterKeyId"] == key
    groups = session.client("logs").describe_log_groups()["logGroups"]
    assert len(groups) >= 5
    assert {group.get("kmsKeyId") for group in groups} == {key}
    for stage in ("Ingest", "Validate", "Transform", "Output"):
        function = session.client("lambda").get_function_configuration(FunctionName=outputs[f"{stage}Function"])
        assert function["KMSKeyArn"] == key


def test_deploying_again_changes_nothing(cloud: EmbeddedCloud, outputs: dict[str, str], template: Path) -> None:
    cloud.session().client("s3").put_object(Bucket=outputs["StagingBucket"], Key="kept", Body=b"")
    assert cloud.deploy(template=template) == outputs
    assert cloud.session().client("s3").head_object(Bucket=outputs["StagingBucket"], Key="kept")


def test_an_update_changes_what_it_names_and_keeps_the_rest(
    cloud: EmbeddedCloud, outputs: dict[str, str], template: Path
) -> None:
    session = cloud.session()
    deploy(
        session,
        template=template,
        stack_name=STACK,
        parameters={"ChunkBytes": "65536"},
        artifacts_bucket="filegate-local-artifacts",
    )
    compare(session, STACK)
    function = session.client("lambda").get_function_configuration(FunctionName=outputs["IngestFunction"])
    assert function["Environment"]["Variables"]["FILEGATE_CHUNK_BYTES"] == "65536"
    assert function["FunctionName"] == "filegate-local-ingest"


def test_a_changed_state_machine_is_deployed(
    cloud: EmbeddedCloud, outputs: dict[str, str], template: Path, tmp_path: Path
) -> None:
    shutil.copytree(template.parents[1], tmp_path, dirs_exist_ok=True)
    definition = tmp_path / "statemachine" / "pipeline.asl.yaml"
    write(definition, definition.read_text().replace("IngestState", "AnotherState"))
    cloud.deploy(template=tmp_path / "cloudformation" / "main.yaml")
    machine = cloud.session().client("stepfunctions").describe_state_machine(stateMachineArn=outputs["StateMachineArn"])
    assert "AnotherState" in machine["definition"]
    assert outputs["IngestFunction"] in machine["definition"]


NESTED = """
Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: inner.yaml}
"""
UNCREATABLE = """
Resources:
  Fine:
    Type: AWS::SQS::Queue
  Broken:
    Type: AWS::StepFunctions::StateMachine
    DependsOn: Fine
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/any
      DefinitionS3Location: {Bucket: artifacts, Key: absent.json}
"""


def test_a_failure_names_the_resource_and_its_reason(session: boto3.Session, tmp_path: Path) -> None:
    write(tmp_path / "inner.yaml", UNCREATABLE)
    with pytest.raises(DeploymentFailed, match=r"Inner .*AWS::StepFunctions::StateMachine .*absent\.json"):
        _deploy(session, write(tmp_path / "main.yaml", NESTED))


def test_a_stack_whose_creation_failed_can_be_deployed_again(session: boto3.Session, tmp_path: Path) -> None:
    template = write(tmp_path / "main.yaml", UNCREATABLE)
    with pytest.raises(DeploymentFailed):
        _deploy(session, template)
    session.client("s3").put_object(
        Bucket="artifacts", Key="absent.json", Body=b'{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    )
    _deploy(session, template)


def test_an_update_that_is_refused_says_why(cloud: EmbeddedCloud, outputs: dict[str, str], template: Path) -> None:
    with pytest.raises(CannotBeDeployed, match="ChunkBytes"):
        cloud.deploy({"ChunkBytes": "many"}, template=template)


def _deploy(session: boto3.Session, template: Path) -> dict[str, str]:
    return deploy(session, template=template, stack_name="s", parameters={}, artifacts_bucket="artifacts")


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt A.Outputs.B", {"Fn::GetAtt": ["A", "Outputs.B"]}),
        ('!Sub "${A}-b"', {"Fn::Sub": "${A}-b"}),
        ("!If [C, !Ref A, !Ref AWS::NoValue]", {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]}),
        ("!Not [!Equals [!Ref A, '']]", {"Fn::Not": [{"Fn::Equals": [{"Ref": "A"}, ""]}]}),
        ("!FindInMap {a: 1}", {"Fn::FindInMap": {"a": 1}}),
    ],
)
def test_short_intrinsic_functions_are_written_out(tmp_path: Path, short: str, long: Any) -> None:
    assert load_template(write(tmp_path / "t.yaml", f"Value: {short}")) == {"Value": long}


def test_the_innermost_failure_is_looked_for_in_the_nested_stack() -> None:
    """As on AWS, where the event of a failed nested stack names it; the local cloud gives its reason at once."""
    client = boto3.client("cloudformation", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")

    def event(stack: str, name: str, kind: str, status: str, **more: str) -> dict[str, Any]:
        fixed = {"EventId": name, "StackName": stack, "Timestamp": "2026-01-01", "StackId": f"arn:{stack}"}
        return {**fixed, "LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": status, **more}

    stack = "AWS::CloudFormation::Stack"
    began = {"PhysicalResourceId": "arn:outer"}
    with Stubber(client) as stubber:
        events = [
            event("outer", "Other", stack, "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled"),
            event(
                "outer", "Inner", stack, "CREATE_FAILED", PhysicalResourceId="arn:inner", ResourceStatusReason="see it"
            ),
            event("outer", "outer", stack, "CREATE_IN_PROGRESS", **began),
            event("outer", "Older", "AWS::SQS::Queue", "CREATE_FAILED", ResourceStatusReason="of an earlier operation"),
        ]
        stubber.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": "outer"})
        events = [event("inner", "Table", "AWS::DynamoDB::Table", "CREATE_FAILED", ResourceStatusReason="exists")]
        stubber.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": "arn:inner"})
        assert root_cause(client, "outer") == "Inner → Table (AWS::DynamoDB::Table): exists"
