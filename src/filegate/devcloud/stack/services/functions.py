"""Functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filegate.devcloud.stack.properties import Aws, Property, Read
from filegate.devcloud.stack.shapes import tags


def _function(path: str) -> Read:
    return Read(service="lambda", operation="get_function", argument="FunctionName", path=path)


def _written(name: str) -> Property:
    def write(aws: Aws, function: str, value: Any) -> None:
        aws.wait("lambda", "function_updated_v2", {"FunctionName": function})  # an update during another is refused
        aws.write("lambda", "update_function_configuration", {"FunctionName": function, name: value})

    return Property(_function(f"Configuration.{name}"), write=write)


_FUNCTION = {
    **{
        name: Property(_function(f"Configuration.{name}"))
        for name in (
            "Architectures",
            "Description",
            "Environment",
            "FunctionName",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "Role",
            "Timeout",
        )
    },
    "Code": Property(_function("Code")),
    "EphemeralStorage": _written("EphemeralStorage"),
    "KmsKeyArn": _written("KMSKeyArn"),
    "Tags": tags(_function("Tags")),
    "TracingConfig": _written("TracingConfig"),
    "VpcConfig": _written("VpcConfig"),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Lambda::Function": _FUNCTION,
}
