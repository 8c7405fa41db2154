"""Deploy the CloudFormation templates: to AWS, to LocalStack, or to the embedded cloud, all in the same way.

Does what `aws cloudformation package` and `deploy` do, with a shorter poll and an error that names the culprit.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from botocore.exceptions import ClientError

from filegate.errors import FilegateError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef
    from mypy_boto3_s3 import S3Client

Outputs = dict[str, str]

_CAPABILITIES: tuple[CapabilityType, ...] = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_NESTED = "AWS::CloudFormation::Stack"
# The properties that name a file beside the template, by resource type.
_LOCAL_FILES = {_NESTED: "TemplateURL", "AWS::StepFunctions::StateMachine": "DefinitionS3Location"}
_SHORT_POLL, _LONG_POLL = 0.1, 5.0  # seconds


class DeploymentFailed(FilegateError):
    """CloudFormation could not bring a stack to what its template says; `problem` names the resource and its reason."""


def deploy(
    session: boto3.Session,
    *,
    template: Path,
    stack_name: str,
    parameters: Mapping[str, str],
    artifacts_bucket: str,
) -> Outputs:
    """Create or update a stack and wait for it; a stack that is as wanted already stays as it is.

    Args:
        session: whose credentials, region and endpoint are used.
        template: the main template; local files that it names are uploaded with it.
        stack_name: the stack to create or update.
        parameters: values of the template's parameters; on an update, those not given keep their values.
        artifacts_bucket: an existing bucket in the same region, for the templates and the state machine.

    Returns:
        The stack's outputs.

    Raises:
        DeploymentFailed: a resource could not be created or updated, or the stack is in a state that forbids it.
    """
    client = session.client("cloudformation")
    url = _Package(session.client("s3"), artifacts_bucket).upload_template(template)
    status = _status(client, stack_name)
    if status == "ROLLBACK_COMPLETE":  # its creation failed: there is nothing in it, and it cannot be updated
        client.delete_stack(StackName=stack_name)
        _wait(client, stack_name)
        status = None
    if status is None:
        client.create_stack(
            StackName=stack_name,
            TemplateURL=url,
            Capabilities=_CAPABILITIES,
            Parameters=_values(parameters),
            RetainExceptOnCreate=True,  # else the buckets of a failed first attempt stand in the way of the second
        )
    elif not _update(client, stack_name, url, parameters):
        return _outputs(client, stack_name)
    status = _wait(client, stack_name)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        culprit = _culprit(client, stack_name)
        raise DeploymentFailed(
            f"Stack {stack_name} ended as {status}: {culprit.rstrip('.')}.",
            advice="Mend that and deploy again; nothing was changed.",
        )
    return _outputs(client, stack_name)


def load_template(path: Path) -> dict[str, Any]:
    """A YAML template with its short intrinsic functions (`!Ref x`) in the long form (`{"Ref": x}`)."""
    return dict(yaml.load(path.read_text(), Loader=_TemplateLoader))  # noqa: S506 - derived from SafeLoader


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's tags."""


def _intrinsic(loader: _TemplateLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast(yaml.MappingNode, node), deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


@dataclass(frozen=True)
class _Package:
    """Uploads files under the hash of their content, so that an unchanged file is an unchanged template."""

    s3: S3Client
    bucket: str

    def upload_template(self, path: Path) -> str:
        """Upload a template and the files it names; returns its URL."""
        template = load_template(path)
        for resource in template["Resources"].values():
            name = _LOCAL_FILES.get(resource["Type"])
            file = resource.get("Properties", {}).get(name)
            if not isinstance(file, str) or file.startswith("https://"):
                continue
            local = path.parent / file
            if resource["Type"] == _NESTED:
                resource["Properties"][name] = self.upload_template(local)
            else:
                resource["Properties"][name] = {"Bucket": self.bucket, "Key": self._upload(local.read_bytes())}
        return f"{self.s3.meta.endpoint_url}/{self.bucket}/{self._upload(json.dumps(template).encode())}"

    def _upload(self, content: bytes) -> str:
        key = f"{hashlib.sha256(content).hexdigest()}.json"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key


def _values(parameters: Mapping[str, str]) -> list[ParameterTypeDef]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


def _update(client: CloudFormationClient, stack_name: str, url: str, parameters: Mapping[str, str]) -> bool:
    """Start an update; False if there is nothing to update."""
    known = client.get_template_summary(TemplateURL=url)["Parameters"]
    stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    had = {parameter["ParameterKey"] for parameter in stack.get("Parameters", [])}
    kept: list[ParameterTypeDef] = [
        {"ParameterKey": name, "UsePreviousValue": True}
        for name in (parameter["ParameterKey"] for parameter in known)
        if name in had and name not in parameters
    ]
    try:
        client.update_stack(
            StackName=stack_name,
            TemplateURL=url,
            Capabilities=_CAPABILITIES,
            Parameters=[*_values(parameters), *kept],
            RetainExceptOnCreate=True,
        )
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" in message:
            return False
        raise DeploymentFailed(f"Stack {stack_name} cannot be updated: {message}") from None
    return True


def _status(client: CloudFormationClient, stack_name: str) -> str | None:
    """The stack's status, or None if there is no such stack."""
    try:
        return client.describe_stacks(StackName=stack_name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def _wait(client: CloudFormationClient, stack_name: str) -> str | None:
    """Wait until nothing is in progress; polls often at first, for the clouds that are quick, and seldom later."""
    started = time.monotonic()
    while True:
        status = _status(client, stack_name)
        if status is None or not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(min(_LONG_POLL, max(_SHORT_POLL, (time.monotonic() - started) / 10)))


def _outputs(client: CloudFormationClient, stack_name: str) -> Outputs:
    stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _culprit(client: CloudFormationClient, stack_name: str) -> str:
    """The resource that failed first in the last operation, in the innermost stack, with its reason."""
    for event in _last_failures(client, stack_name):
        nested = _failed_within(client, event) if event["ResourceType"] == _NESTED else None
        if nested is not None:
            return f"{event['LogicalResourceId']} → {_culprit(client, nested)}"
        reason = event.get("ResourceStatusReason", "no reason given")
        return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return "CloudFormation gives no reason."


def _failed_within(client: CloudFormationClient, event: StackEventTypeDef) -> str | None:
    """The nested stack that an event is about; None if it is not about one, or if it gives the reason itself."""
    nested = event.get("PhysicalResourceId")
    if nested == event["StackId"]:
        return None
    if nested or "ResourceStatusReason" in event:
        return nested or None
    # LocalStack tells neither; but it names nested stacks as AWS does.
    name = f"{event['StackName']}-{event['LogicalResourceId']}-"
    stacks = (stack for page in client.get_paginator("describe_stacks").paginate() for stack in page["Stacks"])
    return next((stack["StackId"] for stack in stacks if stack["StackName"].startswith(name)), None)


def _last_failures(client: CloudFormationClient, stack_name: str) -> list[StackEventTypeDef]:
    """The failures of the stack's last operation, oldest first, without those that others brought about."""
    failures = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_name):
        for event in page["StackEvents"]:  # newest first
            status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
            if status.endswith("_FAILED") and "cancelled" not in reason:
                failures.append(event)
            own = event.get("PhysicalResourceId") == event["StackId"]
            if own and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                return failures[::-1]
    return failures[::-1]
