"""Log groups."""

from __future__ import annotations

from collections.abc import Mapping

from filegate.operations.stack.properties import Aws, Property, Read, Write
from filegate.operations.stack.shapes import tags

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


def _write_log_group_tags(aws: Aws, group: str, tags: dict[str, str]) -> None:
    """LocalStack tags a log group only while it creates it, so one that has nobody's log yet is created again."""
    streams = aws.read("logs", "describe_log_streams", {"logGroupName": group})["logStreams"]
    if any(not stream["logStreamName"].startswith(_TRIAL_STREAM) for stream in streams):
        return
    retention = _log_group("retentionInDays").read(aws, group)
    aws.write("logs", "delete_log_group", {"logGroupName": group})
    aws.write("logs", "create_log_group", {"logGroupName": group, "tags": tags})
    if retention is not None:
        aws.write("logs", "put_retention_policy", {"logGroupName": group, "retentionInDays": retention})


_LOG_GROUP = {
    "LogGroupName": _log_group("logGroupName"),
    "RetentionInDays": Property(
        _log_group("retentionInDays").read,
        int,
        Write(service="logs", operation="put_retention_policy", argument="logGroupName", body="retentionInDays"),
    ),
    "Tags": tags(
        Read(service="logs", operation="list_tags_log_group", argument="logGroupName", path="tags"),
        _write_log_group_tags,
    ),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Logs::LogGroup": _LOG_GROUP,
}
