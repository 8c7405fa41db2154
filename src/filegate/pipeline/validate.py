"""Validate: chunk by chunk, split the rows into those that honour the contract and those that do not.

Chunks are independent but for uniqueness, which is a property of the whole object: the keys of all chunks are compared,
and the chunks that turn out to hold repeated rows are validated once more with that knowledge, overwriting their parts.

The whole object is one invocation's, or, where it is a large one, a range of its chunks is; then `reduce_validated`
does what needs all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import polars as pl

from filegate.contract.evaluation import OTHER_RULES
from filegate.dataset.declaration import Declaration
from filegate.errors import ConservationError
from filegate.pipeline import fan_out
from filegate.pipeline.chunk import ChunkValidator
from filegate.pipeline.context import Context
from filegate.pipeline.handover import ACCEPTED, CHUNKS, read_manifest, write_manifest
from filegate.pipeline.ingest import QUARANTINE_MANIFEST
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.progress import ProgressReporter
from filegate.pipeline.uniqueness import ObjectKeys
from filegate.runs.address import Address
from filegate.runs.manifests import AcceptedManifest, ChunkManifest, ChunkOutcome, QuarantineManifest, RangeOutcome
from filegate.runs.run import Range, Run, Validated
from filegate.runs.states import State
from filegate.storage.objects import read_document, write_document

SHOWN_RULES = 5
MAX_RULES = 200
"""How many rules are counted by name: a file can bring any number of unknown columns, the run's document cannot."""
MAX_SHARE = 100.0
"""The highest share of the tolerance that is reported: beyond it the number says no more."""
OUTCOMES = "validated"
"""The folder of the ranges' outcomes in the staging bucket."""


def validate(run: Run, context: Context) -> Run:
    """Writes the accepted and the rejected parts of every chunk.

    Raises:
        ConservationError: a chunk holds another number of rows than ingest counted, or rows got lost in between.
    """
    context.ledger.enter(run, State.VALIDATE, context.now(), context.used(run))
    manifest = read_manifest(run, context, CHUNKS, ChunkManifest)
    dataset = context.registry[run.request.dataset]
    progress = ProgressReporter(run, context)
    with context.scratch() as scratch:
        keys = ObjectKeys(run, dataset, scratch)
        validator = ChunkValidator(run, context, manifest, keys, scratch)
        outcomes = []
        for chunk in manifest.chunks:
            outcomes.append(validator.validate(chunk))
            progress.done(chunks=1, rows=chunk.rows)
        for index in keys.broken():
            outcomes[index] = validator.validate(manifest.chunks[index], keys.broken_in(index))
        outcomes = _without_repeats(run, context, outcomes, keys)
    return _concluded(run, context, dataset, manifest, outcomes)


def validate_range(run: Run, context: Context) -> Run:
    """Does for the chunks of one range what `validate` does for all, but for what needs the others."""

    def work(range_: Range) -> RangeOutcome:
        address = fan_out.range_address(run, context, "chunks", range_.index)
        manifest = read_document(context.store, address, ChunkManifest)
        dataset = context.registry[run.request.dataset]
        with context.scratch() as scratch:
            keys = ObjectKeys(run, dataset, scratch)
            validator = ChunkValidator(run, context, manifest, keys, scratch)
            if range_.again:
                address = fan_out.range_address(run, context, OUTCOMES, range_.index)
                earlier = read_document(context.store, address, RangeOutcome)
                if earlier.range == range_:
                    return earlier  # an attempt completed this pass, but its answer was lost
                broken = pl.read_parquet(context.store.read(_broken(run, context, range_.index)))
                outcomes = [
                    validator.validate(chunk, broken) if chunk.index in range_.again else outcome
                    for chunk, outcome in fan_out.until_deadline(
                        zip(manifest.chunks, earlier.chunks, strict=True), context
                    )
                ]
            else:
                outcomes = [validator.validate(chunk) for chunk in fan_out.until_deadline(manifest.chunks, context)]
            keys.write_range(run, context)
        done = [chunk for chunk in manifest.chunks if not range_.again or chunk.index in range_.again]
        return RangeOutcome(
            range=range_,
            used=context.meter.invocation(),
            chunks_done=len(done),
            rows_done=sum(chunk.rows for chunk in done),
            chunks=tuple(outcomes),
        )

    return fan_out.run_range(run, context, OUTCOMES, work)


