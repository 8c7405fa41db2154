"""The statuses of a run, and the states of the state machine that call its functions."""

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


class State(StrEnum):
    """A state that calls a function; its value is its name in the state machine."""

    INGEST = "IngestState"
    VALIDATE = "ValidateState"
    VALIDATE_RANGE = "ValidateRange"
    VALIDATE_REDUCE = "ValidateReduce"
    TRANSFORM = "TransformState"
    TRANSFORM_RANGE = "TransformRange"
    TRANSFORM_REDUCE = "TransformReduce"
    OUTPUT = "OutputToS3"
    COMMIT = "CommitState"

    @property
    def stage(self) -> str:
        """The stage, and so the function, that it calls."""
        return _STAGES[self]

    @property
    def next_steps(self) -> tuple[str, ...]:
        """The steps up to the next call of a function, where the run goes well.

        A test compares them with the state machine's definition.
        """
        return _NEXT_STEPS[self]

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

_STAGES = {
    State.INGEST: "ingest",
    State.VALIDATE: "validate",
    State.VALIDATE_RANGE: "validate",
    State.VALIDATE_REDUCE: "validate",
    State.TRANSFORM: "transform",
    State.TRANSFORM_RANGE: "transform",
    State.TRANSFORM_REDUCE: "transform",
    State.OUTPUT: "output",
    State.COMMIT: "output",
}
_NEXT_STEPS = {
    State.INGEST: ("WhoseRun",),
    State.VALIDATE: ("IsValid",),
    State.VALIDATE_RANGE: (),
    State.VALIDATE_REDUCE: ("IsValid",),
    State.TRANSFORM: ("ParallelOutput", "UpdateMetadata"),
    State.TRANSFORM_RANGE: (),
    State.TRANSFORM_REDUCE: ("ParallelOutput", "UpdateMetadata"),
    State.OUTPUT: ("HasRejects",),
    State.COMMIT: ("IsSuperseded", "SuccessNotification", "Published"),
}
