"""The whole set of templates, with everything that may be there, on LocalStack."""

from __future__ import annotations

import platform
from typing import Any

import boto3
import pytest

from filegate.deploy import deploy
from filegate.deploy.environment import close_default_security_group
from filegate.devcloud.deploy import ARTIFACTS, deploy_local
from filegate.devcloud.dropped import LOCALSTACK, write_dropped
from filegate.devcloud.session import session_for
from tests.deployed_stack import StackDiffers, Unproved, compare
from tests.deployed_stack.stacks import DeployedStacks

from .stack import REGION, REPOSITORY, Stack

TEMPLATES = REPOSITORY / "infra" / "cloudformation"
STACK = "filegate-whole"
STAGES = ("ingest", "validate", "transform", "output")
IMAGES = {f"{stage.title()}ImageUri": f"filegate/{stage}:local" for stage in STAGES}
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
EVERYTHING = {
    "Environment": "whole",
    "PrivateNetwork": "yes",
    "SecondZone": "us-east-1c",
    "AuditTrail": "yes",
    "CostControls": "yes",
    "AuditLockDays": "365",
    "DataOnDelete": "Retain",  # what is kept is backed up, too
    "Architecture": ARCHITECTURES[platform.machine()],
}
# What this cloud cannot show of the network, the audit trail, and the backups. Whatever else these templates ask for
# was read back, property by property.
UNPROVED = {
    ("Audit.Trail", ""),
    ("Network.FlowLog", ""),
    ("Storage.LedgerBackupPlan", ""),
    ("Storage.LedgerBackupSelection", ""),
    ("Storage.LedgerVault", ""),
}


@pytest.fixture(scope="module")
def session(stack: Stack) -> boto3.Session:
    return session_for(stack.endpoint, REGION)


@pytest.fixture(scope="module")
def outputs(session: boto3.Session) -> dict[str, str]:
    return deploy_local(
        session,
        template=TEMPLATES / "main.yaml",
        parameters={**IMAGES, **EVERYTHING},
        dropped=LOCALSTACK,
        stack_name=STACK,
    )


@pytest.fixture(scope="module", autouse=True)
def unproved(session: boto3.Session, outputs: dict[str, str]) -> list[Unproved]:
    return compare(session, STACK, complete=True)


def test_the_properties_that_are_written_are_those_that_cloudformation_drops(session: boto3.Session) -> None:
    """Each is written at every local start, so there is none too many either."""
    parameters = {**IMAGES, "Environment": "plain", "Architecture": EVERYTHING["Architecture"]}
    deploy_local(session, template=TEMPLATES / "main.yaml", parameters=parameters, dropped={}, stack_name="plain")
    with pytest.raises(StackDiffers) as caught:
        compare(session, "plain")
    types = {resource.name: resource.type for resource in DeployedStacks(session).resources("plain")}
    written = {(kind, name) for kind, names in LOCALSTACK.items() for name in names}
    assert {(types[item.resource], item.property) for item in caught.value.differences} == written - {
        ("AWS::CloudWatch::Dashboard", "DashboardName")  # not read, but the dashboard is created by it
    }


def test_r18_r20_what_was_not_proved_is_known(unproved: list[Unproved]) -> None:
    found = {(item.resource, item.property) for item in unproved}
    assert {item for item in found if item[0].startswith(("Audit.", "Network.", "Storage."))} == UNPROVED


def test_r18_routes_lead_to_the_network_itself_and_to_the_two_endpoints(
    session: boto3.Session, outputs: dict[str, str]
) -> None:
    ec2 = session.client("ec2")
    filters: list[Any] = [{"Name": "vpc-id", "Values": [outputs["VpcId"]]}]
    endpoints = {item["VpcEndpointId"] for item in ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]}
    tables = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    gateways = {route["GatewayId"] for table in tables for route in table["Routes"]}
    assert gateways == {"local", *endpoints}
    assert len(endpoints) == 2


def test_r19_the_network_acl_of_the_subnets_is_the_template_s(session: boto3.Session, outputs: dict[str, str]) -> None:
    ec2 = session.client("ec2")
    filters: list[Any] = [{"Name": "vpc-id", "Values": [outputs["VpcId"]]}]
    subnets = {subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=filters)["Subnets"]}

    def ports(entries: list[Any], *, egress: bool) -> set[tuple[int, int]]:
        found = [entry["PortRange"] for entry in entries if entry["Egress"] is egress and "PortRange" in entry]
        return {(ports["From"], ports["To"]) for ports in found}

    lists = ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
    (used,) = (item for item in lists if item["Associations"])
    assert {association["SubnetId"] for association in used["Associations"]} == subnets
    assert ports(used["Entries"], egress=True) == {(443, 443)}
    assert ports(used["Entries"], egress=False) == {(1024, 3388), (3390, 65535)}
    assert {entry["RuleAction"] for entry in used["Entries"] if "PortRange" in entry} == {"allow"}


def test_r19_the_default_security_group_can_be_closed(session: boto3.Session, outputs: dict[str, str]) -> None:
    close_default_security_group(session, outputs["VpcId"])
    groups = session.client("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    assert [(group["IpPermissions"], group["IpPermissionsEgress"]) for group in groups] == [([], [])]


def test_c5_the_registry_is_there_but_for_its_repositories(session: boto3.Session, outputs: dict[str, str]) -> None:
    deploy(
        session,
        template=TEMPLATES / "registry.yaml",
        stack_name="registry",
        parameters={"GitHubRepository": "owner/name", "DataOnDelete": "Delete"},
        artifacts_bucket=ARTIFACTS,
    )
    write_dropped(session, "registry", LOCALSTACK)
    assert {(item.resource, item.property) for item in compare(session, "registry")} == {
        ("Boundary", "Description"),
        ("DeployDataPolicy", "Description"),
        ("DeployPipelinePolicy", "Description"),
        ("DeploySurroundingsPolicy", "Description"),
        ("GitHubProvider", ""),
        ("IngestRepository", ""),
        ("OutputRepository", ""),
        ("TransformRepository", ""),
        ("ValidateRepository", ""),
    }