def reduce_validated(run: Run, context: Context) -> Run:
    """Brings the ranges together; or sends those that hold repeated rows through the Map once more.

    Raises:
        PermanentError: an invocation of the Map found that the object cannot be processed.
        ConservationError: not every chunk came back exactly once.
    """
    assert run.fan_out is not None
    assert run.ingested is not None
    passes, chunks = run.fan_out.looks, run.ingested.chunks
    run, ranges = fan_out.collect(run, context, OUTCOMES)
    outcomes = [chunk for outcome in ranges for chunk in outcome.chunks]
    if [outcome.accepted.index for outcome in outcomes] != list(range(chunks)):
        raise ConservationError(f"{len(outcomes)} chunks came back of {chunks}, or not in their order.")
    dataset = context.registry[run.request.dataset]
    with context.scratch() as scratch:
        keys = ObjectKeys(run, dataset, scratch)
        if passes == 0:
            keys.collect_ranges(run, context, uniques=True)
            if rechecks := _rechecks(run, context, keys):
                chunks = sum(len(range_.again) for range_ in rechecks)
                return fan_out.start(run, context, State.VALIDATE, rechecks, chunks=chunks, passes=1)
        keys.collect_ranges(run, context, uniques=False)
        outcomes = _without_repeats(run, context, outcomes, keys)
    layout = read_document(context.store, fan_out.range_address(run, context, "chunks", 0), ChunkManifest)
    return _concluded(run, context, dataset, layout, outcomes)


