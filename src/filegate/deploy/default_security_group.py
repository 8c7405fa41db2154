"""The security group that every VPC comes with, and that CloudFormation can neither change nor leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3


def close_default_security_group(session: boto3.Session, vpc_id: str) -> None:
    """Take every rule from a VPC's default security group, so that what joins it by mistake reaches nothing.

    To be called after each deployment with a private network: the group allows everything out until then (control
    EC2.2). A group that is closed already stays as it is.

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
