"""R18, R19: the functions' network reaches S3 and DynamoDB, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

Resources = dict[str, Any]

STAGES = ("Ingest", "Validate", "Transform", "Output")
# Types that could connect the network with others.
WAYS_OUT = {
    "AWS::EC2::EIP",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::VPCPeeringConnection",
    "AWS::EC2::VPNGateway",
}
# Services in the functions' roles that their code does not call through the network.
NOT_THROUGH_THE_NETWORK = {
    "ec2": "Lambda itself makes the interfaces",
    "kms": "S3 and DynamoDB call it in the function's name",
    "logs": "Lambda itself sends the function's output",
    "xray": "Lambda itself passes on the traces",
}


def properties(resources: Resources, name: str) -> dict[str, Any]:
    return resources[name]["Properties"]


def of_type(resources: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def grants(statements: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(action, bucket or table) of everything that the statements allow in S3 and DynamoDB."""
    for statement in statements:
        actions = [action for action in listed(statement["Action"]) if action.startswith(("s3:", "dynamodb:"))]
        if actions:
            assert statement["Effect"] == "Allow"
            arns = json.dumps(statement["Resource"])
            names = set(re.findall(r"\$\{(\w+(?:Bucket|Table))\}", arns))
            yield from ((action, name) for action in actions for name in names)


def statements_of_roles(resources: Resources) -> list[dict[str, Any]]:
    """Including those with a condition of the template."""
    found = [
        statement
        for stage in STAGES
        for policy in properties(resources, f"{stage}Role")["Policies"]
        for item in policy["PolicyDocument"]["Statement"]
        for statement in item.get("Fn::If", [None, item])[1:]
    ]
    return [statement for statement in found if statement != {"Ref": "AWS::NoValue"}]


def statements_of_endpoints(resources: Resources) -> list[dict[str, Any]]:
    return [
        statement
        for endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").values()
        for statement in endpoint["PolicyDocument"]["Statement"]
    ]


def test_r18_no_template_has_an_internet_route(resources: Resources) -> None:
    assert not {item["Type"] for item in resources.values()} & WAYS_OUT


def test_r18_two_private_subnets_are_in_two_zones(resources: Resources) -> None:
    subnets = of_type(resources, "AWS::EC2::Subnet")
    zones = {name: subnet["AvailabilityZone"]["Fn::If"] for name, subnet in subnets.items()}
    assert zones == {
        "FirstSubnet": ["NamesFirstZone", {"Ref": "FirstZone"}, {"Fn::Select": [0, {"Fn::GetAZs": ""}]}],
        "SecondSubnet": ["NamesSecondZone", {"Ref": "SecondZone"}, {"Fn::Select": [1, {"Fn::GetAZs": ""}]}],
    }
    assert len({json.dumps(subnet["CidrBlock"]) for subnet in subnets.values()}) == 2
    for name, subnet in subnets.items():
        assert subnet["MapPublicIpOnLaunch"] is False, name
        assert subnet["VpcId"] == {"Ref": "Vpc"}, name


@pytest.mark.parametrize(
    ("kind", "attached"),
    [
        ("AWS::EC2::SubnetRouteTableAssociation", {"RouteTableId": {"Ref": "RouteTable"}}),
        ("AWS::EC2::SubnetNetworkAclAssociation", {"NetworkAclId": {"Ref": "SubnetsAcl"}}),
    ],
)
def test_r18_r19_both_subnets_have_the_routes_and_the_network_acl(
    resources: Resources, kind: str, attached: dict[str, Any]
) -> None:
    associations = of_type(resources, kind).values()
    assert sorted(item.pop("SubnetId")["Ref"] for item in map(dict, associations)) == ["FirstSubnet", "SecondSubnet"]
    assert all(attached.items() <= item.items() for item in associations)


def test_r18_each_service_that_the_functions_call_has_a_gateway_endpoint(resources: Resources) -> None:
    called = {
        action.split(":")[0] for statement in statements_of_roles(resources) for action in listed(statement["Action"])
    } - set(NOT_THROUGH_THE_NETWORK)
    endpoints = of_type(resources, "AWS::EC2::VPCEndpoint").values()
    assert {endpoint["ServiceName"]["Fn::Sub"].rpartition(".")[2] for endpoint in endpoints} == called
    for endpoint in endpoints:
        assert endpoint["VpcEndpointType"] == "Gateway"  # free, unlike an interface endpoint
        assert endpoint["RouteTableIds"] == [{"Ref": "RouteTable"}]


