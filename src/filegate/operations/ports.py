"""What operators use of a deployment besides its stores: the dead-letter queue, and the state machine."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

BATCH = 10  # the most that SQS receives or changes in one call


@dataclass(frozen=True)
class Received:
    """A message as it was received: `receipt` is what this receive calls it by; `id` stays the same over receives."""

    id: str
    receipt: str
    body: str
    sent_at: datetime


class Queue(Protocol):
    """A queue that delivers at least once: the same message may come twice."""

    def receive(self, hidden: int) -> list[Received]:
        """Some of the visible messages, hidden from everybody for `hidden` seconds; none: there are none visible."""
        ...

    def show(self, receipts: Iterable[str]) -> None:
        """Makes received messages visible again."""
        ...

    def delete(self, receipt: str) -> None: ...


class StateMachine(Protocol):
    """What runs the pipeline."""

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        """Starts the execution of this name. One that was started before, running or ended, is left alone."""
        ...


class SqsQueue:
    """A queue of SQS."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def receive(self, hidden: int) -> list[Received]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=hidden,
            WaitTimeSeconds=1,  # a long poll asks every server of the queue; a short one only some
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return [
            Received(
                id=message["MessageId"],
                receipt=message["ReceiptHandle"],
                body=message["Body"],
                sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            )
            for message in answer.get("Messages", [])
        ]

    def show(self, receipts: Iterable[str]) -> None:
        remaining = iter(receipts)
        while batch := list(itertools.islice(remaining, BATCH)):
            self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for number, receipt in enumerate(batch)
                ],
            )

    def delete(self, receipt: str) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)


class StepFunctionsStateMachine:
    """A state machine of Step Functions. It keeps the name of an execution for 90 days, the queue a message for 14."""

    def __init__(self, client: SFNClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        with suppress(self._client.exceptions.ExecutionAlreadyExists):
            self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(document))
