"""An account's image registry: the stack of ECR repositories and the bucket for templates, one per region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filegate.deploy import stack
from filegate.deploy.account import Account
from filegate.deploy.checkout import Checkout
from filegate.deploy.deployment import Deployment
from filegate.deploy.parameters import REGISTRY, parameters_of
from filegate.errors import FilegateError

STAGES = ("ingest", "validate", "transform", "output")
_STACK_NAME = f"filegate-{REGISTRY}"


class NotBootstrapped(FilegateError):
    """The account has no registry for images and templates yet."""


class NoImages(FilegateError):
    """The images of a revision are not in the registry."""


@dataclass(frozen=True)
class ImageRegistry:
    """The repositories and the artifacts bucket that all environments of an account share in one region.

    `outputs` are those of the registry's stack.
    """

    account: Account
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, account: Account) -> ImageRegistry:
        """The account's registry.

        Raises:
            NotBootstrapped: there is none yet.
        """
        outputs = stack.outputs(account.session.client("cloudformation"), _STACK_NAME)
        if not outputs:
            raise NotBootstrapped(
                f"Account {account.id} has no registry for images and templates in {account.region} yet.",
                advice="Create it, once: make bootstrap",
            )
        return cls(account, outputs)

    @staticmethod
    def deployment(account: Account, checkout: Checkout) -> Deployment:
        """The deployment of the registry's own stack; its template is sent inline, as there is no bucket for it yet."""
        template = checkout.templates / f"{REGISTRY}.yaml"
        return Deployment(account.session, _STACK_NAME, template=template, artifacts_bucket=None)

    @staticmethod
    def parameters(checkout: Checkout) -> dict[str, str]:
        """The value of every parameter of the registry's template.

        Raises:
            WrongUse: the parameter file is missing or malformed.
        """
        return parameters_of(checkout.templates / f"{REGISTRY}.yaml", REGISTRY)

    @property
    def artifacts_bucket(self) -> str:
        return self.outputs["ArtifactsBucket"]

    def boundary(self, environment: str) -> str:
        """The ARN of the permissions boundary for the environment's roles if a workflow deploys it, otherwise empty."""
        return self.outputs["PermissionsBoundaryArn"] if self.outputs.get("DeployedEnvironment") == environment else ""

    def repository(self, stage: str) -> str:
        """The address of a stage's repository."""
        return self.outputs[f"{stage.title()}Repository"]

    def image(self, stage: str, revision: str) -> str | None:
        """The address of a stage's image by digest; None if there is none of this revision."""
        ecr = self.account.session.client("ecr")
        try:
            found = ecr.describe_images(
                registryId=self.account.id,
                repositoryName=self.repository(stage).partition("/")[2],
                imageIds=[{"imageTag": revision}],
            )["imageDetails"]
        except ecr.exceptions.ImageNotFoundException:
            return None
        return f"{self.repository(stage)}@{found[0]['imageDigest']}" if found else None

    def images(self, revision: str) -> dict[str, str]:
        """The address of each stage's image, by digest.

        Raises:
            NoImages: some are missing.
        """
        found = {stage: image for stage in STAGES if (image := self.image(stage, revision)) is not None}
        if missing := [stage for stage in STAGES if stage not in found]:
            raise NoImages(
                f"The registry in {self.account.region} has no images of revision {revision[:12]} for "
                f"{', '.join(missing)}.",
                advice="Build and push them: make push",
            )
        return found
