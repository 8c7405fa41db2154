"""Functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import tags


def _function(path: str) -> Read:
    return Read(service="lambda", operation="get_function", argument="FunctionName", path=path)


def _write_network(aws: Aws, function: str, network: Any) -> None:
    aws.wait("lambda", "function_updated_v2", {"FunctionName": function})  # an update during another is refused
    aws.write("lambda", "update_function_configuration", {"FunctionName": function, "VpcConfig": network})


_FUNCTION = {
    **{
        name: Property(_function(f"Configuration.{name}"))
        for name in (
            "Architectures",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FunctionName",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "Role",
            "Timeout",
            "TracingConfig",
        )
    },
    "Code": Property(_function("Code")),
    "KmsKeyArn": Property(_function("Configuration.KMSKeyArn")),
    "Tags": tags(_function("Tags")),
    "VpcConfig": Property(_function("Configuration.VpcConfig"), write=_write_network),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Lambda::Function": _FUNCTION,
}
