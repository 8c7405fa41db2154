"""The network: its subnets, routes, endpoints, security group and network ACL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import document, tag_list, tags


def _ec2(operation: str, argument: str, answer: str) -> Callable[[str], Read]:
    """What `operation` says about one resource, by path."""
    return lambda path: Read(
        service="ec2", operation=operation, argument=argument, listed=True, path=f"{answer}[0].{path}"
    )


_vpc = _ec2("describe_vpcs", "VpcIds", "Vpcs")
_subnet = _ec2("describe_subnets", "SubnetIds", "Subnets")
_route_table = _ec2("describe_route_tables", "RouteTableIds", "RouteTables")
_endpoint = _ec2("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints")
_group = _ec2("describe_security_groups", "GroupIds", "SecurityGroups")
_acl = _ec2("describe_network_acls", "NetworkAclIds", "NetworkAcls")


def _tags(read: Read) -> Property:
    def write(aws: Aws, resource: str, tags: dict[str, str]) -> None:
        aws.write("ec2", "create_tags", {"Resources": [resource], "Tags": tag_list(tags)})

    return tags(read, write)


def _vpc_attribute(name: str) -> Property:
    path = f"{name}.Value"
    more = {"Attribute": name[0].lower() + name[1:]}
    return Property(
        Read(service="ec2", operation="describe_vpc_attribute", argument="VpcId", path=path, more=more),
        write=lambda aws, vpc, value: aws.write("ec2", "modify_vpc_attribute", {"VpcId": vpc, name: {"Value": value}}),
    )


def _egress(aws: Aws, group: str) -> list[dict[str, Any]]:
    """The rules as a template spells them, one a destination."""
    rules = []
    for permission in _group("IpPermissionsEgress")(aws, group) or []:
        ports = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
        rules += [{**ports, **destination} for destination in permission.get("IpRanges", [])]
        for listed in permission.get("PrefixListIds", []):
            to = {"DestinationPrefixListId": listed["PrefixListId"], "Description": listed.get("Description")}
            rules.append({**ports, **to})
    return rules


def _write_egress(aws: Aws, group: str, rules: list[dict[str, Any]]) -> None:
    had = _group("IpPermissionsEgress")(aws, group)
    if had:
        aws.write("ec2", "revoke_security_group_egress", {"GroupId": group, "IpPermissions": had})
    aws.write(
        "ec2",
        "authorize_security_group_egress",
        {"GroupId": group, "IpPermissions": [_permission(dict(rule)) for rule in rules]},
    )


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    described = {"Description": rule.pop("Description")}
    if "CidrIp" in rule:
        return {"IpRanges": [{"CidrIp": rule.pop("CidrIp"), **described}], **rule}
    return {"PrefixListIds": [{"PrefixListId": rule.pop("DestinationPrefixListId"), **described}], **rule}


def subnet(_: Aws, properties: Mapping[str, Any]) -> dict[str, Any]:
    """What an association says, as something to look for among all of the resource it is attached to."""
    return {"Subnets": {properties["SubnetId"]: True}}


def _subnets(read: Read) -> Callable[[Aws, str], dict[str, bool]]:
    return lambda aws, resource: dict.fromkeys(read(aws, resource) or [], True)


def _write_acl_of_subnets(aws: Aws, acl: str, subnets: dict[str, bool]) -> None:
    for wanted in subnets:
        of_subnet = {"Filters": [{"Name": "association.subnet-id", "Values": [wanted]}]}
        associations = aws.read("ec2", "describe_network_acls", of_subnet)["NetworkAcls"][0]["Associations"]
        (current,) = (item for item in associations if item["SubnetId"] == wanted)
        aws.write(
            "ec2",
            "replace_network_acl_association",
            {"AssociationId": current["NetworkAclAssociationId"], "NetworkAclId": acl},
        )


def entry(_: Aws, properties: Mapping[str, Any]) -> dict[str, Any]:
    """An entry by its direction and number, as something to look for among all of its list."""
    kept = {name: value for name, value in properties.items() if name != "NetworkAclId"}
    return {"Entries": {_direction_and_number(kept): kept}}


def _direction_and_number(entry: Mapping[str, Any]) -> str:
    return f"{'out' if entry['Egress'] else 'in'} {entry['RuleNumber']}"


def _entries(aws: Aws, acl: str) -> dict[str, Any]:
    return {_direction_and_number(entry): entry for entry in _acl("Entries")(aws, acl) or []}


def _write_entries(aws: Aws, acl: str, entries: dict[str, Any]) -> None:
    for entry in entries.values():
        aws.write("ec2", "create_network_acl_entry", {**entry, "NetworkAclId": acl, "Protocol": str(entry["Protocol"])})


_VPC = {
    "CidrBlock": Property(_vpc("CidrBlock")),
    "EnableDnsHostnames": _vpc_attribute("EnableDnsHostnames"),
    "EnableDnsSupport": _vpc_attribute("EnableDnsSupport"),
    "Tags": _tags(_vpc("Tags")),
}

_SUBNET = {
    **{name: Property(_subnet(name)) for name in ("AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "VpcId")},
    "Tags": _tags(_subnet("Tags")),
}

_ROUTE_TABLE = {"Tags": _tags(_route_table("Tags")), "VpcId": Property(_route_table("VpcId"))}

_ENDPOINT = {
    **{name: Property(_endpoint(name)) for name in ("RouteTableIds", "ServiceName", "VpcEndpointType", "VpcId")},
    # Without its version, which LocalStack strips.
    "PolicyDocument": Property(
        lambda aws, endpoint: (document(_endpoint("PolicyDocument")(aws, endpoint)) or {}).get("Statement"),
        lambda policy: policy["Statement"],
    ),
    "Tags": _tags(_endpoint("Tags")),
}

_SECURITY_GROUP = {
    "GroupDescription": Property(_group("Description")),
    "GroupName": Property(_group("GroupName")),
    "SecurityGroupEgress": Property(_egress, write=_write_egress),
    "Tags": _tags(_group("Tags")),
    "VpcId": Property(_group("VpcId")),
}

_NETWORK_ACL = {"Tags": _tags(_acl("Tags")), "VpcId": Property(_acl("VpcId"))}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::EC2::NetworkAcl": _NETWORK_ACL,
    "AWS::EC2::NetworkAclEntry": {"Entries": Property(_entries, write=_write_entries)},
    "AWS::EC2::RouteTable": _ROUTE_TABLE,
    "AWS::EC2::SecurityGroup": _SECURITY_GROUP,
    "AWS::EC2::Subnet": _SUBNET,
    "AWS::EC2::SubnetNetworkAclAssociation": {
        "Subnets": Property(_subnets(_acl("Associations[].SubnetId")), write=_write_acl_of_subnets)
    },
    "AWS::EC2::SubnetRouteTableAssociation": {"Subnets": Property(_subnets(_route_table("Associations[].SubnetId")))},
    "AWS::EC2::VPC": _VPC,
    "AWS::EC2::VPCEndpoint": _ENDPOINT,
}
