"""Capture the alerts that are published while something happens, through a queue of our own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Alert:
    """A notice as subscribers get it by mail."""

    subject: str
    message: str


class AlertCapture:
    """The alerts that a topic publishes."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def received(self) -> list[Alert]:
        """The alerts that came since the last call."""
        alerts = []
        while batch := self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
            "Messages"
        ):
            for message in batch:
                notice = json.loads(message["Body"])
                alerts.append(Alert(notice.get("Subject", ""), notice["Message"]))
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return alerts


@contextmanager
def capture(session: boto3.Session, topic_arn: str) -> Iterator[AlertCapture]:
    """Subscribes a queue to the topic for the time of the block."""
    sqs, sns = session.client("sqs"), session.client("sns")
    url = sqs.create_queue(QueueName=f"filegate-alerts-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    try:
        yield AlertCapture(sqs, url)
    finally:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)
