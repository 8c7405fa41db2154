"""Log groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filegate.devcloud.stack.properties import Aws, Property, Read, Write
from filegate.devcloud.stack.shapes import tags

_TRIAL_STREAM = "log_stream_created_by_aws_"  # with which Step Functions tries whether it may write


def _log_group(path: str) -> Property:
    return Property(
        Read(
            service="logs",
            operation="describe_log_groups",
            argument="logGroupNamePrefix",
            path=f"sort_by(logGroups, &length(logGroupName))[0].{path}",
        )
    )


_KEY = _log_group("kmsKeyId").read
_RETENTION = _log_group("retentionInDays").read
_TAGS = Read(service="logs", operation="list_tags_log_group", argument="logGroupName", path="tags")


def _create_again(aws: Aws, group: str, **changed: Any) -> None:
    """LocalStack tags and encrypts a log group only while it creates it; one with nobody's log yet is created again."""
    streams = aws.read("logs", "describe_log_streams", {"logGroupName": group})["logStreams"]
    if any(not stream["logStreamName"].startswith(_TRIAL_STREAM) for stream in streams):
        return
    retention = _RETENTION(aws, group)
    settings = {"kmsKeyId": _KEY(aws, group), "tags": _TAGS(aws, group), **changed}
    aws.write("logs", "delete_log_group", {"logGroupName": group})
    given = {name: value for name, value in settings.items() if value}
    aws.write("logs", "create_log_group", {"logGroupName": group, **given})
    if retention is not None:
        aws.write("logs", "put_retention_policy", {"logGroupName": group, "retentionInDays": retention})


_LOG_GROUP = {
    "KmsKeyId": Property(_KEY, write=lambda aws, group, key: _create_again(aws, group, kmsKeyId=key)),
    "LogGroupName": _log_group("logGroupName"),
    "RetentionInDays": Property(
        _RETENTION,
        int,
        Write(service="logs", operation="put_retention_policy", argument="logGroupName", body="retentionInDays"),
    ),
    "Tags": tags(_TAGS, lambda aws, group, tags: _create_again(aws, group, tags=tags)),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Logs::LogGroup": _LOG_GROUP,
}
