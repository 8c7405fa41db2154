"""The whole set of templates, with everything that may be there, on the embedded cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from filegate.deploy import deploy
from filegate.deploy.environment import close_default_security_group
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.devcloud.deploy import ARTIFACTS
from filegate.devcloud.dropped import MINISTACK, write_dropped
from tests.deployed_stack import Unproved, compare

EVERYTHING = {
    "PrivateNetwork": "yes",
    "AuditTrail": "yes",
    "CostControls": "yes",
    "AuditLockDays": "365",
    "DataOnDelete": "Retain",  # what is kept is backed up, too
}
STACK = "filegate-local"
# What this cloud cannot show of the network and the audit trail. Whatever else these templates ask for was read back,
# property by property.
UNPROVED = {
    ("Audit.Trail", ""),
    ("Network.AnswersAboveRemoteDesktop", ""),
    ("Network.AnswersBelowRemoteDesktop", ""),
    ("Network.DynamoDBEndpoint", "PolicyDocument"),
    ("Network.FirstSubnetAcl", ""),
    ("Network.FlowLog", ""),
    ("Network.HttpsOut", ""),
    ("Network.S3Endpoint", "PolicyDocument"),
    ("Network.SecondSubnetAcl", ""),
    ("Network.SubnetsAcl", ""),
}


@pytest.fixture(scope="module")
def cloud(images: Path) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(images=images) as running:
        yield running


@pytest.fixture(scope="module")
def outputs(cloud: EmbeddedCloud, template: Path) -> dict[str, str]:
    return cloud.deploy(EVERYTHING, template=template)


@pytest.fixture(scope="module")
def unproved(cloud: EmbeddedCloud, outputs: dict[str, str]) -> list[Unproved]:
    return compare(cloud.session(), STACK, complete=True)


@pytest.fixture
def session(cloud: EmbeddedCloud, unproved: list[Unproved]) -> boto3.Session:
    return cloud.session()


def test_r18_r20_what_was_not_proved_is_known(unproved: list[Unproved]) -> None:
    found = {(item.resource, item.property) for item in unproved}
    assert {item for item in found if item[0].startswith(("Audit.", "Network."))} == UNPROVED


def test_r18_the_functions_are_in_the_private_subnets(session: boto3.Session, outputs: dict[str, str]) -> None:
    ec2 = session.client("ec2")
    filters: list[Any] = [{"Name": "vpc-id", "Values": [outputs["VpcId"]]}]
    subnets = {subnet["SubnetId"]: subnet for subnet in ec2.describe_subnets(Filters=filters)["Subnets"]}
    assert len({subnet["AvailabilityZone"] for subnet in subnets.values()}) == 2
    assert {subnet["CidrBlock"] for subnet in subnets.values()} == {"10.63.0.0/25", "10.63.0.128/25"}
    for stage in ("Ingest", "Validate", "Transform", "Output"):
        found = session.client("lambda").get_function_configuration(FunctionName=outputs[f"{stage}Function"])
        assert set(found["VpcConfig"]["SubnetIds"]) == set(subnets)


def test_r18_no_route_leads_out_of_the_network(session: boto3.Session, outputs: dict[str, str]) -> None:
    tables = session.client("ec2").describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])[
        "RouteTables"
    ]
    routes = [route for table in tables for route in table["Routes"]]
    assert routes
    assert {route.get("DestinationCidrBlock") for route in routes} <= {"10.63.0.0/24", None}


def test_the_default_security_group_is_closed_and_stays_so(session: boto3.Session, outputs: dict[str, str]) -> None:
    def rules() -> list[Any]:
        filters: list[Any] = [
            {"Name": "vpc-id", "Values": [outputs["VpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
        (group,) = session.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
        return [*group["IpPermissions"], *group["IpPermissionsEgress"]]

    assert rules()
    close_default_security_group(session, outputs["VpcId"])
    assert rules() == []
    close_default_security_group(session, outputs["VpcId"])


def test_r20_audit_records_are_locked(session: boto3.Session) -> None:
    lock = session.client("s3").get_object_lock_configuration(Bucket="filegate-local-audit-000000000000")
    retention = lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": "COMPLIANCE", "Days": 365}


def test_c5_the_registry_is_as_its_template_says(session: boto3.Session, template: Path) -> None:
    registry = deploy(
        session,
        template=template.with_name("registry.yaml"),
        stack_name="registry",
        parameters={"GitHubRepository": "owner/name", "DataOnDelete": "Delete"},
        artifacts_bucket=ARTIFACTS,
    )
    write_dropped(session, "registry", MINISTACK)
    assert {item.resource for item in compare(session, "registry")} == {"GitHubProvider"}
    assert registry["IngestRepository"].endswith("/filegate/ingest")
    assert registry["DeployRoleArn"] == "arn:aws:iam::000000000000:role/delivery/filegate-prod-deploy-us-east-1"
