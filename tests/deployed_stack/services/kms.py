"""The key and its alias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import document, tags


def _key(path: str) -> Read:
    return Read(service="kms", operation="describe_key", argument="KeyId", path=f"KeyMetadata.{path}")


def _policy(aws: Aws, key: str) -> Any:
    return document(aws.read("kms", "get_key_policy", {"KeyId": key, "PolicyName": "default"}).get("Policy"))


_KEY = {
    "Description": Property(_key("Description")),
    "EnableKeyRotation": Property(
        Read(service="kms", operation="get_key_rotation_status", argument="KeyId", path="KeyRotationEnabled")
    ),
    "KeyPolicy": Property(_policy),
    "Tags": tags(Read(service="kms", operation="list_resource_tags", argument="KeyId", path="Tags")),
}


def _target(aws: Aws, alias: str) -> Any:
    return _key("KeyId")(aws, alias)


_ALIAS = {
    "AliasName": Property(lambda _, alias: alias),
    "TargetKeyId": Property(_target),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::KMS::Alias": _ALIAS,
    "AWS::KMS::Key": _KEY,
}
