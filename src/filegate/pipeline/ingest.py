"""Ingest: claim the run, find out how the object is written, and split it into chunks."""

from __future__ import annotations

from pathlib import Path

from filegate.dataset.declaration import Declaration
from filegate.errors import ConservationError, EmptyObject, ObjectTooLarge, SchemaMismatch
from filegate.formats import RawChunk, parquet_schema, sniff, split
from filegate.pipeline import fan_out
from filegate.pipeline.context import Context, quarantine_address
from filegate.pipeline.handover import CHUNKS, write_manifest
from filegate.pipeline.progress import ProgressReporter
from filegate.pipeline.replay import request_for
from filegate.runs.address import Address
from filegate.runs.manifests import Chunk, ChunkManifest, QuarantineManifest
from filegate.runs.run import Ingested, Range, Run
from filegate.runs.states import State
from filegate.storage.objects import Blob, read_document, write_document

QUARANTINE_MANIFEST = "manifest.json"


def ingest(run: Run, context: Context) -> Run:
    """Claims the run and splits the object into chunks.

    Raises:
        PermanentError: the dataset is unknown, or the object is not what the dataset's contract says.
    """
    if not context.ledger.claim(run, context.now()):
        known = context.ledger.get(run.run_id)
        mine = known is not None and known.owner == run.execution
        return run.with_ingested(Ingested(claim="COMMITTED" if mine else "DUPLICATE"))
    dataset = context.registry[run.request.dataset]
    run = Run(
        run_id=run.run_id,
        execution=run.execution,
        retries=run.retries,
        request=request_for(dataset, run.request),
        usage=run.usage,
    )
    with context.scratch() as scratch:
        if run.request.replay_rows == "quarantined":
            manifest, size = _quarantined_chunks(run, context)
        else:
            manifest, size = _object_chunks(run, dataset, context, scratch)
    rows = sum(chunk.rows for chunk in manifest.chunks)
    ingested = Ingested(claim="CLAIMED", rows=rows, bytes=size, chunks=len(manifest.chunks))
    return _pass_to_validate(run.with_ingested(ingested), context, manifest)


def _pass_to_validate(run: Run, context: Context, manifest: ChunkManifest) -> Run:
    """Passes validate what it reads: one manifest, or, where the object is large, one for each range of its chunks."""
    if not fan_out.should_fan_out(len(manifest.chunks), context):
        return write_manifest(run, context, CHUNKS, manifest)
    ranges = fan_out.all_ranges(run)

    def write(range_: Range) -> None:
        part = manifest.model_copy(update={"chunks": fan_out.slice_of(range_, manifest.chunks)})
        write_document(context.store, fan_out.range_address(run, context, "chunks", range_.index), part)

    fan_out.map_concurrently(write, ranges)
    return fan_out.start(run, context, State.VALIDATE, ranges)


def _object_chunks(run: Run, dataset: Declaration, context: Context, scratch: Path) -> tuple[ChunkManifest, int]:
    blob = context.store.blob(run.request.address, scratch)
    layout = sniff(blob, dataset.sources, dataset.expected_columns, dataset.on_unknown_columns)
    if layout.format == "parquet":
        _check_types(blob, dataset)
    chunks: list[Chunk] = []
    progress = ProgressReporter(run, context)
    row, end = 1, layout.data_start
    raw_chunks = split(
        blob,
        layout,
        dataset.sources[layout.source],
        chunk_bytes=context.settings.chunk_bytes,
        columns=dataset.expected_columns,
        on_unknown_columns=dataset.on_unknown_columns,
    )
    for raw in raw_chunks:
        if raw.start != end:
            raise ConservationError(f"{blob.name}: a chunk starts at {raw.start}, the one before ends at {end}.")
        chunks.append(_chunk(len(chunks), raw, row, run, context))
        row, end = row + raw.rows, raw.start + raw.length
        progress.done(chunks=1, rows=raw.rows)
    if layout.format != "parquet" and not layout.staged and end != blob.size:
        raise ConservationError(f"{blob.name}: the chunks end at byte {end} of {blob.size}.")
    if row == 1:
        raise EmptyObject(f"{blob.name} holds no data rows.", advice="Deliver the file again once it has some.")
    _check_volume(len(chunks), blob, dataset, context)
    return ChunkManifest(layout=layout, chunks=tuple(chunks)), blob.size


def _chunk(index: int, raw: RawChunk, row: int, run: Run, context: Context) -> Chunk:
    """The manifest's entry for a chunk; one with its own bytes is stored first."""
    blob, start = run.request.address, raw.start
    if raw.data is not None:
        blob, start = context.staged(run, f"chunks/{index:05d}"), 0
        context.store.write(blob, raw.data)
    return Chunk(
        index=index,
        blob=blob,
        start=start,
        length=raw.length,
        origin=raw.start,
        first_row=row,
        rows=raw.rows,
    )


def _quarantined_chunks(run: Run, context: Context) -> tuple[ChunkManifest, int]:
    """One chunk for each quarantine part of the run that is replayed."""
    request = run.request
    bucket = context.settings.quarantine_bucket
    place = quarantine_address(bucket, request.dataset, str(request.replay_of), QUARANTINE_MANIFEST)
    rejected = read_document(context.store, place, QuarantineManifest)
    chunks = tuple(
        Chunk(
            index=index,
            blob=Address(bucket, part.key),
            start=0,
            length=part.rows,
            origin=0,
            first_row=0,
            rows=part.rows,
        )
        for index, part in enumerate(rejected.parts)
    )
    return ChunkManifest(layout=rejected.layout, chunks=chunks, quarantined=True), 0


def _check_volume(chunks: int, blob: Blob, dataset: Declaration, context: Context) -> None:
    """A transform over the whole object holds all of its rows: too many are refused before memory runs out."""
    limit = context.settings.whole_object_bytes
    if dataset.transform_scope == "object" and chunks * context.settings.chunk_bytes > limit:
        raise ObjectTooLarge(
            f"{blob.name} makes {chunks:,} chunks of up to {context.settings.chunk_bytes:,} bytes; the transform of "
            f"{dataset.name} has the whole object in memory, for which {limit:,} bytes are the limit.",
            advice='Deliver smaller files, declare transform_scope="rows" if each row gives one row, or raise '
            "WholeObjectBytes together with the memory of the transform function.",
        )


def _check_types(blob: Blob, dataset: Declaration) -> None:
    if mismatches := dataset.contract.mismatches(parquet_schema(blob, dataset.expected_columns)):
        raise SchemaMismatch(
            f"{blob.name}: {' '.join(mismatches)}", advice="Deliver the declared types, or change the contract."
        )
