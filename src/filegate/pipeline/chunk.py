"""One chunk in validate: its rows parted, and its parts written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from filegate.contract import Checked
from filegate.errors import ConservationError
from filegate.formats import Records, read
from filegate.formats.sources import TextSource
from filegate.pipeline.context import Context
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.quarantine_reader import read_quarantined
from filegate.pipeline.quarantine_writer import quarantine_frame
from filegate.pipeline.uniqueness import ObjectKeys
from filegate.runs.manifests import AcceptedPart, Chunk, ChunkManifest, ChunkOutcome, QuarantinePart
from filegate.runs.run import Run


@dataclass(frozen=True)
class PartedChunk:
    """A chunk's accepted rows, its rejected ones as the quarantine keeps them, and the rules these broke."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    rules: Counter[str]


class ChunkValidator:
    """Validates the chunks of one manifest; their keys go to `keys`."""

    def __init__(self, run: Run, context: Context, manifest: ChunkManifest, keys: ObjectKeys, scratch: Path) -> None:
        self._run = run
        self._context = context
        self._manifest = manifest
        self._keys = keys
        self._scratch = scratch
        self._dataset = context.registry[run.request.dataset]

    def validate(self, chunk: Chunk, repeats: pl.DataFrame | None = None) -> ChunkOutcome:
        """Writes the chunk's accepted and rejected parts.

        Args:
            chunk: of the manifest.
            repeats: `__row__`, `rule`: on the second look, which rows break a rule of uniqueness.

        Raises:
            ConservationError: it holds another number of rows than ingest counted, or rows got lost.
        """
        parted = self._parted(chunk, repeats)
        self._keys.add_accepted(chunk.index, parted.accepted)
        accepted_at = self._context.staged(self._run, f"accepted/{chunk.index:05d}.parquet")
        rejected_at = self._context.quarantined(self._run, f"{chunk.index:05d}.parquet")
        if parted.accepted.height:
            part = parquet_bytes(parted.accepted, compression="lz4", statistics=False)
            self._context.store.write(accepted_at, part)
        if parted.rejected.height:
            part = parquet_bytes(parted.rejected, compression="zstd", level=1, statistics=False)
            self._context.store.write(rejected_at, part)
        return ChunkOutcome(
            accepted=AcceptedPart(index=chunk.index, key=accepted_at.key, rows=parted.accepted.height),
            rejected=QuarantinePart(key=rejected_at.key, rows=parted.rejected.height),
            rules=parted.rules,
        )

    def _parted(self, chunk: Chunk, repeats: pl.DataFrame | None) -> PartedChunk:
        """A method of its own, so that all it needs is gone before the parts are written: they want memory, too."""
        records, checked = self._check(chunk)
        if repeats is None:
            self._keys.add_checked(chunk.index, checked)
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
        spotless = split.rejected.is_empty() and not records.malformed
        rejected = pl.DataFrame() if spotless else quarantine_frame(split.rejected, records)
        return PartedChunk(split.accepted, rejected, rules)

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
        return records, self._dataset.contract.check(records.frame, date_formats=formats, texts=records.texts)
