"""Queues and topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import document, last_component, tags


def _queue(name: str) -> Read:
    return Read(
        service="sqs",
        operation="get_queue_attributes",
        argument="QueueUrl",
        more={"AttributeNames": ["All"]},
        path=f"Attributes.{name}",
    )


def _topic(name: str) -> Read:
    return Read(service="sns", operation="get_topic_attributes", argument="TopicArn", path=f"Attributes.{name}")


_QUEUE = {
    "KmsMasterKeyId": Property(_queue("KmsMasterKeyId")),
    "MessageRetentionPeriod": Property(_queue("MessageRetentionPeriod")),
    "QueueName": Property(lambda _, url: last_component(url)),
    "Tags": tags(Read(service="sqs", operation="list_queue_tags", argument="QueueUrl", path="Tags")),
    "VisibilityTimeout": Property(_queue("VisibilityTimeout")),
}

_TOPIC = {
    "DisplayName": Property(_topic("DisplayName")),
    "KmsMasterKeyId": Property(_topic("KmsMasterKeyId")),
    "Tags": tags(Read(service="sns", operation="list_tags_for_resource", argument="ResourceArn", path="Tags")),
    "TopicName": Property(lambda _, arn: arn.rpartition(":")[2]),
}


def _subscription(name: str) -> Property:
    def read(aws: Aws, arn: str) -> Any:
        subscriptions = aws.read("sns", "list_subscriptions", {}).get("Subscriptions", [])
        return next((item[name] for item in subscriptions if item["SubscriptionArn"] == arn), None)

    return Property(read)


_SUBSCRIPTION = {name: _subscription(name) for name in ("Endpoint", "Protocol", "TopicArn")}

_QUEUE_POLICY = {
    "PolicyDocument": Property(lambda aws, url: document(_queue("Policy")(aws, url))),
    "Queues": Property(lambda _, url: [url]),
}

_TOPIC_POLICY = {
    "PolicyDocument": Property(lambda aws, arn: document(_topic("Policy")(aws, arn))),
    "Topics": Property(lambda _, arn: [arn]),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::SNS::Subscription": _SUBSCRIPTION,
    "AWS::SNS::Topic": _TOPIC,
    "AWS::SNS::TopicPolicy": _TOPIC_POLICY,
    "AWS::SQS::Queue": _QUEUE,
    "AWS::SQS::QueuePolicy": _QUEUE_POLICY,
}
