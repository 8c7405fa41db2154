"""The state machine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import api_case, tags

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def _state_machine(path: str) -> Read:
    return Read(service="stepfunctions", operation="describe_state_machine", argument="stateMachineArn", path=path)


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
    ),
    "RoleArn": Property(_state_machine("roleArn")),
    "StateMachineName": Property(_state_machine("name")),
    "StateMachineType": Property(_state_machine("type")),
    "TracingConfiguration": Property(
        _state_machine("tracingConfiguration"),
        api_case,
    ),
    "Tags": tags(
        Read(service="stepfunctions", operation="list_tags_for_resource", argument="resourceArn", path="tags")
    ),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::StepFunctions::StateMachine": _STATE_MACHINE,
}