def test_r18_the_endpoints_allow_what_the_roles_allow_and_no_more(resources: Resources) -> None:
    assert set(grants(statements_of_endpoints(resources))) == set(grants(statements_of_roles(resources)))


def test_r18_the_endpoints_allow_only_the_functions(resources: Resources) -> None:
    roles = [properties(resources, f"{stage}Role")["RoleName"]["Fn::Sub"] for stage in STAGES]
    arns = [{"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role}"} for role in roles]
    for statement in statements_of_endpoints(resources):
        assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": arns}}, statement["Sid"]


def test_r18_bucket_actions_are_for_buckets_and_object_actions_for_objects(resources: Resources) -> None:
    for statement in properties(resources, "S3Endpoint")["PolicyDocument"]["Statement"]:
        of_objects = {resource["Fn::Sub"].endswith("/*") for resource in listed(statement["Resource"])}
        assert of_objects == {statement["Action"] != "s3:ListBucket"}, statement["Sid"]


def test_r19_the_functions_accept_no_connections_and_open_only_https(resources: Resources) -> None:
    (group,) = of_type(resources, "AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group
    condition, narrow, wide = group["SecurityGroupEgress"]["Fn::If"]
    assert condition == "HasPrefixLists"
    assert [rule["DestinationPrefixListId"] for rule in narrow] == [
        {"Ref": "S3PrefixListId"},
        {"Ref": "DynamoDBPrefixListId"},
    ]
    for rule in (*narrow, *wide):
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)
    assert not {"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"} & {
        item["Type"] for item in resources.values()
    }


def ports(resources: Resources, *, egress: bool) -> set[int]:
    """The ports that the network ACL allows; everything else is denied."""
    entries = of_type(resources, "AWS::EC2::NetworkAclEntry").values()
    assert {(item["RuleAction"], item["Protocol"]) for item in entries} == {("allow", 6)}
    return {
        port
        for item in entries
        if item["Egress"] is egress
        for port in range(item["PortRange"]["From"], item["PortRange"]["To"] + 1)
    }


def test_r19_the_network_acl_allows_https_and_its_responses(resources: Resources) -> None:
    assert ports(resources, egress=True) == {443}
    # Lambda's source ports: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-ephemeral-ports.html
    assert ports(resources, egress=False) == set(range(1024, 65536)) - {3389}


def test_r19_network_acl_entries_have_unique_numbers(resources: Resources) -> None:
    entries = of_type(resources, "AWS::EC2::NetworkAclEntry").values()
    assert len({(item["Egress"], item["RuleNumber"]) for item in entries}) == len(entries)


def test_r19_all_traffic_is_logged_encrypted(resources: Resources) -> None:
    (log,) = of_type(resources, "AWS::EC2::FlowLog").values()
    assert (log["ResourceId"], log["ResourceType"], log["TrafficType"]) == ({"Ref": "Vpc"}, "VPC", "ALL")
    assert log["LogGroupName"] == {"Ref": "FlowLogGroup"}
    assert properties(resources, "FlowLogGroup")["KmsKeyId"] == {"Ref": "KeyArn"}


def test_r18_names_resolve_within_the_network(resources: Resources) -> None:
    vpc = properties(resources, "Vpc")
    assert vpc["EnableDnsSupport"] is vpc["EnableDnsHostnames"] is True


def test_r18_the_network_is_the_default(templates: dict[str, Any]) -> None:
    main = templates["main"]
    assert main["Parameters"]["PrivateNetwork"]["Default"] == "yes"
    assert main["Resources"]["Network"]["Condition"] == "InPrivateNetwork"
    given = main["Resources"]["Functions"]["Properties"]["Parameters"]
    for name in ("SubnetIds", "SecurityGroupId"):
        output = {"Fn::GetAtt": ["Network", f"Outputs.{name}"]}
        assert given[name] == {"Fn::If": ["InPrivateNetwork", output, ""]}
