"""Repositories of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import api_case, document, tags


def _repository(path: str) -> Read:
    return Read(
        service="ecr",
        operation="describe_repositories",
        argument="repositoryNames",
        listed=True,
        path=f"repositories[0].{path}",
    )


def _policy(operation: str, path: str) -> Read:
    return Read(service="ecr", operation=operation, argument="repositoryName", path=path)


def _tags(aws: Aws, repository: str) -> Any:
    arn = _repository("repositoryArn")(aws, repository)
    return aws.read("ecr", "list_tags_for_resource", {"resourceArn": arn}).get("tags")


_REPOSITORY = {
    "EncryptionConfiguration": Property(_repository("encryptionConfiguration"), api_case),
    "ImageScanningConfiguration": Property(_repository("imageScanningConfiguration"), api_case),
    "ImageTagMutability": Property(_repository("imageTagMutability")),
    "LifecyclePolicy": Property(
        lambda aws, name: document(_policy("get_lifecycle_policy", "lifecyclePolicyText")(aws, name)),
        lambda policy: document(policy["LifecyclePolicyText"]),
    ),
    "RepositoryName": Property(_repository("repositoryName")),
    "RepositoryPolicyText": Property(
        lambda aws, name: document(_policy("get_repository_policy", "policyText")(aws, name))
    ),
    "Tags": tags(_tags),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::ECR::Repository": _REPOSITORY,
}
