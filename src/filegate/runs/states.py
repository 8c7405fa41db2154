"""The statuses of a run, and the states of the state machine that call its functions."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


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


class State(StrEnum):
    """A state that calls a function; its value is its name in the state machine.

    Attributes:
        stage: the stage, and so the function, that it calls.
        next_steps: the steps that follow it when it succeeds, up to the next call of a function, where the run goes
            well. A test compares them with the state machine's definition.
    """

    stage: str
    next_steps: tuple[str, ...]

    def __new__(cls, name: str, stage: str, *next_steps: str) -> Self:
        state = str.__new__(cls, name)
        state._value_ = name
        state.stage = stage
        state.next_steps = next_steps
        return state

    INGEST = "IngestState", "ingest", "WhoseRun"
    VALIDATE = "ValidateState", "validate", "IsValid"
    VALIDATE_RANGE = "ValidateRange", "validate"
    VALIDATE_REDUCE = "ValidateReduce", "validate", "IsValid"
    TRANSFORM = "TransformState", "transform", "ParallelOutput", "UpdateMetadata"
    TRANSFORM_RANGE = "TransformRange", "transform"
    TRANSFORM_REDUCE = "TransformReduce", "transform", "ParallelOutput", "UpdateMetadata"
    OUTPUT = "OutputToS3", "output", "HasRejects"
    COMMIT = "CommitState", "output", "IsSuperseded", "SuccessNotification", "Published"

    @property
    def is_range(self) -> bool:
        """Whether each call works on one range of a large object, in an execution of its own."""
        return self in (State.VALIDATE_RANGE, State.TRANSFORM_RANGE)

    @property
    def is_fan_out(self) -> bool:
        """Whether only large objects come to it."""
        return self.is_range or self in (State.VALIDATE_REDUCE, State.TRANSFORM_REDUCE)

    @property
    def ends_validation(self) -> bool:
        """Whether it ends with a validated object."""
        return self in (State.VALIDATE, State.VALIDATE_REDUCE)


PARALLEL_OUTPUT = "ParallelOutput"
"""The state in which the output is copied and the ledger is updated; it calls no function itself."""
