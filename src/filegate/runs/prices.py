"""What AWS asks: list prices in us-east-1, in US dollars, before free tiers, discounts and taxes.

A table in the code, and no call of the Price List API: the functions reach S3 and DynamoDB only. Whoever renews it
reads each `source` again and sets `READ_ON`, which every estimate is shown with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

READ_ON = date(2026, 11, 23)
"""When the prices were last compared: with copies of the pages named here, and with price guides of March to June 2026
where a page shows its prices to browsers only."""
REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """A list price, written as its page writes it: so many dollars for so many units.

    Attributes:
        usd: dollars for `per` units.
        per: how many units that buys.
        unit: what is counted, in the singular.
        source: the page that publishes it.
    """

    usd: float
    per: int
    unit: str
    source: str

    def of(self, units: float) -> float:
        """What `units` cost, in dollars."""
        return units * self.usd / self.per


_BACKUP = "https://aws.amazon.com/backup/pricing/"
_CLOUDTRAIL = "https://aws.amazon.com/cloudtrail/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_ECR = "https://aws.amazon.com/ecr/pricing/"
_EVENTBRIDGE = "https://aws.amazon.com/eventbridge/pricing/"
_KMS = "https://aws.amazon.com/kms/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_S3 = "https://aws.amazon.com/s3/pricing/"
_SNS = "https://aws.amazon.com/sns/pricing/"
_SQS = "https://aws.amazon.com/sqs/pricing/"
_STEP_FUNCTIONS = "https://aws.amazon.com/step-functions/pricing/"
_XRAY = "https://aws.amazon.com/xray/pricing/"

# What a run uses.
LAMBDA_GB_SECOND = Price(0.0000133334, 1, "GB-second, arm64", _LAMBDA)
LAMBDA_REQUEST = Price(0.20, 1_000_000, "invocation", _LAMBDA)
STATE_TRANSITION = Price(0.025, 1_000, "state transition, standard workflow", _STEP_FUNCTIONS)
EXPRESS_REQUEST = Price(1.00, 1_000_000, "execution, express workflow", _STEP_FUNCTIONS)
EXPRESS_GB_SECOND = Price(0.00001667, 1, "GB-second, express workflow", _STEP_FUNCTIONS)
S3_WRITE = Price(0.005, 1_000, "PUT, COPY, POST or LIST request", _S3)
S3_READ = Price(0.0004, 1_000, "GET, HEAD or other request", _S3)
DYNAMODB_WRITE = Price(0.625, 1_000_000, "write request unit, on demand", _DYNAMODB)
DYNAMODB_READ = Price(0.125, 1_000_000, "read request unit, on demand", _DYNAMODB)
S3_EVENT = Price(1.00, 1_000_000, "event of a service that has to be asked for them, as S3 has", _EVENTBRIDGE)
SQS_REQUEST = Price(0.40, 1_000_000, "request, standard queue", _SQS)
SNS_PUBLISH = Price(0.50, 1_000_000, "publish request, standard topic", _SNS)
KMS_REQUEST = Price(0.03, 10_000, "request, symmetric key", _KMS)
CLOUDTRAIL_DATA_EVENT = Price(0.10, 100_000, "data event", _CLOUDTRAIL)
XRAY_TRACE = Price(5.00, 1_000_000, "trace recorded", _XRAY)
LOGS_INGESTED_GB = Price(0.50, 1, "GB of logs taken in", _CLOUDWATCH)

# What is there all month.
KMS_KEY_MONTH = Price(1.00, 1, "key a month, and again for its first and its second rotation", _KMS)
ALARM_MONTH = Price(0.10, 1, "metric of an alarm a month", _CLOUDWATCH)
COMPOSITE_ALARM_MONTH = Price(0.50, 1, "composite alarm a month", _CLOUDWATCH)
CUSTOM_METRIC_MONTH = Price(0.30, 1, "custom metric a month", _CLOUDWATCH)
DASHBOARD_MONTH = Price(3.00, 1, "dashboard a month", _CLOUDWATCH)
LOGS_STORED_GB_MONTH = Price(0.03, 1, "GB of logs kept a month, compressed", _CLOUDWATCH)
S3_STANDARD_GB_MONTH = Price(0.023, 1, "GB-month, Standard", _S3)
S3_INFREQUENT_GB_MONTH = Price(0.0125, 1, "GB-month, Standard-Infrequent Access", _S3)
S3_GLACIER_GB_MONTH = Price(0.0036, 1, "GB-month, Glacier Flexible Retrieval", _S3)
S3_TO_INFREQUENT = Price(0.01, 1_000, "transition to Standard-Infrequent Access", _S3)
S3_TO_GLACIER = Price(0.03, 1_000, "transition to Glacier Flexible Retrieval", _S3)
DYNAMODB_GB_MONTH = Price(0.25, 1, "GB-month, Standard class", _DYNAMODB)
DYNAMODB_RECOVERY_GB_MONTH = Price(0.20, 1, "GB-month of point-in-time recovery", _DYNAMODB)
BACKUP_GB_MONTH = Price(0.10, 1, "GB-month of DynamoDB backups, warm", _BACKUP)
ECR_GB_MONTH = Price(0.10, 1, "GB-month of images", _ECR)
