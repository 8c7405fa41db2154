"""The statuses of a run."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a run stands. All but RUNNING are final."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    """Every row was accepted and published."""
    PARTIAL = "PARTIAL"
    """The accepted rows were published; the rejected ones, no more than tolerated, are in quarantine."""
    REJECTED = "REJECTED"
    """Nothing was published: the object is unreadable, breaks the contract as a whole, or has too many rejects."""
    FAILED = "FAILED"
    """Nothing was published: the pipeline itself did not get through, retries included."""
    DUPLICATE = "DUPLICATE"
    """The event announced an object version that has, or had, its run already. Never stored in the ledger."""