def _rechecks(run: Run, context: Context, keys: ObjectKeys) -> list[Range]:
    """The ranges with rows that break a rule of uniqueness; which rows do is written for the second pass."""
    rechecks = []
    for index, chunks in groupby(keys.broken(), key=lambda chunk: chunk // fan_out.RANGE_CHUNKS):
        range_ = Range(index=index, again=tuple(chunks))
        broken = pl.concat(keys.broken_in(chunk) for chunk in range_.again)
        context.store.write(_broken(run, context, index), parquet_bytes(broken, compression="lz4"))
        rechecks.append(range_)
    return rechecks


def _without_repeats(
    run: Run, context: Context, outcomes: Sequence[ChunkOutcome], keys: ObjectKeys
) -> list[ChunkOutcome]:
    """The outcomes, which name the accepted rows that are not to be published: an earlier row has their key."""
    found = list(outcomes)
    for chunk, rows in keys.repeated():
        place = context.staged(run, f"repeated/{chunk:05d}.parquet")
        context.store.write(place, parquet_bytes(rows.to_frame(), compression="lz4"))
        accepted = found[chunk].accepted.model_copy(update={"repeated": rows.len(), "repeats": place.key})
        found[chunk] = found[chunk].model_copy(update={"accepted": accepted})
    return found


def _broken(run: Run, context: Context, index: int) -> Address:
    """Where it is written which rows of a range break a rule of uniqueness: `__row__`, `rule`."""
    return context.staged(run, f"broken/{index:05d}.parquet")


def _pass_to_transform(run: Run, context: Context, dataset: Declaration, outcomes: Sequence[ChunkOutcome]) -> Run:
    """Passes transform what it reads: one manifest, or, where it fans out as well, one for each range."""

    def accepted(some: Sequence[ChunkOutcome]) -> AcceptedManifest:
        return AcceptedManifest(parts=tuple(outcome.accepted for outcome in some if outcome.accepted.rows))

    if run.fan_out is None or dataset.transform_scope == "object":
        return write_manifest(run.with_fan_out(None), context, ACCEPTED, accepted(outcomes))
    ranges = fan_out.all_ranges(run)

    def write(range_: Range) -> None:
        address = fan_out.range_address(run, context, "accepted", range_.index)
        write_document(context.store, address, accepted(fan_out.slice_of(range_, outcomes)))

    fan_out.map_concurrently(write, ranges)
    chunks = sum(outcome.accepted.rows > 0 for outcome in outcomes)
    return fan_out.start(run, context, State.TRANSFORM, ranges, chunks=chunks)


def _concluded(
    run: Run, context: Context, dataset: Declaration, manifest: ChunkManifest, outcomes: Sequence[ChunkOutcome]
) -> Run:
    """Sums the chunks up; `manifest` is any of the run's chunk manifests."""
    rules = _tallied(outcomes)
    rejected = QuarantineManifest(
        run_id=run.run_id,
        dataset=run.request.dataset,
        object=str(run.request.address),
        layout=manifest.layout,
        rules=rules,
        parts=tuple(outcome.rejected for outcome in outcomes if outcome.rejected.rows),
    )
    rejected_at = context.quarantined(run, QUARANTINE_MANIFEST)
    if rejected.parts:
        write_document(context.store, rejected_at, rejected)
    rows_accepted = sum(outcome.accepted.rows for outcome in outcomes)
    rows_rejected = sum(part.rows for part in rejected.parts)
    assert run.ingested is not None
    if rows_accepted + rows_rejected != run.ingested.rows:
        raise ConservationError(
            f"{run.ingested.rows:,} rows became {rows_accepted:,} accepted and {rows_rejected:,} rejected ones."
        )
    # The rows of a replay were all rejected before: each one that gets through now is a gain.
    tolerated = 1.0 if manifest.quarantined else dataset.tolerated_rejects
    share = rows_rejected / (rows_accepted + rows_rejected)
    result = Validated(
        verdict="VALID" if rows_accepted and share <= tolerated else "INVALID",
        rows_in=rows_accepted + rows_rejected,
        rows_accepted=rows_accepted,
        rows_rejected=rows_rejected,
        rows_repeated=sum(outcome.accepted.repeated for outcome in outcomes),
        share_of_tolerance=_share_of_tolerance(share, tolerated),
        rules=rules,
        message=_message(rows_rejected, rows_accepted + rows_rejected, tolerated, rules),
        quarantine=str(rejected_at) if rejected.parts else "",
    )
    run = run.with_validated(result)
    if result.verdict == "VALID":
        return _pass_to_transform(run, context, dataset, outcomes)
    context.ledger.record(run, context.used(run))  # no other function will
    return run


def _share_of_tolerance(share: float, tolerated: float) -> float:
    """1 is just tolerated. Where nothing is tolerated, any reject counts as `MAX_SHARE`."""
    if share <= tolerated * MAX_SHARE:
        return share / tolerated if tolerated else 0.0
    return MAX_SHARE


def _tallied(outcomes: Sequence[ChunkOutcome]) -> dict[str, int]:
    """Rejected rows by rule, the commonest first; rules beyond `MAX_RULES` together."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.rules)
    ranked = sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))
    rest = sum(count for _, count in ranked[MAX_RULES:])
    return dict(ranked[:MAX_RULES]) | ({OTHER_RULES: rest} if rest else {})


def _message(rejected: int, rows: int, tolerated: float, rules: dict[str, int]) -> str:
    if not rejected:
        return f"All {rows:,} rows honour the contract."
    worst = ", ".join(f"{rule} {count:,}" for rule, count in list(rules.items())[:SHOWN_RULES])
    more = f" and {len(rules) - SHOWN_RULES} more rules" if len(rules) > SHOWN_RULES else ""
    share = f"{rejected / rows:.2%}; {tolerated:.2%} tolerated" if rejected < rows else "all; none is left to publish"
    return f"{rejected:,} of {rows:,} rows were rejected ({share}): {worst}{more}."
