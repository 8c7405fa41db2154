"""One chunk in validate: its rows are read, evaluated and split, and its parts are written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from filegate.dataset.declaration import Declaration
from filegate.errors import ConservationError
from filegate.formats import Reader, make_reader
from filegate.formats.sources import TextSource
from filegate.pipeline.context import Context
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.quarantine import QuarantineReader, quarantine_frame
from filegate.pipeline.uniqueness import ObjectKeys
from filegate.runs.manifests import AcceptedPart, Chunk, ChunkManifest, ChunkOutcome, QuarantinePart
from filegate.runs.run import Run


class ChunkValidator:
    """Validates the chunks of one manifest; `keys` has those of their rows.

    Args:
        run: the object's, or that of one range of it.
        context: the stage's.
        dataset: what it declares.
        manifest: of the chunks.
        scratch: an empty folder.
    """

    def __init__(
        self, run: Run, context: Context, dataset: Declaration, manifest: ChunkManifest, scratch: Path
    ) -> None:
        layout, source = manifest.layout, dataset.sources[manifest.layout.source]
        self.keys = ObjectKeys(run, dataset, scratch)
        self._run = run
        self._context = context
        self._dataset = dataset.name
        self._scratch = scratch
        date_formats = source.date_formats if isinstance(source, TextSource) else {}
        self._contract = dataset.contract.with_date_formats(date_formats)
        self._reader: Reader = (
            QuarantineReader(layout, source, dataset, scratch)
            if manifest.quarantined
            else make_reader(layout, source, dataset.expected_columns, dataset.on_unknown_columns)
        )

    def validate(self, chunk: Chunk, repeats: pl.DataFrame | None = None) -> ChunkOutcome:
        """Writes the chunk's accepted and rejected parts.

        Those of a second pass have names of their own: an invocation that was given up in its first pass may still
        write.

        Args:
            chunk: of the manifest.
            repeats: `__row__`, `rule`: in the second pass, the rows that break a rule of uniqueness.

        Raises:
            ConservationError: it has another number of rows than ingest counted, or rows got lost.
        """
        accepted, rejected, rules = self._split(chunk, repeats)
        name = f"{chunk.index:05d}.parquet" if repeats is None else f"{chunk.index:05d}-again.parquet"
        accepted_at = self._context.staged(self._run, f"accepted/{name}")
        rejected_at = self._context.quarantined(self._dataset, self._run.run_id, name)
        if accepted.height:
            part = parquet_bytes(accepted, compression="lz4", statistics=False)
            self._context.store.write(accepted_at, part)
        if rejected.height:
            part = parquet_bytes(rejected, compression="zstd", level=1, statistics=False)
            self._context.store.write(rejected_at, part)
        return ChunkOutcome(
            accepted=AcceptedPart(index=chunk.index, key=accepted_at.key, rows=accepted.height),
            rejected=QuarantinePart(key=rejected_at.key, rows=rejected.height),
            rules=rules,
        )

    def _split(self, chunk: Chunk, repeats: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame, Counter[str]]:
        """The accepted rows, the rejected ones as the quarantine keeps them, and how many of them broke each rule.

        A method of its own, so that its memory is free before the parts are written, which need memory too.
        """
        blob = self._context.store.blob(chunk.blob, self._scratch)
        records = self._reader.read(blob, chunk)
        found = records.frame.height + len(records.malformed)
        if found != chunk.rows:
            raise ConservationError(
                f"{blob.name}, chunk {chunk.index}: {found} rows were read, but ingest counted {chunk.rows}."
            )
        evaluation = self._contract.evaluate(records.frame, strings=records.strings)
        split = evaluation.split(records.broken, repeats)
        if split.accepted.height + split.rejected.height != records.frame.height:
            raise ConservationError(
                f"Chunk {chunk.index}: {records.frame.height} rows became {split.accepted.height} accepted and "
                f"{split.rejected.height} rejected ones."
            )
        self.keys.add(chunk.index, evaluation if repeats is None else None, split.accepted)
        rules = Counter(split.tallies)
        for record in records.malformed:
            rules[record.broken.rule] += 1
        none_rejected = split.rejected.is_empty() and not records.malformed
        rejected = pl.DataFrame() if none_rejected else quarantine_frame(split.rejected, records)
        return split.accepted, rejected, rules
