"""One stack on its way from what it is to what its template says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.deploy import changes, stack
from filegate.deploy.account import CLIENT
from filegate.deploy.changes import CannotBeDeployed, Plan
from filegate.deploy.stack import DeploymentFailed, Event, Outputs
from filegate.deploy.template import Package, load_template

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient

_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_FAILED = ("CREATE_FAILED", "UPDATE_FAILED")
_EMPTY = ("ROLLBACK_COMPLETE",)  # its creation failed: there is nothing in it, and it cannot be updated
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "Mend that, then let CloudFormation end what it began: "
    "aws cloudformation continue-update-rollback --stack-name {stack}",
    "CREATE_FAILED": "Remove what is there and deploy again: aws cloudformation delete-stack --stack-name {stack}",
    "ROLLBACK_FAILED": "Remove what is left and deploy again: aws cloudformation delete-stack --stack-name {stack}",
    "DELETE_FAILED": "Mend that and remove the rest: aws cloudformation delete-stack --stack-name {stack}",
}


class Deployment:
    """A stack, its template, and what leads from the one to the other, a step at a time.

    Args:
        session: whose credentials, region and endpoint are used.
        stack_name: the stack, which need not exist.
        template: the main template; local files that it names are uploaded with it.
        artifacts_bucket: an existing bucket in the same region, for these files; None where the template names none
            and is short enough to be sent as it is.
        owner: the account that the bucket must belong to.
    """

    def __init__(
        self,
        session: boto3.Session,
        stack_name: str,
        *,
        template: Path,
        artifacts_bucket: str | None,
        owner: str | None = None,
    ) -> None:
        self._session = session
        self.stack_name = stack_name
        self._template = template
        self._bucket = artifacts_bucket
        self._owner = owner

    @cached_property
    def _client(self) -> CloudFormationClient:
        return self._session.client("cloudformation", config=CLIENT)

    def under_way(self) -> str | None:
        """The status of the operation that somebody else began, or this command before it was interrupted."""
        status = stack.status(self._client, self.stack_name)
        return status if status and status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS" else None

    def settle(self) -> None:
        """Wait until nothing is under way in the stack, and see that it can be deployed to.

        Raises:
            CannotBeDeployed: an earlier operation left it in a state that forbids that.
        """
        status = stack.wait(self._client, self.stack_name) if self.under_way() else None
        status = status or stack.status(self._client, self.stack_name)
        if status in _EMPTY:
            self._client.delete_stack(StackName=self.stack_name)
            stack.wait(self._client, self.stack_name)
        elif status in _STUCK:
            last = stack.DELETIONS if status == "DELETE_FAILED" else stack.DEPLOYMENTS
            culprit = stack.culprit(self._client, self.stack_name, last).rstrip(".")
            raise CannotBeDeployed(
                f"Stack {self.stack_name} is {status}: {culprit}.",
                advice=_STUCK[status].format(stack=self.stack_name),
            )

    def plan(self, parameters: Mapping[str, str]) -> Plan:
        """What would change with these parameters; those not given keep their values.

        Raises:
            CannotBeDeployed: CloudFormation refuses the template or the parameters.
            NoArtifactsBucket: there is nowhere to put the template.
        """
        if self._bucket is None:
            source = {"TemplateBody": json.dumps(load_template(self._template))}
        else:
            package = Package(self._session.client("s3", config=CLIENT), self._bucket, self._owner)
            source = {"TemplateURL": package.upload_template(self._template)}
        return changes.plan(self._client, self.stack_name, source=source, parameters=parameters)

    def discard(self, unwanted: Plan) -> None:
        """Forget a plan."""
        changes.discard(self._client, unwanted)

    def execute(self, wanted: Plan) -> Iterator[Event]:
        """Begin what the plan says; returns what happens, until it has happened.

        Whoever stops listening stops nothing: CloudFormation goes on, and `follow` tells the rest. The events end with
        `DeploymentFailed` if a resource could not be created or updated.

        Raises:
            CannotBeDeployed: the plan is no longer there.
        """
        latest = stack.latest_event(self._client, wanted.stack_id)
        changes.execute(self._client, wanted)
        return self._events(wanted, latest)

    def _events(self, wanted: Plan, latest: str | None) -> Iterator[Event]:
        failed = False
        for event in stack.follow(self._client, wanted.stack_id, after=latest):
            failed |= event.status in _FAILED  # LocalStack calls a stack complete of which a nested one failed
            yield event
        status = stack.status(self._client, wanted.stack_id)
        if failed or status not in _DEPLOYED:
            culprit = stack.culprit(self._client, wanted.stack_id).rstrip(".")
            left = "nothing is left of this attempt" if wanted.creates else "what there was before is there again"
            raise DeploymentFailed(
                f"Stack {self.stack_name} ended as {status}: {culprit}.",
                advice=f"Mend that and deploy again; {left}.",
            )

    def follow(self) -> Iterator[Event]:
        """What happens in the operation that is under way, until it is over, however it ends."""
        found = stack.described(self._client, self.stack_name)
        if found is not None:
            yield from stack.follow(self._client, found["StackId"])

    def outputs(self) -> Outputs:
        """Of the stack; none if there is no such stack."""
        found = stack.described(self._client, self.stack_name)
        return {} if found is None else stack.outputs_of(found)
