"""Deploy CloudFormation templates: to AWS, to LocalStack, or to the embedded cloud, all in the same way.

Does what `aws cloudformation package` and `deploy` do, with the changes told before they are made, a shorter poll, and
an error that names the culprit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.deploy.changes import CannotBeDeployed, Change, Plan
from filegate.deploy.deployment import Deployment
from filegate.deploy.stack import DeploymentFailed, Outputs
from filegate.deploy.template import NoArtifactsBucket, load_definition, load_template

if TYPE_CHECKING:
    import boto3

__all__ = [
    "CannotBeDeployed",
    "Change",
    "Deployment",
    "DeploymentFailed",
    "NoArtifactsBucket",
    "Outputs",
    "Plan",
    "deploy",
    "load_definition",
    "load_template",
]


def deploy(
    session: boto3.Session,
    *,
    template: Path,
    stack_name: str,
    parameters: Mapping[str, str],
    artifacts_bucket: str,
) -> Outputs:
    """Create or update a stack and wait for it, without asking; a stack that is as wanted already stays as it is.

    Args:
        session: whose credentials, region and endpoint are used.
        template: the main template; local files that it names are uploaded with it.
        stack_name: the stack to create or update.
        parameters: values of the template's parameters; on an update, those not given keep their values.
        artifacts_bucket: an existing bucket in the same region, for the templates and the state machine.

    Returns:
        The stack's outputs.

    Raises:
        CannotBeDeployed: CloudFormation refuses the template or the parameters, or the stack's state forbids it.
        DeploymentFailed: a resource could not be created or updated.
    """
    deployment = Deployment(session, stack_name, template=template, artifacts_bucket=artifacts_bucket)
    deployment.settle()
    wanted = deployment.plan(parameters)
    if wanted.empty:
        deployment.discard(wanted)
    else:
        for _ in deployment.execute(wanted):
            pass
    return deployment.outputs()
