"""An alarm goes off when its metric is over the threshold, notifies the topic, and sets off the composite alarm."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .stack import Stack

ALARM, OVER_ALL = "filegate-local-rejects-over-tolerance", "filegate-local-unhealthy"


def test_too_many_rejects_are_told(stack: Stack) -> None:
    cloudwatch, sqs, sns = stack.client("cloudwatch"), stack.client("sqs"), stack.client("sns")
    inbox = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=stack.outputs()["AlertsTopicArn"], Protocol="sqs", Endpoint=arn)
    dimensions = [{"Name": "environment", "Value": "local"}, {"Name": "service", "Value": "validate"}]

    def states() -> dict[str, str]:
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = cloudwatch.describe_alarms(AlarmNames=[ALARM, OVER_ALL], AlarmTypes=kinds)
        return {one["AlarmName"]: one["StateValue"] for one in found["MetricAlarms"] + found["CompositeAlarms"]}

    def measure(share: float) -> None:
        datum = {"MetricName": "rejected_share_of_tolerance", "Dimensions": dimensions, "Value": share}
        before = datetime.now(UTC) - timedelta(seconds=2)  # the second that is not over yet does not count
        cloudwatch.put_metric_data(Namespace="Filegate", MetricData=[{**datum, "Timestamp": before}])
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        put = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
        # LocalStack evaluates an alarm when it is put, and then once in its five minutes.
        cloudwatch.put_metric_alarm(**{name: value for name, value in alarm.items() if name in put})

    measure(1.0)
    assert eventually(lambda: states()[ALARM] == "OK")
    measure(1.5)
    assert eventually(lambda: states() == {ALARM: "ALARM", OVER_ALL: "ALARM"})
    assert eventually(lambda: f'ALARM: "{ALARM}" in us-east-1' in subjects(sqs, inbox))


def subjects(sqs: Any, queue: str) -> list[str]:
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return [json.loads(message["Body"])["Subject"] for message in messages]


def eventually(probe: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 300
    while not (found := probe()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found
