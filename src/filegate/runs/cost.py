"""What a run uses, and what that costs: an estimate from the run's own counts and the list prices.

Counted are the functions' seconds and requests; the state machine's steps follow from the invocations. Left out is what
no single run causes: storage, logs, the audit trail, the key.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from filegate.runs import prices
from filegate.runs.record import RunRecord
from filegate.runs.run import Invocation, Usage
from filegate.runs.states import State, Status

# The state machine's other steps, by what leads to them (`State.next_steps` has those of a run that goes well); a test
# compares them with its definition.
BEGIN = ("Arrival", "Begin")
PARTIAL = ("DescribePartial", "DLQPartial")
RESTART = ("ErrorHandler", "RetryLogic", "Restart")
ENDING = ("DLQRoute", "RecordFailure", "FailureNotification", "WasRejected")
TOO_MANY_REJECTS = ("DescribeRejection", *ENDING, "Rejected")
REJECTED = ("ReadRejection", "DescribePermanent", *ENDING, "Rejected")
FAILED = ("ErrorHandler", "RetryLogic", "IsFunctionError", "ReadFailure", "DescribeFailure", *ENDING, "Failed")

EXPRESS_GB = 64 / 1024
"""What an execution with a document of a few KB is charged for while it waits for its function: the least there is."""
LEDGER_WRITE_UNITS = 6
"""What a write takes that no function counts: a run's item has 1 to 2 KB, and each of the two indexes holds it too."""
DIGITS = 7
"""Decimals of an estimate in dollars: a small run costs less than a tenth of a cent."""


@dataclass(frozen=True)
class Total:
    """What several invocations used together."""

    invocations: int
    seconds: float
    gb_seconds: float


def by_stage(usage: Usage) -> Mapping[str, Total]:
    """The stages that did something, in the order of the pipeline; retries and restarts are summed up."""
    calls = usage.invocations.values()
    return {
        stage: total([call for call in calls if call.state.stage == stage])
        for stage in dict.fromkeys(state.stage for state in State)
        if any(call.state.stage == stage for call in calls)
    }


def total(calls: Collection[Invocation]) -> Total:
    return Total(
        sum(call.calls for call in calls),
        round(math.fsum(call.seconds for call in calls), 3),
        round(math.fsum(call.gb_seconds for call in calls), 3),
    )


def ranges(usage: Usage) -> int:
    """How many ranges of its chunks the object was spread over; 0 where one invocation had it whole."""
    return max((call.calls for call in usage.invocations.values() if call.state.is_range), default=0)


def transitions(run: RunRecord) -> int:
    """The steps of the state machine that the run took, or will have taken by its end.

    Each invocation is one, and so are all of a map's together; it leads to others. What is missing: an attempt that was
    killed before it could write anything, and a map that failed.
    """
    calls = run.usage.invocations.values()
    done = Counter(call.state for call in calls if not call.failed)
    steps = len(BEGIN) + len(calls) + len(RESTART) * run.retries
    steps += sum(len(state.next_steps) * times for state, times in done.items())
    match run.status:
        case Status.PARTIAL:
            steps += len(PARTIAL) * done[State.OUTPUT]
        case Status.REJECTED:
            steps += len(TOO_MANY_REJECTS if run.error_type == "TooManyRejects" else REJECTED)
        case Status.FAILED:
            steps += len(FAILED)
    return steps


def cost_usd(run: RunRecord) -> float:
    """What the run cost, about, in dollars."""
    calls = run.usage.invocations.values()
    published = run.status in (Status.SUCCEEDED, Status.PARTIAL)
    failed = run.status in (Status.REJECTED, Status.FAILED)
    # Written by the state machine, or by the commit once it can report itself no more; a transaction is charged twice.
    transformed = sum("UpdateMetadata" in call.state.next_steps and not call.failed for call in calls)
    writes = transformed + 2 * published + failed
    children = [call for call in calls if call.state.is_range]
    parts = (
        prices.LAMBDA_GB_SECOND.of(math.fsum(call.gb_seconds for call in calls)),
        prices.LAMBDA_REQUEST.of(sum(call.calls for call in calls)),
        prices.STATE_TRANSITION.of(transitions(run)),
        prices.EXPRESS_REQUEST.of(sum(call.calls for call in children)),
        prices.EXPRESS_GB_SECOND.of(EXPRESS_GB * math.fsum(call.seconds for call in children)),
        prices.S3_EVENT.of(run.replay_of is None),
        prices.S3_READ.of(sum(call.s3_reads for call in calls)),
        prices.S3_WRITE.of(sum(call.s3_writes for call in calls) + published),  # and the output's manifest
        prices.DYNAMODB_READ.of(math.fsum(call.ledger_reads for call in calls)),
        prices.DYNAMODB_WRITE.of(math.fsum(call.ledger_writes for call in calls) + LEDGER_WRITE_UNITS * writes),
        prices.SQS_REQUEST.of(failed or run.status == Status.PARTIAL),
        prices.SNS_PUBLISH.of(published or failed),
    )
    return round(math.fsum(parts), DIGITS)
