"""The shapes that several services share: documents, tags, names at the end of an address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property


def document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def api_case(value: Any) -> Any:
    """A value for an API that begins its names in lower case, where CloudFormation does in upper case."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: api_case(item) for name, item in value.items()}
    return [api_case(item) for item in value] if isinstance(value, list) else value


def tag_map(tags: Any) -> dict[str, str]:
    """Tags as a map, whichever of the services' four spellings they come in."""
    if isinstance(tags, dict):
        return tags
    return {_spelt(tag, "Key"): _spelt(tag, "Value") for tag in tags or []}


def _spelt(tag: Mapping[str, str], name: str) -> str:
    return next(tag[spelling] for spelling in (name, name.lower(), f"Tag{name}") if spelling in tag)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags(read: Callable[[Aws, str], Any], write: Callable[[Aws, str, Any], None] | None = None) -> Property:
    # Compared as a map, of which every cloud adds some of its own.
    return Property(lambda aws, physical_id: tag_map(read(aws, physical_id)), tag_map, write)


def last_component(url_or_arn: str) -> str:
    return url_or_arn.rpartition("/")[2]
