"""Validate: chunk by chunk, part the rows that honour the contract from those that do not.

Chunks are independent but for uniqueness, which is a property of the whole object: each chunk's keys go to an index,
and the chunks that turn out to hold repeated rows are validated once more with that knowledge, overwriting their parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from filegate.contract import Checked
from filegate.errors import ConservationError
from filegate.formats import Records, read
from filegate.keys import KeyIndex
from filegate.manifests import (
    AcceptedManifest,
    AcceptedPart,
    Chunk,
    ChunkManifest,
    QuarantineManifest,
    QuarantinePart,
    read_manifest,
    write_manifest,
)
from filegate.parquet import parquet_bytes
from filegate.quarantine import quarantine_frame
from filegate.runs import Run, Validated
from filegate.sources import TextSource
from filegate.stages.context import Context
from filegate.stages.ingest import QUARANTINE_MANIFEST
from filegate.stages.replay import read_quarantined

SHOWN_RULES = 5
MAX_RULES = 200
"""How many rules are counted by name: a file can bring any number of unknown columns, the run's document cannot."""
OTHER_RULES = "*:other"
FAR_BEYOND = 100.0
"""The highest share of the tolerance that is told: beyond it the number says no more."""


@dataclass(frozen=True)
class PartedChunk:
    """A chunk's accepted rows, its rejected ones as the quarantine keeps them, and the rules these broke."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    rules: Counter[str]


@dataclass(frozen=True)
class ChunkOutcome:
    """What became of a chunk's rows."""

    accepted: AcceptedPart
    rejected: QuarantinePart
    rules: Counter[str]


def validate(run: Run, context: Context) -> Run:
    """Writes the accepted and the rejected parts of every chunk.

    Raises:
        ConservationError: a chunk holds another number of rows than ingest counted, or rows got lost in between.
    """
    context.ledger.enter(run, "ValidateState", context.now(), context.used(run))
    assert run.ingested is not None
    manifest = read_manifest(context.store, context.staged(run, "chunks.json"), ChunkManifest)
    with context.scratch() as scratch:
        outcomes = _Validation(run, context, manifest, scratch).outcomes()
    result = _result(run, context, manifest, outcomes)
    context.ledger.record(
        run,
        result.model_dump(include={"rows_in", "rows_accepted", "rows_rejected", "rules", "quarantine"}),
        context.used(run),
    )
    return run.having(validated=result)


