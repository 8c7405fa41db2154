"""A VPC's default security group, which CloudFormation can neither change nor omit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3


def close_default_security_group(session: boto3.Session, vpc_id: str) -> None:
    """Remove every rule from a VPC's default security group, so that what joins it by mistake reaches nothing.

    To be called after each deployment with a private network: until then the group allows all outbound traffic
    (control EC2.2). Does nothing if there are no rules.

    Args:
        session: whose credentials, region and endpoint are used.
        vpc_id: output `VpcId` of the main stack.
    """
    ec2 = session.client("ec2")
    (group,) = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
