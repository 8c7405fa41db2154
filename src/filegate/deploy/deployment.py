"""The deployment of one template as one stack, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.deploy import change_set as change_sets
from filegate.deploy import events, stack
from filegate.deploy.change_set import CannotBeDeployed, ChangeSet
from filegate.deploy.events import Event
from filegate.deploy.stack import DeploymentFailed
from filegate.deploy.template import Package, load_template

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient

_SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_FAILED = ("CREATE_FAILED", "UPDATE_FAILED")
_EMPTY = "ROLLBACK_COMPLETE"  # the creation failed: it holds no resources and cannot be updated
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "Fix the cause, then let CloudFormation finish the rollback: "
    "aws cloudformation continue-update-rollback --stack-name {stack}",
    "CREATE_FAILED": "Delete the stack and deploy again: aws cloudformation delete-stack --stack-name {stack}",
    "ROLLBACK_FAILED": "Delete the stack and deploy again: aws cloudformation delete-stack --stack-name {stack}",
    "DELETE_FAILED": "Fix the cause, then delete the rest: aws cloudformation delete-stack --stack-name {stack}",
}


@dataclass(frozen=True)
class Deployment:
    """A stack and the template it is deployed from.

    Attributes:
        session: whose credentials, region and endpoint are used.
        stack_name: the stack, which need not exist.
        template: the main template; local files that it names are uploaded with it.
        artifacts_bucket: an existing bucket in the same region for these files; None if the template names none and
            is short enough to be sent inline.
        owner: the account that must own the bucket.
    """

    session: boto3.Session
    stack_name: str
    _: KW_ONLY
    template: Path
    artifacts_bucket: str | None
    owner: str | None = None

    @cached_property
    def _client(self) -> CloudFormationClient:
        return self.session.client("cloudformation")

    def in_progress(self) -> str | None:
        """The status of an operation in progress on the stack, whoever started it; None if there is none."""
        status = stack.status(self._client, self.stack_name)
        return status if status and status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS" else None

    def wait_until_ready(self) -> None:
        """Wait for an operation in progress; delete the empty stack that a failed creation left.

        Raises:
            CannotBeDeployed: an earlier operation left the stack in a state that forbids a deployment.
        """
        find_status = stack.wait if self.in_progress() else stack.status
        status = find_status(self._client, self.stack_name)
        if status == _EMPTY:
            self._client.delete_stack(StackName=self.stack_name)
            stack.wait(self._client, self.stack_name)
        elif status in _STUCK:
            starts = events.DELETIONS if status == "DELETE_FAILED" else events.DEPLOYMENTS
            cause = events.root_cause(self._client, self.stack_name, starts)
            raise CannotBeDeployed(
                f"Stack {self.stack_name} is {status}: {cause}.", advice=_STUCK[status].format(stack=self.stack_name)
            )

    def create_change_set(self, parameters: Mapping[str, str]) -> ChangeSet:
        """Upload the templates and let CloudFormation compute what would change.

        Args:
            parameters: values of the template's parameters; an existing stack keeps the values of the others.

        Raises:
            CannotBeDeployed: CloudFormation refuses the template or the parameters.
            NoArtifactsBucket: the bucket for the templates does not exist.
        """
        if self.artifacts_bucket is None:
            source = {"TemplateBody": json.dumps(load_template(self.template))}
        else:
            package = Package(self.session.client("s3"), self.artifacts_bucket, self.owner)
            source = {"TemplateURL": package.upload_template(self.template)}
        return change_sets.create(self._client, self.stack_name, source=source, parameters=parameters)

    def delete_change_set(self, change_set: ChangeSet) -> None:
        """Delete a change set that is not to be executed."""
        change_sets.delete(self._client, change_set)

    def execute(self, change_set: ChangeSet) -> Iterator[Event]:
        """Start the execution of a change set; returns its events until it ends.

        Closing the iterator does not stop the execution: `follow` yields the remaining events. The iterator raises
        `DeploymentFailed` at its end if a resource could not be created or updated.

        Raises:
            CannotBeDeployed: the change set no longer exists: another deployment was executed or prepared since.
        """
        errors = self._client.exceptions
        latest = events.latest_event(self._client, change_set.stack_id)
        try:
            self._client.execute_change_set(
                StackName=change_set.stack_id,
                ChangeSetName=change_set.id,
                RetainExceptOnCreate=True,  # else buckets left by a failed first deployment block the second
            )
        except (errors.ChangeSetNotFoundException, errors.InvalidChangeSetStatusException) as error:
            raise CannotBeDeployed(
                f"The changes shown for stack {self.stack_name} are outdated: somebody else has deployed or is about "
                "to.",
                advice="Deploy again to see what is left to change.",
            ) from error
        return self._events(change_set, latest)

    def _events(self, change_set: ChangeSet, latest: str | None) -> Iterator[Event]:
        failed = False
        for event in events.follow(self._client, change_set.stack_id, after=latest):
            failed |= event.status in _FAILED  # LocalStack reports a stack as complete when a nested one failed
            yield event
        status = stack.status(self._client, change_set.stack_id)
        if failed or status not in _SUCCEEDED:
            cause = events.root_cause(self._client, change_set.stack_id)
            left = "nothing is left of this attempt" if change_set.creates else "the stack is back in its former state"
            raise DeploymentFailed(
                f"Stack {self.stack_name} ended as {status}: {cause}.", advice=f"Fix it and deploy again; {left}."
            )

    def follow(self) -> Iterator[Event]:
        """Yield the events of the operation in progress until it ends, successfully or not."""
        found = stack.describe(self._client, self.stack_name)
        if found is not None:
            yield from events.follow(self._client, found["StackId"])

    def outputs(self) -> dict[str, str]:
        """The stack's outputs; empty if it does not exist."""
        return stack.outputs(self._client, self.stack_name)
