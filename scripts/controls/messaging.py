"""What passes messages on: SQS, SNS and EventBridge."""

from __future__ import annotations

from scripts.controls.control import control
from scripts.controls.policies import private_everywhere
from scripts.deployment import Deployment, Resource

_QUEUE = "AWS::SQS::Queue"
_TOPIC = "AWS::SNS::Topic"


@control("SQS.1", "Amazon SQS queues should be encrypted at rest", _QUEUE)
def _sqs_1(queue: Resource, deployment: Deployment) -> bool:
    """AWS also takes its own key for an answer; R17 does not."""
    return deployment.referred(queue.properties.get("KmsMasterKeyId")) in deployment.of("AWS::KMS::Key")


@control("SQS.3", "SQS queue access policies should not allow public access", _QUEUE)
def _sqs_3(queue: Resource, deployment: Deployment) -> bool:
    return private_everywhere(queue, deployment, "AWS::SQS::QueuePolicy", "Queues")


@control("SNS.1", "SNS topics should be encrypted at-rest using AWS KMS", _TOPIC)
def _sns_1(topic: Resource, deployment: Deployment) -> bool:
    return deployment.referred(topic.properties.get("KmsMasterKeyId")) in deployment.of("AWS::KMS::Key")


@control("SNS.4", "SNS topic access policies should not allow public access", _TOPIC)
def _sns_4(topic: Resource, deployment: Deployment) -> bool:
    return private_everywhere(topic, deployment, "AWS::SNS::TopicPolicy", "Topics")


@control(
    "EventBridge.3",
    "EventBridge custom event buses should have a resource-based policy attached",
    "AWS::Events::EventBus",
    not_applicable="There is no custom event bus: S3's and Step Functions' events arrive on the account's default bus.",
)
def _eventbridge_3(bus: Resource, _: Deployment) -> bool:
    return not bus.id


SQS = [_sqs_1, _sqs_3]
SNS = [_sns_1, _sns_4]
EVENTBRIDGE = [_eventbridge_3]
