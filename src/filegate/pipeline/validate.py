"""Validate: chunk by chunk, split the rows into those that honour the contract and those that do not.

Chunks are independent but for uniqueness, which is a property of the whole object: the keys of all chunks are compared,
and the chunks that turn out to hold repeated rows are validated once more with that knowledge; the manifests name the
parts of that pass.

The whole object is one invocation's, or, where it is a large one, a range of its chunks is; then `reduce_validated`
does what needs all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from filegate.contract.evaluation import OTHER_RULES
from filegate.dataset.declaration import Declaration
from filegate.errors import ConservationError
from filegate.pipeline import fan_out
from filegate.pipeline.chunk import ChunkValidator
from filegate.pipeline.context import Context
from filegate.pipeline.handover import ACCEPTED, CHUNKS, range_address, read_manifest, write_manifest
from filegate.pipeline.ingest import QUARANTINE_MANIFEST
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.progress import ProgressReporter
from filegate.pipeline.uniqueness import ObjectKeys
from filegate.runs.address import Address
from filegate.runs.manifests import (
    AcceptedManifest,
    ChunkManifest,
    ChunkOutcome,
    Layout,
    QuarantineManifest,
    RangeOutcome,
)
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
    dataset = context.registry[run.request.dataset]
    manifest = read_manifest(run, context, CHUNKS, ChunkManifest)
    progress = ProgressReporter(run, context)
    with TemporaryDirectory(prefix="filegate-") as scratch:
        validator = ChunkValidator(run, context, dataset, manifest, Path(scratch))
        outcomes = []
        for chunk in manifest.chunks:
            outcomes.append(validator.validate(chunk))
            progress.done(chunks=1, rows=chunk.rows)
        for index in validator.keys.broken():
            outcomes[index] = validator.validate(manifest.chunks[index], validator.keys.broken_in(index))
        outcomes = validator.keys.without_repeats(run, context, outcomes)
    return _concluded(run, context, dataset, manifest, outcomes)


def validate_range(run: Run, context: Context) -> Run:
    """Does for the chunks of one range what `validate` does for all, but for what needs the others."""

    def work(range_: Range) -> RangeOutcome:
        dataset = context.registry[run.request.dataset]
        manifest = read_manifest(run, context, CHUNKS, ChunkManifest)
        with TemporaryDirectory(prefix="filegate-") as scratch:
            validator = ChunkValidator(run, context, dataset, manifest, Path(scratch))
            if range_.again:
                address = range_address(run, context, OUTCOMES, range_.index)
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
            validator.keys.write_range(run, context)
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
    with TemporaryDirectory(prefix="filegate-") as scratch:
        keys = ObjectKeys(run, dataset, Path(scratch))
        if passes == 0:
            keys.collect_ranges(run, context, uniques=True)
            if rechecks := _rechecks(run, context, keys):
                chunks = sum(len(range_.again) for range_ in rechecks)
                return fan_out.start(run, context, State.VALIDATE, rechecks, chunks=chunks, passes=1)
        keys.collect_ranges(run, context, uniques=False)
        outcomes = keys.without_repeats(run, context, outcomes)
    manifest = read_document(context.store, range_address(run, context, CHUNKS, 0), ChunkManifest)
    return _concluded(run, context, dataset, manifest, outcomes)


def _rechecks(run: Run, context: Context, keys: ObjectKeys) -> list[Range]:
    """The ranges with rows that break a rule of uniqueness; which rows do is written for the second pass."""
    rechecks = []
    for index, chunks in groupby(keys.broken(), key=lambda chunk: chunk // fan_out.RANGE_CHUNKS):
        range_ = Range(index=index, again=tuple(chunks))
        broken = pl.concat(keys.broken_in(chunk) for chunk in range_.again)
        context.store.write(_broken(run, context, index), parquet_bytes(broken, compression="lz4"))
        rechecks.append(range_)
    return rechecks


def _broken(run: Run, context: Context, index: int) -> Address:
    """Where it is written which rows of a range break a rule of uniqueness: `__row__`, `rule`."""
    return context.staged(run, f"broken/{index:05d}.parquet")


def _concluded(
    run: Run, context: Context, dataset: Declaration, manifest: ChunkManifest, outcomes: Sequence[ChunkOutcome]
) -> Run:
    """Sums the chunks up; `manifest` is any of the run's chunk manifests."""
    assert run.ingested is not None
    rows, rules = run.ingested.rows, _tallied(outcomes)
    quarantine = _write_quarantine(run, context, manifest.layout, rules, outcomes)
    accepted = _accepted(outcomes)
    rows_accepted = sum(part.rows for part in accepted.parts)
    rows_rejected = sum(outcome.rejected.rows for outcome in outcomes)
    if rows_accepted + rows_rejected != rows:
        raise ConservationError(f"{rows:,} rows became {rows_accepted:,} accepted and {rows_rejected:,} rejected ones.")
    # The rows of a replay were all rejected before: each one that gets through now is a gain.
    tolerated = 1.0 if manifest.quarantined else dataset.tolerated_rejects
    share = rows_rejected / rows
    is_valid = rows_accepted > 0 and share <= tolerated
    run = run.with_validated(
        Validated(
            verdict="VALID" if is_valid else "INVALID",
            rows_in=rows,
            rows_accepted=rows_accepted,
            rows_rejected=rows_rejected,
            rows_repeated=sum(part.repeated for part in accepted.parts),
            share_of_tolerance=_share_of_tolerance(share, tolerated),
            rules=rules,
            message=_message(rows_rejected, rows, tolerated, rules),
            quarantine=quarantine,
        )
    )
    if not is_valid:
        context.ledger.record(run, context.used(run))  # no other function will
        return run
    if run.fan_out is None or dataset.transform_scope == "object":
        return write_manifest(run.with_fan_out(None), context, ACCEPTED, accepted)
    ranges = [_accepted(some) for some in fan_out.per_range(outcomes)]
    return fan_out.start_all(run, context, State.TRANSFORM, ACCEPTED, ranges, chunks=len(accepted.parts))


def _accepted(outcomes: Sequence[ChunkOutcome]) -> AcceptedManifest:
    """What transform reads of some chunks."""
    return AcceptedManifest(parts=tuple(outcome.accepted for outcome in outcomes if outcome.accepted.rows))


def _write_quarantine(
    run: Run, context: Context, layout: Layout, rules: dict[str, int], outcomes: Sequence[ChunkOutcome]
) -> str:
    """Writes the quarantine's manifest, and returns its address; empty if no row was rejected."""
    parts = tuple(outcome.rejected for outcome in outcomes if outcome.rejected.rows)
    if not parts:
        return ""
    manifest = QuarantineManifest(
        run_id=run.run_id,
        dataset=run.request.dataset,
        object=str(run.request.address),
        layout=layout,
        rules=rules,
        parts=parts,
    )
    address = context.quarantined(manifest.dataset, run.run_id, QUARANTINE_MANIFEST)
    write_document(context.store, address, manifest)
    return str(address)


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
