"""Alarms and the dashboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import document, tag_map, tags


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


def _composite(name: str) -> Read:
    return Read(
        service="cloudwatch",
        operation="describe_alarms",
        argument="AlarmNames",
        listed=True,
        more={"AlarmTypes": ["CompositeAlarm"]},
        path=f"CompositeAlarms[0].{name}",
    )


def _dashboard(aws: Aws, name: str) -> Any:
    listed = aws.read("cloudwatch", "list_dashboards", {"DashboardNamePrefix": name})["DashboardEntries"]
    if name not in {entry["DashboardName"] for entry in listed}:  # LocalStack does not say "not found" of it
        return {}
    return aws.read("cloudwatch", "get_dashboard", {"DashboardName": name})


def _read_tags(aws: Aws, arn: str) -> Any:
    return aws.read("cloudwatch", "list_tags_for_resource", {"ResourceARN": arn}).get("Tags")


def _dashboard_tags(aws: Aws, name: str) -> Any:
    dashboard = _dashboard(aws, name)
    return tag_map(_read_tags(aws, dashboard["DashboardArn"])) or None if dashboard else None


def _alarm_tags(arn: Callable[[Aws, str], Any]) -> Property:
    """Tags of the alarm that has this ARN."""
    return tags(lambda aws, name: _read_tags(aws, arn(aws, name)))


_ALARM = {
    **{
        name: _alarm(name)
        for name in (
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "MetricName",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
        )
    },
    "Tags": _alarm_tags(_alarm("AlarmArn").read),
}


_COMPOSITE_ALARM = {
    **{name: Property(_composite(name)) for name in ("AlarmDescription", "AlarmName", "AlarmRule")},
    "Tags": _alarm_tags(_composite("AlarmArn")),
}

_DASHBOARD = {
    # Compared as what it says: layout is for those who read the template.
    "DashboardBody": Property(lambda aws, name: document(_dashboard(aws, name).get("DashboardBody")), document),
    "DashboardName": Property(lambda _, name: name),
    "Tags": Property(_dashboard_tags, tag_map),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::CloudWatch::Alarm": _ALARM,
    "AWS::CloudWatch::CompositeAlarm": _COMPOSITE_ALARM,
    "AWS::CloudWatch::Dashboard": _DASHBOARD,
}