class _Validation:
    """One pass over a run's chunks."""

    def __init__(self, run: Run, context: Context, manifest: ChunkManifest, scratch: Path) -> None:
        self._run = run
        self._context = context
        self._manifest = manifest
        self._scratch = scratch
        self._dataset = context.registry[run.request.dataset]
        self._indexes = {
            unique.code: KeyIndex(scratch / f"unique-{number}", unique.keep)
            for number, unique in enumerate(self._dataset.contract.uniques)
        }

    def outcomes(self) -> list[ChunkOutcome]:
        """What became of each chunk, in order."""
        outcomes = [self._write(chunk, self._parted(chunk)) for chunk in self._manifest.chunks]
        for index in self._settle():
            chunk = self._manifest.chunks[index]
            outcomes[index] = self._write(chunk, self._parted(chunk, self._repeats(chunk)))
        return outcomes

    def _parted(self, chunk: Chunk, repeats: pl.DataFrame | None = None) -> PartedChunk:
        """The chunk's rows; on the first pass, without `repeats`, its keys go to the indexes.

        A method of its own, so that all it needs is gone before the parts are written: they want memory of their own.
        """
        records, checked = self._check(chunk)
        if repeats is None:
            for unique in self._dataset.contract.uniques:
                self._indexes[unique.code].add(chunk.index, checked.keys(unique.columns))
            split = checked.split(records.faults)
        else:
            split = checked.split(records.faults, repeats)
        if split.accepted.height + split.rejected.height != records.frame.height:
            raise ConservationError(
                f"Chunk {chunk.index}: {records.frame.height} rows became {split.accepted.height} accepted and "
                f"{split.rejected.height} rejected ones."
            )
        rules = Counter(split.tallies)
        rules.update(record.fault.rule for record in records.malformed)
        return PartedChunk(split.accepted, quarantine_frame(split.rejected, records), rules)

    def _check(self, chunk: Chunk) -> tuple[Records, Checked]:
        source = self._dataset.sources[self._manifest.layout.source]
        blob = self._context.store.blob(chunk.blob, self._scratch)
        if self._manifest.quarantined:
            records = read_quarantined(blob, self._manifest.layout, source, self._dataset, self._scratch)
        else:
            records = read(
                blob,
                start=chunk.start,
                length=chunk.length,
                first_row=chunk.first_row,
                layout=self._manifest.layout,
                source=source,
                columns=self._dataset.expected_columns,
                on_unknown_columns=self._dataset.on_unknown_columns,
                origin=chunk.origin,
            )
        found = records.frame.height + len(records.malformed)
        if found != chunk.rows:
            raise ConservationError(
                f"{blob.name}, chunk {chunk.index}: {found} rows were read, {chunk.rows} announced."
            )
        formats = source.date_formats if isinstance(source, TextSource) else {}
        return records, self._dataset.contract.check(records.frame, date_formats=formats)

    def _write(self, chunk: Chunk, parted: PartedChunk) -> ChunkOutcome:
        accepted_at = self._context.staged(self._run, f"accepted/{chunk.index:05d}.parquet")
        rejected_at = self._context.quarantined(self._run, f"{chunk.index:05d}.parquet")
        if parted.accepted.height:
            part = parquet_bytes(parted.accepted, compression="lz4", statistics=False)
            self._context.store.write(accepted_at, part)
        if parted.rejected.height:
            part = parquet_bytes(parted.rejected, compression="zstd", statistics=False)
            self._context.store.write(rejected_at, part)
        return ChunkOutcome(
            AcceptedPart(index=chunk.index, key=accepted_at.key, rows=parted.accepted.height),
            QuarantinePart(key=rejected_at.key, rows=parted.rejected.height),
            parted.rules,
        )

    def _settle(self) -> list[int]:
        """The chunks that hold rows whose key another row of the object has."""
        return sorted({chunk for index in self._indexes.values() for chunk in index.settle()})

    def _repeats(self, chunk: Chunk) -> pl.DataFrame:
        """`__row__`, `rule`: the uniqueness rules that rows of this chunk break."""
        found = [
            index.repeats(chunk.index).to_frame().with_columns(rule=pl.lit(code))
            for code, index in self._indexes.items()
        ]
        return pl.concat(found)


def _result(run: Run, context: Context, manifest: ChunkManifest, outcomes: Sequence[ChunkOutcome]) -> Validated:
    """Writes the manifests of the parts and sums the chunks up."""
    rules = _tallied(outcomes)
    accepted = AcceptedManifest(parts=tuple(outcome.accepted for outcome in outcomes if outcome.accepted.rows))
    rejected = QuarantineManifest(
        run_id=run.run_id,
        dataset=run.request.dataset,
        object=str(run.request.address),
        layout=manifest.layout,
        rules=rules,
        parts=tuple(outcome.rejected for outcome in outcomes if outcome.rejected.rows),
    )
    accepted_at = context.staged(run, "accepted.json")
    rejected_at = context.quarantined(run, QUARANTINE_MANIFEST)
    write_manifest(context.store, accepted_at, accepted)
    rows_accepted = sum(part.rows for part in accepted.parts)
    rows_rejected = sum(part.rows for part in rejected.parts)
    if rejected.parts:
        write_manifest(context.store, rejected_at, rejected)
    # The rows of a replay were all rejected before: each one that gets through now is a gain.
    tolerated = 1.0 if manifest.quarantined else context.registry[run.request.dataset].tolerated_rejects
    share = rows_rejected / (rows_accepted + rows_rejected)
    return Validated(
        verdict="VALID" if rows_accepted and share <= tolerated else "INVALID",
        rows_in=rows_accepted + rows_rejected,
        rows_accepted=rows_accepted,
        rows_rejected=rows_rejected,
        share_of_tolerance=_share_of_tolerance(share, tolerated),
        rules=rejected.rules,
        message=_message(rows_rejected, rows_accepted + rows_rejected, tolerated, rejected.rules),
        manifest=accepted_at.key,
        quarantine=f"s3://{rejected_at.bucket}/{rejected_at.key}" if rejected.parts else "",
    )


def _share_of_tolerance(share: float, tolerated: float) -> float:
    """1 is just tolerated. Where nothing is, any reject counts as the most that is told."""
    if share <= tolerated * FAR_BEYOND:
        return share / tolerated if tolerated else 0.0
    return FAR_BEYOND


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
