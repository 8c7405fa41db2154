"""The state machine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from filegate.devcloud.stack.properties import Aws, Property, Read, Write
from filegate.devcloud.stack.shapes import api_case, tags

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def _state_machine(path: str) -> Read:
    return Read(service="stepfunctions", operation="describe_state_machine", argument="stateMachineArn", path=path)


def _write_machine_tags(aws: Aws, machine: str, tags: dict[str, str]) -> None:
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    aws.write("stepfunctions", "tag_resource", {"resourceArn": machine, "tags": listed})


def _write_tracing(aws: Aws, machine: str, tracing: dict[str, Any]) -> None:
    # LocalStack takes this for an update only if something else is named, too.
    same = {"stateMachineArn": machine, "roleArn": _state_machine("roleArn")(aws, machine)}
    aws.write("stepfunctions", "update_state_machine", {**same, "tracingConfiguration": tracing})


def _definition(text: str) -> str:
    """A definition as something to compare, and short enough to print: equal for the same states in any layout."""
    definition = json.loads(text)
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return f"{len(definition['States'])} states, sha256 {hashlib.sha256(canonical.encode()).hexdigest()}"


def with_definition(aws: Aws, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The definition itself, in place of where its file is and of what is put into it."""
    kept = dict(properties)
    location, substitutions = kept.pop("DefinitionS3Location", None), kept.pop("DefinitionSubstitutions", {})
    if location is not None:
        text = aws.text(location["Bucket"], location["Key"])
        kept["Definition"] = _PLACEHOLDER.sub(lambda match: substitutions[match[1]], text)
    return kept


_STATE_MACHINE = {
    "Definition": Property(lambda aws, machine: _definition(_state_machine("definition")(aws, machine)), _definition),
    "LoggingConfiguration": Property(
        _state_machine("loggingConfiguration"),
        api_case,
        Write(
            service="stepfunctions",
            operation="update_state_machine",
            argument="stateMachineArn",
            body="loggingConfiguration",
        ),
    ),
    "RoleArn": Property(_state_machine("roleArn")),
    "StateMachineName": Property(_state_machine("name")),
    "StateMachineType": Property(_state_machine("type")),
    "TracingConfiguration": Property(
        _state_machine("tracingConfiguration"),
        api_case,
        _write_tracing,
    ),
    "Tags": tags(
        Read(service="stepfunctions", operation="list_tags_for_resource", argument="resourceArn", path="tags"),
        _write_machine_tags,
    ),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::StepFunctions::StateMachine": _STATE_MACHINE,
}
