"""Alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filegate.operations.stack.properties import Aws, Property, Read
from filegate.operations.stack.shapes import tag_list, tags


def _alarm(name: str) -> Property:
    return Property(
        Read(
            service="cloudwatch",
            operation="describe_alarms",
            argument="AlarmNames",
            listed=True,
            path=f"MetricAlarms[0].{name}",
        )
    )


def _alarm_tags(aws: Aws, alarm: str) -> Any:
    arn = _alarm("AlarmArn").read(aws, alarm)
    return aws.read("cloudwatch", "list_tags_for_resource", {"ResourceARN": arn}).get("Tags")


def _write_alarm_tags(aws: Aws, alarm: str, tags: dict[str, str]) -> None:
    arn = _alarm("AlarmArn").read(aws, alarm)
    aws.write("cloudwatch", "tag_resource", {"ResourceARN": arn, "Tags": tag_list(tags)})


_ALARM = {
    **{
        name: _alarm(name)
        for name in (
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "Dimensions",
            "EvaluationPeriods",
            "MetricName",
            "Namespace",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
        )
    },
    "Tags": tags(_alarm_tags, _write_alarm_tags),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::CloudWatch::Alarm": _ALARM,
}
