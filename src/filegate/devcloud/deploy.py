"""Deploy to a cloud of this machine: the templates as they are for AWS, and then what its CloudFormation drops."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from filegate.deploy import Outputs, deploy
from filegate.devcloud.stack import reconcile

if TYPE_CHECKING:
    import boto3

ARTIFACTS = "filegate-local-artifacts"
STACK = "filegate-local"
# Without what nobody needs on a laptop and would have to wait for, and what LocalStack does not have.
_AT_HOME = {
    "Environment": "local",
    "DataOnDelete": "Delete",
    "MapChildren": "STANDARD",
    "PrivateNetwork": "no",
    "AuditTrail": "no",
    "CostControls": "no",
}


def deploy_local(
    session: boto3.Session,
    *,
    template: Path,
    parameters: Mapping[str, str],
    stack_name: str = STACK,
    expected: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Outputs:
    """Create or update the stack, set what was dropped, and compare every property with the templates.

    Args:
        session: whose clients talk to the local cloud.
        template: the main template, with its nested ones beside it.
        parameters: of the main template; unless told otherwise, `Environment` is "local", nothing outlives the stack,
            and there is no network, audit trail or budget.
        stack_name: of the main stack; deploying again updates it.
        expected: what the templates must ask for at the least; see `reconcile`.

    Returns:
        The outputs of the main stack.

    Raises:
        DeploymentFailed: a resource could not be created or updated.
        StackDiffers: a resource is not as its template says, or one that was expected is not there.
    """
    s3 = session.client("s3")
    try:
        s3.head_bucket(Bucket=ARTIFACTS)
    except ClientError:
        s3.create_bucket(Bucket=ARTIFACTS)
    outputs = deploy(
        session,
        template=template,
        stack_name=stack_name,
        parameters={**_AT_HOME, **parameters},
        artifacts_bucket=ARTIFACTS,
    )
    reconcile(session, stack_name, expected=expected)
    return outputs
