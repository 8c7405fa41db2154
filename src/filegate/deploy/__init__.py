"""Deploy CloudFormation templates to AWS, to LocalStack or to the embedded cloud, all in the same way.

Does what `aws cloudformation package` and `deploy` do, but shows the changes before making them, polls faster, and
reports the resource that caused a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.deploy.change_set import CannotBeDeployed, ChangeSet
from filegate.deploy.deployment import Deployment
from filegate.deploy.stack import DeploymentFailed
from filegate.deploy.template import load_definition, load_template

if TYPE_CHECKING:
    import boto3

__all__ = [
    "CannotBeDeployed",
    "ChangeSet",
    "Deployment",
    "DeploymentFailed",
    "deploy",
    "load_definition",
    "load_template",
]


def deploy(
    session: boto3.Session, *, template: Path, stack_name: str, parameters: Mapping[str, str], artifacts_bucket: str
) -> dict[str, str]:
    """Create or update a stack without confirmation, and wait until it is done; returns its outputs.

    Nothing to change is not an error. The arguments are those of `Deployment` and its `create_change_set`.

    Raises:
        CannotBeDeployed: CloudFormation refuses the template or the parameters, or the stack's state forbids it.
        DeploymentFailed: a resource could not be created or updated.
    """
    deployment = Deployment(session, stack_name, template=template, artifacts_bucket=artifacts_bucket)
    deployment.wait_until_ready()
    change_set = deployment.create_change_set(parameters)
    if change_set.empty:
        deployment.delete_change_set(change_set)
    else:
        for _ in deployment.execute(change_set):
            pass
    return deployment.outputs()
