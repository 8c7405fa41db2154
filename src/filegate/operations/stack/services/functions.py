"""Functions."""

from __future__ import annotations

from collections.abc import Mapping

from filegate.operations.stack.properties import Property, Read, Write
from filegate.operations.stack.shapes import tags


def _function(path: str) -> Read:
    return Read(service="lambda", operation="get_function", argument="FunctionName", path=path)


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
    "EphemeralStorage": Property(
        _function("Configuration.EphemeralStorage"),
        write=Write(
            service="lambda",
            operation="update_function_configuration",
            argument="FunctionName",
            body="EphemeralStorage",
        ),
    ),
    "Tags": tags(_function("Tags")),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Lambda::Function": _FUNCTION,
}
