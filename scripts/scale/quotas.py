"""What AWS lets an account do, as its documentation says it.

Whoever renews the table reads each `source` again and sets `READ_ON`. A quota has two values: that of
us-east-1, and the smallest of any region.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

READ_ON = date(2026, 11, 23)
"""When the quotas were last compared with copies of the pages named here."""


@dataclass(frozen=True)
class Quota:
    """A limit of an account in a region, unless it says otherwise.

    Attributes:
        name: what AWS calls it; for those that can be raised, the name in Service Quotas.
        value: by default, in us-east-1.
        smallest: by default, in the region that has least.
        unit: what is counted.
        raised: whether AWS raises it on request.
        source: the page that says so.
    """

    name: str
    value: float
    smallest: float
    unit: str
    raised: bool
    source: str


_DOCS = "https://docs.aws.amazon.com"
_DYNAMODB = f"{_DOCS}/amazondynamodb/latest/developerguide"
_EVENTBRIDGE = f"{_DOCS}/eventbridge/latest/userguide/eb-quota.html"
_KMS = f"{_DOCS}/kms/latest/developerguide/requests-per-second.html"
_LAMBDA = f"{_DOCS}/lambda/latest/dg/gettingstarted-limits.html"
_LOGS = f"{_DOCS}/general/latest/gr/cwl_region.html"
_S3 = f"{_DOCS}/AmazonS3/latest/userguide/optimizing-performance.html"
_SNS = f"{_DOCS}/general/latest/gr/sns.html"
_STEP_FUNCTIONS = f"{_DOCS}/general/latest/gr/step-functions.html"
_MAP = f"{_DOCS}/step-functions/latest/dg/service-quotas.html"

# Shared by all runs.
CONCURRENCY = Quota("Concurrent executions", 1_000, 1_000, "calls at once", True, _LAMBDA)
STARTS = Quota(
    "StartExecution throttle token refill rate per second", 300, 150, "starts a second", True, _STEP_FUNCTIONS
)
TRANSITIONS = Quota(
    "StateTransition throttle token refill rate per second", 5_000, 800, "steps a second", True, _STEP_FUNCTIONS
)
OPEN_EXECUTIONS = Quota("Open executions", 1_000_000, 1_000_000, "runs at once", True, _STEP_FUNCTIONS)
MAP_STARTS = Quota("StartMapRun throttle token refill rate per second", 25, 25, "Maps a second", False, _STEP_FUNCTIONS)
OPEN_MAPS = Quota("Open Map Runs", 1_000, 1_000, "Maps at once", False, _STEP_FUNCTIONS)
DELIVERIES = Quota(
    "Invocations throttle limit in transactions per second", 18_750, 750, "deliveries a second", True, _EVENTBRIDGE
)
PARTITION = Quota(
    "Writes to one partition", 1_000, 1_000, "units a second", False, f"{_DYNAMODB}/bp-partition-key-design.html"
)
NEW_TABLE = Quota(
    "Writes to a new on-demand table",
    4_000,
    4_000,
    "units a second",
    False,
    f"{_DYNAMODB}/on-demand-capacity-mode.html",
)
S3_WRITES = Quota("Writes to one partitioned prefix", 3_500, 3_500, "requests a second", False, _S3)
S3_READS = Quota("Reads from one partitioned prefix", 5_500, 5_500, "requests a second", False, _S3)
KEY = Quota("Cryptographic operations (symmetric) request rate", 100_000, 10_000, "requests a second", True, _KMS)
NOTICES = Quota("Publish API throttling per account", 30_000, 300, "notices a second", True, _SNS)
EMAILS = Quota("Delivery rate for email messages", 10, 10, "e-mails a second, of a subscription", False, _SNS)
LOGS = Quota("PutLogEvents throttle limit in transactions per second", 5_000, 5_000, "requests a second", True, _LOGS)

# Of one run.
CALL_SECONDS = Quota("Function timeout", 900, 900, "seconds", False, _LAMBDA)
NETWORK = Quota("Network bandwidth per execution environment", 625 / 8, 625 / 8, "MB a second", False, _LAMBDA)
CHILDREN = Quota("Maximum Concurrency", 10_000, 10_000, "children of a Map at once", False, _STEP_FUNCTIONS)
DISPATCH = Quota("Dispatch of express executions", 1_000, 1_000, "children of a Map a second", False, _MAP)
EXPRESS_SECONDS = Quota("Maximum execution time of an express execution", 300, 300, "seconds", False, _MAP)
