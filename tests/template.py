"""Parts of templates as text, and with the values of a deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from filegate.devcloud.cloud import REGION

PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": "000000000000"}


def as_text(value: Any) -> str:
    """A resource as `Fn::Sub` would write it."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text}:
            return str(text)
        case _:
            return str(value)


def filled_in(value: Any, known: Mapping[str, str] = MappingProxyType({})) -> Any:
    """A part of a template as it would be deployed, its conditions true; what is not known goes by its name."""
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Sub": _}:
            values = {**PSEUDO, **known}
            return re.sub(r"\$\{([^}]+)\}", lambda name: values.get(name[1], name[1]), as_text(value))
        case {"Fn::If": [_, chosen, _]}:
            return filled_in(chosen, known)
        case dict():
            return {key: filled_in(inner, known) for key, inner in value.items()}
        case list():
            return [filled_in(inner, known) for inner in value]
        case _:
            return value
