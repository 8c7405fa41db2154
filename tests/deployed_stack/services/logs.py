"""Log groups."""

from __future__ import annotations

from collections.abc import Mapping

from tests.deployed_stack.properties import Property, Read
from tests.deployed_stack.shapes import tags


def _log_group(path: str) -> Property:
    return Property(
        Read(
            service="logs",
            operation="describe_log_groups",
            argument="logGroupNamePrefix",
            path=f"sort_by(logGroups, &length(logGroupName))[0].{path}",
        )
    )


_LOG_GROUP = {
    "KmsKeyId": _log_group("kmsKeyId"),
    "LogGroupName": _log_group("logGroupName"),
    "RetentionInDays": _log_group("retentionInDays"),
    "Tags": tags(Read(service="logs", operation="list_tags_log_group", argument="logGroupName", path="tags")),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Logs::LogGroup": _LOG_GROUP,
}
