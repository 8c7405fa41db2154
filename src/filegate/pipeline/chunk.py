"""One chunk in validate: its rows are read, evaluated and split, and its parts are written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from filegate.contract import Evaluation
from filegate.errors import ConservationError
from filegate.formats import Reader, Records, make_reader
from filegate.formats.sources import TextSource
from filegate.pipeline.context import Context
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.quarantine import QuarantineReader, quarantine_frame
from filegate.pipeline.uniqueness import ObjectKeys
from filegate.runs.manifests import AcceptedPart, Chunk, ChunkManifest, ChunkOutcome, QuarantinePart
from filegate.runs.run import Run


@dataclass(frozen=True)
class SplitChunk:
    """A chunk's accepted rows, its rejected ones as the quarantine keeps them, and the rules that these broke."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    rules: Counter[str]


class ChunkValidator:
    """Validates the chunks of one manifest; their keys go to `keys`."""

    def __init__(self, run: Run, context: Context, manifest: ChunkManifest, keys: ObjectKeys, scratch: Path) -> None:
        dataset, layout = context.registry[run.request.dataset], manifest.layout
        source = dataset.sources[layout.source]
        self._run = run
        self._context = context
        self._keys = keys
        self._scratch = scratch
        self._contract = dataset.contract
        self._date_formats = source.date_formats if isinstance(source, TextSource) else {}
        self._reader: Reader = (
            QuarantineReader(layout, source, dataset, scratch)
            if manifest.quarantined
            else make_reader(layout, source, dataset.expected_columns, dataset.on_unknown_columns)
        )

    def validate(self, chunk: Chunk, repeats: pl.DataFrame | None = None) -> ChunkOutcome:
        """Writes the chunk's accepted and rejected parts.

        Args:
            chunk: of the manifest.
            repeats: `__row__`, `rule`: in the second pass, the rows that break a rule of uniqueness.

        Raises:
            ConservationError: it has another number of rows than ingest counted, or rows got lost.
        """
        split = self._split(chunk, repeats)
        self._keys.add_accepted(chunk.index, split.accepted)
        accepted_at = self._context.staged(self._run, f"accepted/{chunk.index:05d}.parquet")
        rejected_at = self._context.quarantined(self._run, f"{chunk.index:05d}.parquet")
        if split.accepted.height:
            part = parquet_bytes(split.accepted, compression="lz4", statistics=False)
            self._context.store.write(accepted_at, part)
        if split.rejected.height:
            part = parquet_bytes(split.rejected, compression="zstd", level=1, statistics=False)
            self._context.store.write(rejected_at, part)
        return ChunkOutcome(
            accepted=AcceptedPart(index=chunk.index, key=accepted_at.key, rows=split.accepted.height),
            rejected=QuarantinePart(key=rejected_at.key, rows=split.rejected.height),
            rules=split.rules,
        )

    def _split(self, chunk: Chunk, repeats: pl.DataFrame | None) -> SplitChunk:
        """A method of its own, so that its memory is free before the parts are written, which need memory too."""
        records, evaluation = self._evaluate(chunk)
        if repeats is None:
            self._keys.add_evaluated(chunk.index, evaluation)
        split = evaluation.split(records.broken, repeats)
        if split.accepted.height + split.rejected.height != records.frame.height:
            raise ConservationError(
                f"Chunk {chunk.index}: {records.frame.height} rows became {split.accepted.height} accepted and "
                f"{split.rejected.height} rejected ones."
            )
        rules = Counter(split.tallies)
        rules.update(record.broken.rule for record in records.malformed)
        none_rejected = split.rejected.is_empty() and not records.malformed
        rejected = pl.DataFrame() if none_rejected else quarantine_frame(split.rejected, records)
        return SplitChunk(split.accepted, rejected, rules)

    def _evaluate(self, chunk: Chunk) -> tuple[Records, Evaluation]:
        blob = self._context.store.blob(chunk.blob, self._scratch)
        records = self._reader.read(blob, chunk)
        found = records.frame.height + len(records.malformed)
        if found != chunk.rows:
            raise ConservationError(
                f"{blob.name}, chunk {chunk.index}: {found} rows were read, but ingest counted {chunk.rows}."
            )
        return records, self._contract.evaluate(records.frame, date_formats=self._date_formats, strings=records.strings)
