"""A run's way through the stages, in this process: what the state machine does with a run that goes well.

The definition in `infra/statemachine/` is the other place that says which state follows which; the property tests run
both on the same files and compare what they make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from filegate.errors import PermanentError
from filegate.pipeline import fan_out
from filegate.pipeline.context import Context, Stage
from filegate.pipeline.ingest import ingest
from filegate.pipeline.output import commit, publish
from filegate.pipeline.transform import reduce_transformed, transform, transform_range
from filegate.pipeline.validate import reduce_validated, validate, validate_range
from filegate.runs.record import RunRecord
from filegate.runs.run import Failure, Range, Run
from filegate.runs.states import State, Status

STAGES: Mapping[State, Stage] = {
    State.INGEST: ingest,
    State.VALIDATE: validate,
    State.VALIDATE_RANGE: validate_range,
    State.VALIDATE_REDUCE: reduce_validated,
    State.TRANSFORM: transform,
    State.TRANSFORM_RANGE: transform_range,
    State.TRANSFORM_REDUCE: reduce_transformed,
    State.OUTPUT: publish,
    State.COMMIT: commit,
}
"""The function of each state."""

Call = Callable[[State, Run], Run]
"""Calls the function of a state, wherever that may run."""


def execute(run: Run, context: Context) -> RunRecord:
    """Runs the four stages over the ports of `context`, and has the ledger keep how the run ended.

    Args:
        run: at its beginning: its id, its execution, its request.
        context: the store, the ledger, the datasets, and the sizes.

    Returns:
        The run as the ledger keeps it. A run of another execution is left as it is.

    Raises:
        FilegateError: anything but a permanent error of the object, which ends the run as REJECTED. Where the state
            machine would try again, the caller may, with the same run.
    """

    def call(state: State, current: Run) -> Run:
        if state == State.OUTPUT:
            context.ledger.record_output(current, context.now())
        return STAGES[state](current, context)

    failure = None
    try:
        for found in walk(run, call, partial(fan_out.listed_ranges, context=context)):
            if found.validated is not None and found.validated.verdict == "INVALID":
                failure = Failure(status=Status.REJECTED, type="TooManyRejects", message=found.validated.message)
    except PermanentError as error:
        failure = Failure(status=Status.REJECTED, type=type(error).__name__, message=str(error))
    if failure is not None:
        context.ledger.record_failure(run, failure, context.now())
    record = context.ledger.get(run.run_id)
    assert record is not None, "ingest has claimed the run"
    return record


def walk(run: Run, call: Call, ranges: Callable[[Run], Iterable[Range]]) -> Iterator[Run]:
    """Calls the functions in the state machine's order, the ranges of a large object one after another.

    Args:
        run: at its beginning.
        call: calls the function of a state.
        ranges: lists the ranges of a run that fans out.

    Yields:
        The run's document as each state leaves it, but for those that work on a range: the last one is committed, or
        INVALID, or claimed by another execution. Errors of `call` end the walk.
    """

    def finish(whole: State, one_range: State, reduce: State) -> Run:
        if run.fan_out is None:
            return call(whole, run)
        for range_ in ranges(run):
            call(one_range, run.with_range(range_))
        return call(reduce, run)

    run = call(State.INGEST, run)
    yield run
    assert run.ingested is not None
    if run.ingested.claim == "DUPLICATE":
        return
    if run.ingested.claim == "CLAIMED":
        while run.validated is None:  # twice, where ranges hold rows that repeat those of others
            run = finish(State.VALIDATE, State.VALIDATE_RANGE, State.VALIDATE_REDUCE)
            yield run
        if run.validated.verdict == "INVALID":
            return
        run = finish(State.TRANSFORM, State.TRANSFORM_RANGE, State.TRANSFORM_REDUCE)
        yield run
        run = call(State.OUTPUT, run)
        yield run
    yield call(State.COMMIT, run)
