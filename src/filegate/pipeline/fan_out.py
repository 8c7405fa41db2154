"""Fan-out: a large object's chunks, worked on by many invocations at once.

Step Functions' Distributed Map is the engine: it reads a list of ranges, and calls the stage's own function for each.
What became of a range is a manifest in the staging bucket, which an invocation that is repeated overwrites; the stage's
reduce step brings them together. That an object cannot be processed is an outcome, too: the Map would tell no more of a
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
from filegate.pipeline.progress import tell
from filegate.runs.address import Address
from filegate.runs.manifests import RangeOutcome, Refusal
from filegate.runs.run import FanOut, Invocation, Range, Run, Usage
from filegate.storage.documents import read_document, write_document

GROUP_CHUNKS = 8
"""So many chunks, 50 MB of text, make one output part a partition: readers want few and large files."""
RANGE_CHUNKS = 2 * GROUP_CHUNKS
"""So many chunks are one invocation's: 100 MB, which validate's share of a processor takes 20 seconds for, and four
times as long for JSON. They are whole groups, so that the parts are those of a single invocation."""
ATTEMPT = timedelta(seconds=120)
"""How long one may take. The state machine gives it up after 140 seconds, and what is given up must write no more. An
express execution lives for five minutes, so there is time for a second one."""
REQUESTS_AT_ONCE = 16

T = TypeVar("T")
U = TypeVar("U")


def is_wide(chunks: int, context: Context) -> bool:
    """Whether so many chunks are worth more than one invocation."""
    return chunks > RANGE_CHUNKS and chunks * context.settings.chunk_bytes > context.settings.fan_out_bytes


def ranges(run: Run) -> list[Range]:
    """All the ranges of an object."""
    assert run.ingested is not None
    return [Range(index=index) for index in range(math.ceil(run.ingested.chunks / RANGE_CHUNKS))]


def own(part: Range, chunks: Sequence[T]) -> Sequence[T]:
    """Those of an object's chunks, or of what there is one of for each chunk, that are the range's."""
    return chunks[part.index * RANGE_CHUNKS : (part.index + 1) * RANGE_CHUNKS]


def spread(
    run: Run, context: Context, state: str, parts: Sequence[Range], *, chunks: int | None = None, looks: int = 0
) -> FanOut:
    """Enters a state whose work is spread, and writes what its Map reads; `chunks` are to be worked on, or all."""
    context.ledger.enter(run, state, context.now(), context.used(run), chunks=chunks)
    address = context.staged(run, f"ranges/{state}{looks}.json")
    context.store.write(address, json.dumps([part.model_dump(mode="json") for part in parts]).encode())
    return FanOut(ranges=address.key, looks=looks)


def of_range(run: Run, context: Context, name: str, index: int) -> Address:
    """Where a range's artefact of that name is."""
    return context.staged(run, f"{name}/{index:05d}.json")


def in_time(items: Iterable[T], context: Context) -> Iterator[T]:
    """The items, one after another, as long as this attempt may go on.

    Raises:
        OutOfTime: it may not.
    """
    begun = context.now()
    for item in items:
        yield item
        if context.now() - begun > ATTEMPT:
            raise OutOfTime(f"A range took longer than the {ATTEMPT.total_seconds():.0f} seconds that an attempt has.")


def told(run: Run, context: Context, name: str, work: Callable[[Range], RangeOutcome]) -> Run:
    """Does the work of one invocation, writes what became of it, and tells the ledger of the progress."""
    assert run.range is not None
    try:
        outcome = work(run.range)
    except PermanentError as error:
        refusal = Refusal(type=type(error).__name__, problem=error.problem, advice=error.advice)
        outcome = RangeOutcome(range=run.range, refusal=refusal, used=context.meter.invocation())
    write_document(context.store, of_range(run, context, name, run.range.index), outcome)
    tell(run, context, chunks=outcome.chunks_done, rows=outcome.rows_done)
    return run


def gathered(run: Run, context: Context, name: str) -> tuple[Run, list[RangeOutcome]]:
    """The run with what its last Map used, and the outcomes of all ranges, in order.

    The ledger is told of the use at once: nobody else could, should the caller fail.

    Raises:
        PermanentError: as the first of the ranges that cannot be processed tells.
        ConservationError: a range has no outcome, or not that of its last look.
    """

    def outcome(part: Range) -> RangeOutcome | None:
        try:
            return read_document(context.store, of_range(run, context, name, part.index), RangeOutcome)
        except ObjectGone:
            return None

    assert run.fan_out is not None
    listed = json.loads(context.store.read(context.staged_key(run.fan_out.ranges)))
    looked_at = [Range.model_validate(part) for part in listed]
    latest = {part.index: part for part in (*ranges(run), *looked_at)}
    outcomes = at_once(outcome, latest.values())
    calls = [outcomes[part.index] for part in looked_at]
    run = run.having(usage=run.usage | _used(run, [call.used for call in calls if call is not None]))
    context.ledger.record(run, context.used(run))
    return run, [_proven(part, found) for part, found in zip(latest.values(), outcomes, strict=True)]


def _proven(part: Range, outcome: RangeOutcome | None) -> RangeOutcome:
    """The outcome, if it is that of this look at the range: an invocation that was given up may still write its own."""
    if outcome is None:
        raise ConservationError(f"Range {part.index} came back without an outcome.")
    if outcome.range != part:
        other = "another look" if outcome.range.index == part.index else f"range {outcome.range.index}"
        raise ConservationError(f"Range {part.index} came back with the outcome of {other}.")
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


def at_once(work: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """`work` of each item, in order, for work that waits for the store."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(work, items))
