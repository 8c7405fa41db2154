"""Capture the alerts that are published while something happens, through a queue of our own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3

from filegate.operations.ports import Queue, SqsQueue


@dataclass(frozen=True)
class Alert:
    """A notice as subscribers get it by mail."""

    subject: str
    message: str


@dataclass(frozen=True)
class AlertCapture:
    """The alerts that a topic publishes to a queue."""

    queue: Queue

    def received(self) -> list[Alert]:
        """The alerts that came since the last call."""
        alerts = []
        while batch := self.queue.receive(hidden=30):
            for message in batch:
                notice = json.loads(message.body)
                alerts.append(Alert(notice.get("Subject", ""), notice["Message"]))
                self.queue.delete(message.receipt)
        return alerts


@contextmanager
def capture(session: boto3.Session, topic_arn: str) -> Iterator[AlertCapture]:
    """Subscribes a queue to the topic for the time of the block."""
    sqs, sns = session.client("sqs"), session.client("sns")
    url = sqs.create_queue(QueueName=f"filegate-alerts-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    try:
        yield AlertCapture(SqsQueue(sqs, url))
    finally:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)
