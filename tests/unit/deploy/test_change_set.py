"""What CloudFormation reports in AWS alone: changes of nested stacks, change sets that fail, stuck stacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from filegate.deploy import CannotBeDeployed, Deployment
from filegate.deploy.change_set import NAME, ChangeSet, create, delete
from filegate.deploy.changes import Action, Change, Edit

from .stub_session import StubSession

NESTED = "AWS::CloudFormation::Stack"
NOW = datetime(2026, 1, 31, tzinfo=UTC)
ROOT, INNER = "arn:aws:cloudformation:r:1:changeSet/root", "arn:aws:cloudformation:r:1:changeSet/inner"
STACK = "arn:aws:cloudformation:r:1:stack/filegate-dev"
SOURCE = {"TemplateURL": "https://s3.example/main"}


class CloudFormation:
    """A client with prepared answers, in the order of the calls."""

    def __init__(self) -> None:
        keys: dict[str, Any] = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.client = boto3.client("cloudformation", region_name="us-east-1", **keys)
        self.stubber = Stubber(self.client)

    def responds(self, operation: str, response: dict[str, Any], **expected: Any) -> None:
        self.stubber.add_response(operation, response, expected or None)

    def refuses(self, operation: str, message: str, code: str = "ValidationError") -> None:
        self.stubber.add_client_error(operation, code, message)

    def has_stack(self, status: str, **more: Any) -> None:
        stack = {"StackName": "filegate-dev", "StackId": STACK, "StackStatus": status, "CreationTime": NOW, **more}
        self.responds("describe_stacks", {"Stacks": [stack]})

    def has_no_stack(self) -> None:
        self.refuses("describe_stacks", "Stack with id filegate-dev does not exist")

    def declares(self, *parameters: str) -> None:
        self.responds("get_template_summary", {"Parameters": [{"ParameterKey": name} for name in parameters]})

    def change_set(self, status: str, *changes: dict[str, Any], reason: str = "", id_: str = ROOT) -> None:
        document = {"ChangeSetId": id_, "StackId": STACK, "Status": status, "StatusReason": reason}
        listed = [{"Type": "Resource", "ResourceChange": change} for change in changes]
        self.responds("describe_change_set", {**document, "Changes": listed})

    def creates_change_set(self, *, nested: bool, kind: str = "UPDATE", parameters: Any = ANY) -> None:
        self.responds(
            "create_change_set",
            {"Id": ROOT, "StackId": STACK},
            ChangeSetName=NAME,
            IncludeNestedStacks=nested,
            StackName="filegate-dev",
            ChangeSetType=kind,
            Parameters=parameters,
            Capabilities=ANY,
            **SOURCE,
        )


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    stubbed = CloudFormation()
    with stubbed.stubber:
        yield stubbed
        stubbed.stubber.assert_no_pending_responses()


def resource(name: str, kind: str, action: str, **more: Any) -> dict[str, Any]:
    return {"LogicalResourceId": name, "ResourceType": kind, "Action": action, **more}


def test_changes_of_a_nested_stack_are_listed_in_its_place(cloudformation: CloudFormation) -> None:
    cloudformation.has_no_stack()
    cloudformation.has_no_stack()
    cloudformation.creates_change_set(nested=True, kind="CREATE")
    cloudformation.change_set("CREATE_COMPLETE")
    nested = [
        resource("Storage", NESTED, "Modify", Replacement="False", ChangeSetId=INNER),
        resource("Messaging", NESTED, "Modify", Replacement="False", ChangeSetId=INNER + "2"),
    ]
    cloudformation.change_set("CREATE_COMPLETE", *nested)
    table = resource(
        "LedgerTable",
        "AWS::DynamoDB::Table",
        "Modify",
        Replacement="True",
        PolicyAction="ReplaceAndRetain",
        Details=[{"Target": {"Attribute": "Properties", "Name": "KeySchema"}, "CausingEntity": "Key"}] * 2,
    )
    cloudformation.change_set("CREATE_COMPLETE", table, id_=INNER)
    cloudformation.change_set("FAILED", reason="No updates are to be performed.", id_=INNER + "2")
    found = create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={"Environment": "dev"})
    edits = (Edit("KeySchema", cause="Key"),)
    assert found.changes == (Change("Storage.LedgerTable", "AWS::DynamoDB::Table", Action.REPLACE, edits, kept=True),)
    assert found.changes[0].endangers_data
    assert found.not_seen is None


def test_a_removed_nested_stack_is_listed_with_its_resources(cloudformation: CloudFormation) -> None:
    cloudformation.has_stack("UPDATE_COMPLETE")
    cloudformation.declares()
    cloudformation.has_stack("UPDATE_COMPLETE")
    cloudformation.refuses("delete_change_set", "none", "ChangeSetNotFound")
    cloudformation.creates_change_set(nested=True)
    cloudformation.change_set("CREATE_COMPLETE")
    cloudformation.change_set("CREATE_COMPLETE", resource("Storage", NESTED, "Remove", PhysicalResourceId="arn:inner"))
    bucket = {
        "LogicalResourceId": "RawBucket",
        "ResourceType": "AWS::S3::Bucket",
        "LastUpdatedTimestamp": NOW,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    cloudformation.responds("list_stack_resources", {"StackResourceSummaries": [bucket]}, StackName="arn:inner")
    (change,) = create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={}).changes
    assert (change.resource, change.action, change.endangers_data) == ("Storage.RawBucket", Action.REMOVE, True)


def test_a_parameter_without_a_new_value_keeps_the_previous_one(cloudformation: CloudFormation) -> None:
    previous = [{"ParameterKey": name, "ParameterValue": "1"} for name in ("Given", "Kept", "Undeclared")]
    cloudformation.has_stack("CREATE_COMPLETE", Parameters=previous)
    cloudformation.declares("Given", "Kept", "New")
    cloudformation.has_stack("CREATE_COMPLETE")
    cloudformation.refuses("delete_change_set", "none", "ChangeSetNotFound")
    values = [{"ParameterKey": "Given", "ParameterValue": "2"}, {"ParameterKey": "Kept", "UsePreviousValue": True}]
    cloudformation.creates_change_set(nested=True, parameters=values)
    cloudformation.change_set("FAILED", reason="The submitted information didn't contain changes.")
    cloudformation.change_set("FAILED")
    assert create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={"Given": "2"}).empty


def test_changes_of_outputs_alone_are_deployed(cloudformation: CloudFormation) -> None:
    cloudformation.has_stack("UPDATE_COMPLETE")
    cloudformation.declares()
    cloudformation.has_stack("UPDATE_COMPLETE")
    cloudformation.refuses("delete_change_set", "none", "ChangeSetNotFound")
    cloudformation.creates_change_set(nested=True)
    for _ in range(2):
        cloudformation.change_set("CREATE_COMPLETE")
    found = create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={})
    assert (found.changes, found.empty) == ((), False)


def test_a_stack_without_a_preview_of_nested_stacks_can_be_deployed(cloudformation: CloudFormation) -> None:
    """https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759"""
    cloudformation.has_no_stack()
    cloudformation.has_no_stack()
    cloudformation.creates_change_set(nested=True, kind="CREATE")
    cloudformation.change_set("FAILED", reason="Parameter RawBucket failed to satisfy constraint")
    cloudformation.has_stack("REVIEW_IN_PROGRESS")
    cloudformation.responds("delete_change_set", {})
    cloudformation.refuses("describe_change_set", "gone", "ChangeSetNotFound")
    cloudformation.creates_change_set(nested=False, kind="CREATE")
    cloudformation.change_set("CREATE_COMPLETE")
    cloudformation.change_set("CREATE_COMPLETE", resource("Storage", NESTED, "Add"))
    found = create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={})
    assert found.not_seen == "Parameter RawBucket failed to satisfy constraint"
    assert [change.resource for change in found.changes] == ["Storage"]


def test_a_template_that_is_refused_with_and_without_nested_stacks_cannot_be_deployed(
    cloudformation: CloudFormation,
) -> None:
    cloudformation.has_no_stack()
    for nested in (True, False):
        cloudformation.has_stack("REVIEW_IN_PROGRESS")
        cloudformation.refuses("delete_change_set", "none", "ChangeSetNotFound")
        cloudformation.creates_change_set(nested=nested, kind="CREATE")
        cloudformation.change_set("FAILED", reason="Template error: bad.")
    cloudformation.responds("delete_change_set", {})
    cloudformation.refuses("describe_change_set", "gone", "ChangeSetNotFound")
    with pytest.raises(CannotBeDeployed, match=r"filegate-dev cannot be deployed like that: Template error: bad\."):
        create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={})


@pytest.mark.parametrize(
    ("action", "replacement", "kind", "danger"),
    [
        ("Add", None, "AWS::S3::Bucket", False),
        ("Modify", "False", "AWS::S3::Bucket", False),
        ("Modify", "Conditional", "AWS::S3::Bucket", True),
        ("Modify", "True", "AWS::DynamoDB::Table", True),
        ("Remove", None, "AWS::KMS::Key", True),
        ("Modify", "True", "AWS::Lambda::Function", False),
    ],
)
def test_removing_or_replacing_a_stateful_resource_endangers_data(
    cloudformation: CloudFormation, action: str, replacement: str | None, kind: str, danger: bool
) -> None:
    cloudformation.has_no_stack()
    cloudformation.has_no_stack()
    cloudformation.creates_change_set(nested=True, kind="CREATE")
    cloudformation.change_set("CREATE_COMPLETE")
    more = {"Replacement": replacement} if replacement else {}
    cloudformation.change_set("CREATE_COMPLETE", resource("It", kind, action, **more))
    (change,) = create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={}).changes
    assert change.endangers_data is danger


def detail(
    source: str, cause: str | None = None, *, name: str = "Parameters", evaluation: str = "Dynamic", **target: str
) -> dict[str, Any]:
    """An entry of `Details` in a change set."""
    entry: dict[str, Any] = {
        "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never", **target},
        "Evaluation": evaluation,
        "ChangeSource": source,
    }
    return entry | ({"CausingEntity": cause} if cause else {})


AUTOMATIC = detail("Automatic")
BY_KEY = detail("ResourceAttribute", "Encryption.Outputs.KeyArn")
TEMPLATE = detail("DirectModification", name="TemplateURL", evaluation="Static")
KEY_OF_VAULT = {"name": "EncryptionKeyArn", "RequiresRecreation": "Always"}
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
BY_PARAMETER = detail("ParameterReference", "KeyArn", **KEY_OF_VAULT, BeforeValue="arn:key", AfterValue=UNKNOWN)
TAGS = detail("DirectModification", name="BackupVaultTags", evaluation="Static")
POLICY = resource("Key", "AWS::KMS::Key", "Modify", Replacement="False")


@pytest.mark.parametrize(
    ("encryption", "within", "storage", "vault", "danger"),
    [
        pytest.param([AUTOMATIC], [], [BY_KEY, AUTOMATIC], [BY_PARAMETER], False, id="nothing changes"),
        pytest.param(
            [AUTOMATIC],
            [],
            [BY_KEY, detail("ParameterReference", "Tiering", evaluation="Static")],
            [BY_PARAMETER, detail("DirectModification", **KEY_OF_VAULT), TAGS],
            False,
            id="something else changes",
        ),
        pytest.param([AUTOMATIC], [POLICY], [BY_KEY], [BY_PARAMETER], True, id="the key changes"),
        pytest.param([TEMPLATE], [], [BY_KEY], [BY_PARAMETER], True, id="the template of the key changes"),
        pytest.param(
            [detail("ResourceAttribute", "Other.Outputs.It")],
            [],
            [BY_KEY],
            [BY_PARAMETER],
            True,
            id="output of an unknown stack",
        ),
        pytest.param([AUTOMATIC], [], [BY_KEY, TEMPLATE], [BY_PARAMETER], True, id="the template of the vault changes"),
        pytest.param(
            [AUTOMATIC], [], [detail("ResourceReference", "Key")], [BY_PARAMETER], True, id="not an output of a stack"
        ),
        pytest.param(
            [AUTOMATIC],
            [],
            [BY_KEY],
            [BY_PARAMETER, detail("ResourceAttribute", "Role.Arn", **KEY_OF_VAULT)],
            True,
            id="a second cause",
        ),
        pytest.param(
            [AUTOMATIC],
            [],
            [BY_KEY],
            [detail("ParameterReference", "KeyArn", **KEY_OF_VAULT, BeforeValue="arn:key", AfterValue="arn:other")],
            True,
            id="a different value",
        ),
        pytest.param(
            [AUTOMATIC],
            [],
            [BY_KEY],
            [detail("ParameterReference", "KeyArn", **KEY_OF_VAULT, evaluation="Static")],
            True,
            id="a value known to change",
        ),
        pytest.param([AUTOMATIC], [], [BY_KEY], [], True, id="no cause reported"),
    ],
)
def test_a_conditional_replacement_by_an_output_is_ruled_out_if_its_stack_does_not_change(
    cloudformation: CloudFormation,
    *,
    encryption: list[dict[str, Any]],
    within: list[dict[str, Any]],
    storage: list[dict[str, Any]],
    vault: list[dict[str, Any]],
    danger: bool,
) -> None:
    cloudformation.has_stack("UPDATE_COMPLETE")
    cloudformation.declares()
    cloudformation.has_stack("UPDATE_COMPLETE")
    cloudformation.refuses("delete_change_set", "none", "ChangeSetNotFound")
    cloudformation.creates_change_set(nested=True)
    cloudformation.change_set("CREATE_COMPLETE")
    nested = [
        resource("Encryption", NESTED, "Modify", Replacement="False", ChangeSetId=INNER, Details=encryption),
        resource("Storage", NESTED, "Modify", Replacement="False", ChangeSetId=INNER + "2", Details=storage),
    ]
    cloudformation.change_set("CREATE_COMPLETE", *nested)
    cloudformation.change_set("CREATE_COMPLETE", *within, id_=INNER)
    kind = "AWS::Backup::BackupVault"
    may_go = resource("LedgerVault", kind, "Modify", Replacement="Conditional", Details=vault)
    cloudformation.change_set("CREATE_COMPLETE", may_go, id_=INNER + "2")
    found = create(cloudformation.client, "filegate-dev", source=SOURCE, parameters={})
    (change,) = (change for change in found.changes if change.resource == "Storage.LedgerVault")
    assert change.action is (Action.MAY_REPLACE if danger else Action.CHANGE)
    assert found.endangers_data is danger


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("CREATE_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete-stack"),
    ],
)
def test_a_stuck_stack_is_reported_with_its_cause_and_advice(
    cloudformation: CloudFormation, status: str, advice: str
) -> None:
    event = {
        "EventId": "1",
        "StackId": STACK,
        "StackName": "filegate-dev",
        "Timestamp": NOW,
        "LogicalResourceId": "Table",
        "ResourceType": "AWS::DynamoDB::Table",
        "ResourceStatus": "UPDATE_FAILED",
        "ResourceStatusReason": "in use",
    }
    for _ in range(2):
        cloudformation.has_stack(status)
    cloudformation.responds("describe_stack_events", {"StackEvents": [event]})
    session: Any = StubSession(cloudformation.client)
    deployment = Deployment(session, "filegate-dev", template=Path("main.yaml"), artifacts_bucket=None)
    with pytest.raises(CannotBeDeployed, match=rf"{status}: Table \(AWS::DynamoDB::Table\): in use\.") as caught:
        deployment.wait_until_ready()
    assert advice in str(caught.value.advice)


def test_the_empty_stack_of_a_failed_creation_is_deleted(cloudformation: CloudFormation) -> None:
    for _ in range(2):
        cloudformation.has_stack("ROLLBACK_COMPLETE")
    cloudformation.responds("delete_stack", {}, StackName="filegate-dev")
    cloudformation.has_no_stack()
    session: Any = StubSession(cloudformation.client)
    Deployment(session, "filegate-dev", template=Path("main.yaml"), artifacts_bucket=None).wait_until_ready()


def test_the_empty_stack_stays_without_permission_to_delete_it(cloudformation: CloudFormation) -> None:
    cloudformation.refuses("delete_change_set", "gone", code="ChangeSetNotFound")
    cloudformation.refuses("delete_stack", "not authorized", code="AccessDenied")
    delete(cloudformation.client, ChangeSet("filegate-dev", STACK, ROOT, (), empty=False, creates=True))
