"""Fan-out: a large object's chunks, worked on by many invocations at once.

Step Functions' Distributed Map is the engine: it reads a list of ranges, and calls the stage's own function for each.
The outcome of a range is a manifest in the staging bucket, which a repeated invocation overwrites; the stage's reduce
step collects them. That an object cannot be processed is an outcome, too: the Map itself would report no more of a
failure than that there was one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TypeVar

from filegate import errors
from filegate.errors import ConservationError, ObjectGone, OutOfTime, PermanentError
from filegate.pipeline.context import Context
from filegate.pipeline.handover import range_address
from filegate.pipeline.progress import report_progress
from filegate.runs.manifests import Manifest, RangeOutcome, Refusal
from filegate.runs.run import FanOut, Invocation, Range, Run, Usage
from filegate.runs.states import State
from filegate.storage.objects import read_document, write_document

GROUP_CHUNKS = 8
"""Chunks that make one output part a partition, 50 MB of text: readers want few and large files."""
RANGE_CHUNKS = 2 * GROUP_CHUNKS
"""Chunks of one invocation: 100 MB, which validate's share of a processor takes 20 seconds for, and four times as long
for JSON. They are whole groups, so that the parts are those of a single invocation."""
ATTEMPT = timedelta(seconds=120)
"""How long one may take. The state machine gives it up after 140 seconds, and what is given up must write no more. An
express execution lives for five minutes, so there is time for a second one."""
CONCURRENT_REQUESTS = 16

T = TypeVar("T")
U = TypeVar("U")


def all_ranges(run: Run) -> list[Range]:
    """All the ranges of an object."""
    assert run.ingested is not None
    return [Range(index=index) for index in range(math.ceil(run.ingested.chunks / RANGE_CHUNKS))]


def per_range(chunks: Sequence[T]) -> list[Sequence[T]]:
    """An object's chunks, or a sequence with one item for each chunk, range by range."""
    return [chunks[first : first + RANGE_CHUNKS] for first in range(0, len(chunks), RANGE_CHUNKS)]


def start_all(
    run: Run, context: Context, state: State, name: str, manifests: Iterable[Manifest], *, chunks: int
) -> Run:
    """Enters a state whose work is spread over all ranges of the object, and passes each of them its manifest.

    Args:
        run: enters the state.
        context: of the stage before it.
        state: VALIDATE or TRANSFORM.
        name: of the manifests: CHUNKS or ACCEPTED.
        manifests: one for each range, in order.
        chunks: how many chunks there are to work on.
    """

    def write(numbered: tuple[int, Manifest]) -> None:
        write_document(context.store, range_address(run, context, name, numbered[0]), numbered[1])

    map_concurrently(write, enumerate(manifests))
    return start(run, context, state, all_ranges(run), chunks=chunks)


def start(run: Run, context: Context, state: State, ranges: Sequence[Range], *, chunks: int, passes: int = 0) -> Run:
    """Enters a state whose work is spread over ranges, and writes the list that its Map reads.

    Args:
        run: enters the state.
        context: of the stage before it.
        state: VALIDATE or TRANSFORM.
        ranges: to be worked on.
        chunks: how many chunks of these there are to work on.
        passes: how many times the object's ranges were worked on before.
    """
    context.ledger.enter(run, state, context.now(), context.used(run), chunks=chunks)
    address = context.staged(run, f"ranges/{state}{passes}.json")
    context.store.write(address, json.dumps([range_.model_dump(mode="json") for range_ in ranges]).encode())
    return run.with_fan_out(FanOut(ranges=address.key, looks=passes))


def listed_ranges(run: Run, context: Context) -> list[Range]:
    """The ranges that the present Map works on, as `start` wrote them."""
    assert run.fan_out is not None
    listed = json.loads(context.store.read(context.staged_key(run.fan_out.ranges)))
    return [Range.model_validate(range_) for range_ in listed]


def until_deadline(items: Iterable[T], context: Context) -> Iterator[T]:
    """The items, one after another, as long as this attempt may go on.

    Raises:
        OutOfTime: it may not.
    """
    begun = context.now()
    for item in items:
        yield item
        if context.now() - begun > ATTEMPT:
            raise OutOfTime(f"A range took longer than the {ATTEMPT.total_seconds():.0f} seconds that an attempt has.")


def run_range(run: Run, context: Context, name: str, work: Callable[[Range], RangeOutcome]) -> Run:
    """Does the work of one invocation, writes its outcome, and reports the progress to the ledger."""
    assert run.range is not None
    try:
        outcome = work(run.range)
    except PermanentError as error:
        refusal = Refusal(type=type(error).__name__, problem=error.problem, advice=error.advice)
        outcome = RangeOutcome(range=run.range, refusal=refusal, used=context.meter.invocation())
    write_document(context.store, range_address(run, context, name, run.range.index), outcome)
    report_progress(run, context, chunks=outcome.chunks_done, rows=outcome.rows_done)
    return run


def collect(run: Run, context: Context, name: str) -> tuple[Run, list[RangeOutcome]]:
    """The run with what its last Map used, and the outcomes of all ranges, in order.

    The ledger gets the usage at once: nobody else could write it, should the caller fail.

    Raises:
        PermanentError: the first one that a range reports.
        ConservationError: a range has no outcome, or not that of its last pass.
    """

    def outcome(range_: Range) -> RangeOutcome | None:
        try:
            return read_document(context.store, range_address(run, context, name, range_.index), RangeOutcome)
        except ObjectGone:
            return None

    worked_on = listed_ranges(run, context)
    latest = {range_.index: range_ for range_ in (*all_ranges(run), *worked_on)}
    outcomes = map_concurrently(outcome, latest.values())
    calls = [outcomes[range_.index] for range_ in worked_on]
    run = run.with_usage(_used(run, [call.used for call in calls if call is not None]))
    context.ledger.record(run, context.used(run))
    return run, [_proven(range_, found) for range_, found in zip(latest.values(), outcomes, strict=True)]


def map_concurrently(work: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """`work` of each item, in order, for work that waits for the store."""
    with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
        return list(pool.map(work, items))


def _proven(range_: Range, outcome: RangeOutcome | None) -> RangeOutcome:
    """The outcome, if it is that of this pass over the range: one that was given up may still have written its own."""
    if outcome is None:
        raise ConservationError(f"Range {range_.index} came back without an outcome.")
    if outcome.range != range_:
        other = "another pass" if outcome.range.index == range_.index else f"range {outcome.range.index}"
        raise ConservationError(f"Range {range_.index} came back with the outcome of {other}.")
    if outcome.refusal is not None:
        kind: type[PermanentError] = getattr(errors, outcome.refusal.type)
        raise kind(outcome.refusal.problem, advice=outcome.refusal.advice)
    return outcome


def _used(run: Run, calls: Sequence[Invocation]) -> Usage:
    """What a Map's invocations used, as one entry: thousands of them would not fit into the run's document."""
    assert run.fan_out is not None
    if not calls:
        return Usage()
    names = ("calls", "seconds", "s3_reads", "s3_writes", "ledger_reads", "ledger_writes")
    total = {name: round(math.fsum(getattr(call, name) for call in calls), 3) for name in names}
    name = f"{PurePosixPath(run.fan_out.ranges).stem}_{run.retries.count}"  # a restart's maps are others
    return Usage(invocations={name: Invocation.model_validate(calls[0].model_dump() | total)})
