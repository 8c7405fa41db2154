"""The VPC: what it can reach, and what can reach it."""

from __future__ import annotations

from typing import Any

from scripts.controls.control import control
from scripts.controls.policies import listed, statements
from scripts.deployment import Deployment, Resource

_VPC = "AWS::EC2::VPC"
_GROUP = "AWS::EC2::SecurityGroup"
_INGRESS = "AWS::EC2::SecurityGroupIngress"
_EVERYWHERE = ("0.0.0.0/0", "::/0")
# AWS's list for EC2.19.
_RISKY_PORTS = {20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389}
_RISKY_PORTS |= {4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300}


def _open_rules(group: Resource) -> list[dict[str, Any]]:
    """What a security group, or a rule of its own, lets in from anywhere."""
    rules = group.properties.get("SecurityGroupIngress", []) if group.type == _GROUP else [group.properties]
    return [rule for rule in rules if {rule.get("CidrIp"), rule.get("CidrIpv6")} & set(_EVERYWHERE)]


def _covers(rule: dict[str, Any], port: int) -> bool:
    first, last = int(rule.get("FromPort", -1)), int(rule.get("ToPort", -1))
    return str(rule["IpProtocol"]) == "-1" or first == -1 or first <= port <= last


@control(
    "EC2.2",
    "VPC default security groups should not allow inbound or outbound traffic",
    _VPC,
    not_applicable="A VPC's default group has rules that CloudFormation cannot change, so this is not a matter of "
    "templates: `make deploy` takes them away once the VPC is there. Nothing uses the group.",
)
def _ec2_2(vpc: Resource, deployment: Deployment) -> bool:
    return not any(f"<{vpc}.DefaultSecurityGroup>" in str(resource.properties) for resource in deployment.resources)


@control("EC2.6", "VPC flow logging should be enabled in all VPCs", _VPC)
def _ec2_6(vpc: Resource, deployment: Deployment) -> bool:
    return any(
        deployment.referred(log.properties["ResourceId"]) is vpc and log.properties["TrafficType"] in ("ALL", "REJECT")
        for log in deployment.of("AWS::EC2::FlowLog")
    )


@control(
    "EC2.10",
    "Amazon EC2 should be configured to use VPC endpoints that are created for the Amazon EC2 service",
    "AWS::IAM::Role",
    not_applicable="Nothing in the VPC calls the API of EC2: no function's own code may. An endpoint for it would cost "
    "money and open a way.",
)
def _ec2_10(role: Resource, _: Deployment) -> bool:
    trust = role.properties["AssumeRolePolicyDocument"]["Statement"]
    if "lambda.amazonaws.com" not in [item["Principal"].get("Service") for item in trust]:
        return True
    return not any(
        action.lower().startswith(("ec2:", "*"))
        for statement in statements(role)
        if statement["Effect"] == "Allow" and not _is_for_lambda_itself(statement)
        for action in listed(statement.get("Action", "*"))
    )


@control("EC2.15", "EC2 subnets should not automatically assign public IP addresses", "AWS::EC2::Subnet")
def _ec2_15(subnet: Resource, _: Deployment) -> bool:
    return subnet.properties.get("MapPublicIpOnLaunch", False) is False


@control(
    "EC2.18", "Security groups should only allow unrestricted incoming traffic for authorized ports", _GROUP, _INGRESS
)
def _ec2_18(group: Resource, _: Deployment) -> bool:
    """No port is authorised here: nothing waits for connections."""
    return not _open_rules(group)


@control("EC2.19", "Security groups should not allow unrestricted access to ports with high risk", _GROUP, _INGRESS)
def _ec2_19(group: Resource, _: Deployment) -> bool:
    return not any(_covers(rule, port) for rule in _open_rules(group) for port in _RISKY_PORTS)


@control(
    "EC2.21",
    "Network ACLs should not allow ingress from 0.0.0.0/0 to port 22 or port 3389",
    "AWS::EC2::NetworkAclEntry",
)
def _ec2_21(entry: Resource, _: Deployment) -> bool:
    rule = entry.properties
    open_way = not rule.get("Egress", False) and rule["RuleAction"] == "allow"
    if not open_way or not {rule.get("CidrBlock"), rule.get("Ipv6CidrBlock")} & set(_EVERYWHERE):
        return True
    ports = rule.get("PortRange", {"From": 0, "To": 65535})
    return not any(int(ports["From"]) <= port <= int(ports["To"]) for port in (22, 3389))


@control(
    "EC2.172",
    "EC2 VPC Block Public Access settings should block internet gateway traffic",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::VPCGatewayAttachment",
    not_applicable="A setting of the whole account and region, which is not an application's to change. Filegate's VPC "
    "has no internet gateway that it could block.",
)
def _ec2_172(gateway: Resource, _: Deployment) -> bool:
    return not gateway.id


def _is_for_lambda_itself(statement: dict[str, Any]) -> bool:
    """Calls that connect a function come without its name; those of its code come with it."""
    return str(statement.get("Condition", {}).get("Null", {}).get("lambda:SourceFunctionArn")).lower() == "true"


EC2 = [_ec2_2, _ec2_6, _ec2_10, _ec2_15, _ec2_18, _ec2_19, _ec2_21, _ec2_172]
