"""A deployment by its name: where its templates, parameters, images and artifacts are found."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from filegate.dataset.registry import Registry as Datasets
from filegate.deploy.account import Account
from filegate.deploy.checkout import Checkout
from filegate.deploy.default_security_group import close_default_security_group
from filegate.deploy.deployment import Deployment
from filegate.deploy.freshness import freshness
from filegate.deploy.stack import described, outputs_of
from filegate.deploy.template import load_template
from filegate.errors import FilegateError, WrongUse

STAGES = ("ingest", "validate", "transform", "output")
NAME = re.compile("[a-z][a-z0-9]{1,15}")
"""What an environment may be called; the templates say so, too."""
_STACK_PREFIX = "filegate-"
_REGISTRY = "registry"


class NotBootstrapped(FilegateError):
    """The account has no place for images and templates yet."""


class NoImages(FilegateError):
    """The images of a revision are not in the registry."""


@dataclass(frozen=True)
class Registry:
    """Where an account keeps images and templates, in one region; made once, for all its deployments.

    Attributes:
        account: whose.
        outputs: of its stack.
    """

    account: Account
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, account: Account) -> Registry:
        """The account's.

        Raises:
            NotBootstrapped: there is none.
        """
        stack = described(account.cloudformation, _STACK_PREFIX + _REGISTRY)
        outputs = {} if stack is None else outputs_of(stack)
        if not outputs:
            raise NotBootstrapped(
                f"Account {account.id} has no place for images and templates in {account.region} yet.",
                advice="Make it, once: make bootstrap",
            )
        return cls(account, outputs)

    @staticmethod
    def deployment(account: Account, checkout: Checkout) -> Deployment:
        """Its stack, whose template has no bucket to go to yet."""
        template = checkout.templates / f"{_REGISTRY}.yaml"
        return Deployment(account.session, _STACK_PREFIX + _REGISTRY, template=template, artifacts_bucket=None)

    @staticmethod
    def parameters(checkout: Checkout) -> dict[str, str]:
        """The value of every parameter of its template.

        Raises:
            WrongUse: the parameter file is missing, or is none.
        """
        return _parameters(checkout.templates / f"{_REGISTRY}.yaml", _REGISTRY)

    @property
    def artifacts_bucket(self) -> str:
        return self.outputs["ArtifactsBucket"]

    def boundary(self, environment: str) -> str:
        """The ARN of the policy that bounds the environment's roles, if a workflow deploys it; otherwise nothing."""
        return self.outputs["PermissionsBoundaryArn"] if self.outputs.get("DeployedEnvironment") == environment else ""

    def repository(self, stage: str) -> str:
        """The address of a stage's repository."""
        return self.outputs[f"{stage.title()}Repository"]

    def image(self, stage: str, revision: str) -> str | None:
        """The address of a stage's image, by digest; None if there is none of this revision."""
        try:
            found = self.account.ecr.describe_images(
                registryId=self.account.id,
                repositoryName=self.repository(stage).partition("/")[2],
                imageIds=[{"imageTag": revision}],
            )["imageDetails"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ImageNotFoundException":
                raise
            return None
        return f"{self.repository(stage)}@{found[0]['imageDigest']}" if found else None

    def images(self, revision: str) -> dict[str, str]:
        """The address of each stage's image, by digest.

        Raises:
            NoImages: some are missing.
        """
        found = {stage: self.image(stage, revision) for stage in STAGES}
        if missing := [stage for stage, image in found.items() if image is None]:
            raise NoImages(
                f"Of revision {revision[:12]} there is no image of {', '.join(missing)} in {self.account.region}.",
                advice="Build and push them: make push",
            )
        return {stage: image for stage, image in found.items() if image is not None}


@dataclass(frozen=True)
class Environment:
    """One deployment of an account.

    Attributes:
        name: as in its parameter file.
        account: where it is, or is to be.
        checkout: where its templates and datasets are.
    """

    name: str
    account: Account
    checkout: Checkout

    @property
    def stack_name(self) -> str:
        return _STACK_PREFIX + self.name

    def deployment(self) -> Deployment:
        """Its stack, whose templates go to the account's bucket for them.

        Raises:
            NotBootstrapped: there is no such bucket yet.
        """
        return Deployment(
            self.account.session,
            self.stack_name,
            template=self.checkout.templates / "main.yaml",
            artifacts_bucket=Registry.of(self.account).artifacts_bucket,
            owner=self.account.id,
        )

    def images(self) -> dict[str, str]:
        """The address of each stage's image of the commit that is checked out, by digest.

        Raises:
            NoImages: some are missing.
            NotBootstrapped: there is no registry.
        """
        return Registry.of(self.account).images(self.checkout.revision())

    def parameters(self, images: Mapping[str, str]) -> dict[str, str]:
        """The value of every parameter of the main template: nothing is left to what an earlier deployment said.

        Args:
            images: the address of each stage's image.

        Raises:
            WrongUse: the parameter file is missing, is none, or asks for what AWS refuses to such an account.
            DeclarationError: a dataset is declared wrongly.
        """
        check_parameters(self.name, self.checkout)
        values = _parameters(self.checkout.templates / "main.yaml", self.name)
        if values["CostControls"] == "yes":
            self._refuse_to_a_member()
        if not values["PermissionsBoundaryArn"]:
            values["PermissionsBoundaryArn"] = Registry.of(self.account).boundary(self.name)
        values |= {f"{stage.title()}ImageUri": image for stage, image in images.items()}
        values["Freshness"] = freshness(Datasets(self.checkout.folder / "datasets"))
        if values["PrivateNetwork"] == "yes":
            values |= self._prefix_lists()
        return values

    def close_default_security_group(self) -> bool:
        """Close what every new network leaves open, if the deployment has one. To be called after each deployment.

        Returns:
            Whether it is closed. A workflow's role may not: AWS cannot tell this group from those of other networks.
        """
        stack = described(self.account.cloudformation, self.stack_name)
        vpc = None if stack is None else outputs_of(stack).get("VpcId")
        try:
            if vpc is not None:
                close_default_security_group(self.account.session, vpc)
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnauthorizedOperation":
                raise
            return False
        return True

    def _refuse_to_a_member(self) -> None:
        """AWS itself would, in the middle of a deployment, and with less of a reason (ADR 15)."""
        payer = self.account.payer()
        if payer not in (self.account.id, None):
            raise WrongUse(
                f"Account {self.account.id} belongs to an organisation: anomaly monitors by tag and cost categories "
                f"are for its management account, {payer}, alone.",
                advice=f'Write "CostControls": "member" into parameters/{self.name}.json: budget and dashboard remain.',
            )

    def _prefix_lists(self) -> dict[str, str]:
        """The addresses of S3 and DynamoDB, as AWS lists them in this region, for the rules of the security group."""
        names = {f"com.amazonaws.{self.account.region}.{service.lower()}": service for service in ("S3", "DynamoDB")}
        lists = self.account.ec2.describe_managed_prefix_lists(
            Filters=[{"Name": "prefix-list-name", "Values": list(names)}]
        )["PrefixLists"]
        return {f"{names[item['PrefixListName']]}PrefixListId": item["PrefixListId"] for item in lists}


def _parameters(template: Path, name: str) -> dict[str, str]:
    """The template's defaults, and what the parameter file of that name says instead."""
    declared = load_template(template)["Parameters"]
    defaults = {parameter: str(rules["Default"]) for parameter, rules in declared.items() if "Default" in rules}
    return defaults | read_parameters(template.parent / "parameters" / f"{name}.json")


def check_name(name: str) -> None:
    """See that an environment may be called that.

    Raises:
        WrongUse: it may not.
    """
    if not NAME.fullmatch(name):
        raise WrongUse(
            f"An environment cannot be called {name!r}.",
            advice="Its name is 2 to 16 lower-case letters and digits, starting with a letter.",
        )


def check_parameters(name: str, checkout: Checkout) -> None:
    """See that there is a parameter file of that name, and that it is of that environment.

    Raises:
        WrongUse: there is none, it is none, or it is of another.
    """
    values = read_parameters(checkout.templates / "parameters" / f"{name}.json")
    if values.get("Environment") != name:
        raise WrongUse(f"parameters/{name}.json is of Environment {values.get('Environment')}.")


def read_parameters(file: Path) -> dict[str, str]:
    """The values of a parameter file, `{"Parameters": {"Name": "value"}}`.

    Raises:
        WrongUse: the file is missing, or is none.
    """
    if not file.is_file():
        there = ", ".join(sorted(path.stem for path in file.parent.glob("*.json") if path.stem != _REGISTRY))
        raise WrongUse(
            f"There is no {file.parent.name}/{file.name}; there are {there}.",
            advice="Name one of these, or copy one and say in it what is to be different.",
        )
    try:
        values = json.loads(file.read_text())["Parameters"]
        return {name: str(value) for name, value in values.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongUse(
            f"{file} is no parameter file ({type(error).__name__}: {error}).", advice='Write {"Parameters": {…}}.'
        ) from error
