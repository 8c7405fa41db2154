"""Read a template, and upload it with the files that it names to where CloudFormation can read them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from filegate.errors import FilegateError

try:
    from yaml import CSafeLoader as _SafeLoader  # twenty times as fast, if PyYAML was built with it
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

NESTED = "AWS::CloudFormation::Stack"
_LOOP = "Fn::ForEach::"
# The property that names a local file, by resource type.
_LOCAL_FILES = {NESTED: "TemplateURL", "AWS::StepFunctions::StateMachine": "DefinitionS3Location"}


class NoArtifactsBucket(FilegateError):
    """The bucket for the templates does not exist, or belongs to another account."""


def load_template(path: Path) -> dict[str, Any]:
    """Load a YAML template, with short intrinsic functions (`!Ref x`) in their long form (`{"Ref": x}`)."""
    return dict(yaml.load(path.read_text(), Loader=_TemplateLoader))  # noqa: S506 - derived from SafeLoader


def load_definition(path: Path) -> dict[str, Any]:
    """A state machine's definition, written in YAML so that what its states share stands there once, as an anchor."""
    return dict(yaml.load(path.read_text(), Loader=_SafeLoader))


class _TemplateLoader(_SafeLoader):
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
class Package:
    """Uploads files under the hash of their content, so that an unchanged file leaves the template unchanged."""

    s3: S3Client
    bucket: str
    owner: str | None = None  # the account that must own it: anybody can take a bucket name

    def upload_template(self, path: Path) -> str:
        """Upload a template and the files it names; returns its URL.

        Raises:
            NoArtifactsBucket: the bucket does not exist.
        """
        template = load_template(path)
        resources = [item for name, item in template["Resources"].items() if not name.startswith(_LOOP)]
        for resource in resources:
            name = _LOCAL_FILES.get(resource["Type"])
            file = resource.get("Properties", {}).get(name)
            if not isinstance(file, str) or file.startswith("https://"):
                continue
            local = path.parent / file
            if resource["Type"] == NESTED:
                resource["Properties"][name] = self.upload_template(local)
            else:
                resource["Properties"][name] = {"Bucket": self.bucket, "Key": self._upload(load_definition(local))}
        return f"{self.s3.meta.endpoint_url}/{self.bucket}/{self._upload(template)}"

    def _upload(self, document: dict[str, Any]) -> str:
        content = json.dumps(document, indent=2).encode()  # as a person reads it in the console
        key = f"{hashlib.sha256(content).hexdigest()}.json"
        request: PutObjectRequestTypeDef = {"Bucket": self.bucket, "Key": key, "Body": content}
        if self.owner is not None:
            request["ExpectedBucketOwner"] = self.owner
        try:
            self.s3.put_object(**request)
        except self.s3.exceptions.NoSuchBucket as error:
            raise NoArtifactsBucket(
                f"The bucket {self.bucket} for the templates does not exist.", advice="Create it: make bootstrap"
            ) from error
        return key
