"""An environment: a named installation of the pipeline in an account, such as dev or prod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from filegate.dataset.declaration import HOUR
from filegate.dataset.registry import Registry
from filegate.deploy import stack
from filegate.deploy.account import Account
from filegate.deploy.checkout import Checkout
from filegate.deploy.deployment import Deployment
from filegate.deploy.image_registry import ImageRegistry
from filegate.deploy.parameters import check_parameters, parameters_of
from filegate.errors import WrongUse

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Environment:
    """A named installation of the pipeline, deployed or not, with the templates and datasets of a clone."""

    name: str
    account: Account
    checkout: Checkout

    @property
    def stack_name(self) -> str:
        return f"filegate-{self.name}"

    def deployment(self) -> Deployment:
        """The deployment of its stack; templates are uploaded to the registry's artifacts bucket.

        Raises:
            NotBootstrapped: the account has no registry yet.
        """
        return Deployment(
            self.account.session,
            self.stack_name,
            template=self.checkout.templates / "main.yaml",
            artifacts_bucket=ImageRegistry.of(self.account).artifacts_bucket,
            owner=self.account.id,
        )

    def images(self) -> dict[str, str]:
        """The address of each stage's image of the checked-out commit, by digest.

        Raises:
            NoImages: some are missing.
            NotBootstrapped: the account has no registry yet.
        """
        return ImageRegistry.of(self.account).images(self.checkout.revision())

    def parameters(self, images: Mapping[str, str]) -> dict[str, str]:
        """The value of every parameter of the main template, so that none depends on an earlier deployment.

        Args:
            images: the address of each stage's image.

        Raises:
            WrongUse: the parameter file is missing, malformed, or asks for what AWS refuses to a member account.
            DeclarationError: a dataset's declaration is invalid.
        """
        check_parameters(self.name, self.checkout)
        values = parameters_of(self.checkout.templates / "main.yaml", self.name)
        if values["CostControls"] == "yes":
            self._check_cost_controls()
        if not values["PermissionsBoundaryArn"]:
            values["PermissionsBoundaryArn"] = ImageRegistry.of(self.account).boundary(self.name)
        values |= {f"{stage.title()}ImageUri": image for stage, image in images.items()}
        values["Freshness"] = freshness(Registry(self.checkout.folder / "datasets"))
        if values["PrivateNetwork"] == "yes":
            values |= self._prefix_lists()
        return values

    def close_default_security_group(self) -> bool:
        """Remove the rules of the network's default security group, if there is a network; call it after each deploy.

        Returns:
            Whether it is closed. The workflow's role has no permission: IAM cannot restrict it to this one group.
        """
        session = self.account.session
        vpc = stack.outputs(session.client("cloudformation"), self.stack_name).get("VpcId")
        try:
            if vpc is not None:
                close_default_security_group(session, vpc)
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnauthorizedOperation":
                raise
            return False
        return True

    def _check_cost_controls(self) -> None:
        """AWS itself would fail in the middle of the deployment, and with a less helpful reason (ADR 15)."""
        payer = self.account.payer()
        if payer not in (self.account.id, None):
            raise WrongUse(
                f"Account {self.account.id} belongs to an organisation: anomaly monitors by tag and cost categories "
                f"exist only in its management account, {payer}.",
                advice=f'Write "CostControls": "member" into parameters/{self.name}.json: budget and dashboard remain.',
            )

    def _prefix_lists(self) -> dict[str, str]:
        """The region's prefix lists of S3 and DynamoDB, for the rules of the security group."""
        names = {f"com.amazonaws.{self.account.region}.{service.lower()}": service for service in ("S3", "DynamoDB")}
        lists = self.account.session.client("ec2").describe_managed_prefix_lists(
            Filters=[{"Name": "prefix-list-name", "Values": list(names)}]
        )["PrefixLists"]
        return {f"{names[item['PrefixListName']]}PrefixListId": item["PrefixListId"] for item in lists}


def close_default_security_group(session: boto3.Session, vpc_id: str) -> None:
    """Remove every rule from a VPC's default security group, so that what joins it by mistake reaches nothing.

    CloudFormation can neither change nor omit that group, which allows all outbound traffic (control EC2.2).
    """
    ec2 = session.client("ec2")
    (group,) = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])


def freshness(registry: Registry) -> str:
    """The value of parameter `Freshness`, hours by dataset: `flights:24,orders:1`; empty if none expects files.

    Raises:
        DeclarationError: a dataset's declaration is invalid.
    """
    expected = [(dataset.name, dataset.due_every) for dataset in registry]
    return ",".join(f"{name}:{due_every // HOUR}" for name, due_every in expected if due_every is not None)
