"""AWS Security Hub's controls as rules over the templates."""

from scripts.controls import audit, data, functions, identity, messaging, network
from scripts.controls.control import Control, Excepted, Finding, Outcome

CONTROLS: list[Control] = [
    *data.S3,
    *functions.LAMBDA,
    *data.DYNAMODB,
    *messaging.SQS,
    *messaging.SNS,
    *messaging.EVENTBRIDGE,
    *identity.KMS,
    *functions.STEP_FUNCTIONS,
    *functions.ECR,
    *audit.CLOUDTRAIL,
    *identity.IAM,
    *network.EC2,
]

__all__ = ["CONTROLS", "Control", "Excepted", "Finding", "Outcome"]
