"""Deploy to a cloud on this machine: the templates as they are for AWS, and then what its CloudFormation drops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.deploy import deploy
from filegate.devcloud.dropped import Dropped, write_dropped

if TYPE_CHECKING:
    import boto3

ARTIFACTS = "filegate-local-artifacts"
STACK = "filegate-local"
# Without what nobody needs on a laptop and would have to wait for, and what LocalStack does not have.
_LOCAL_PARAMETERS = {
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
    dropped: Dropped,
    stack_name: str = STACK,
) -> dict[str, str]:
    """Create or update the stack, write what the cloud's CloudFormation dropped of it, and return its outputs.

    Args:
        session: whose clients talk to the local cloud.
        template: the main template, with its nested ones beside it.
        parameters: of the main template; by default, `Environment` is "local", nothing outlives the stack, and there
            is no network, audit trail or budget. What the cloud drops of those is not written.
        dropped: what this cloud's CloudFormation drops.
        stack_name: of the main stack; deploying again updates it.

    Raises:
        DeploymentFailed: a resource could not be created or updated.
        ClientError: the cloud refuses the value of a property that its CloudFormation dropped.
    """
    session.client("s3").create_bucket(Bucket=ARTIFACTS)  # one that exists is kept, in the region of local clouds
    outputs = deploy(
        session,
        template=template,
        stack_name=stack_name,
        parameters={**_LOCAL_PARAMETERS, **parameters},
        artifacts_bucket=ARTIFACTS,
    )
    write_dropped(session, stack_name, dropped)
    return outputs
