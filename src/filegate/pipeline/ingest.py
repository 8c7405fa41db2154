"""Ingest: claim the run, find out how the object is written, and split it into chunks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from filegate.dataset.declaration import Declaration
from filegate.errors import ConservationError, EmptyObject, ObjectTooLarge, SchemaMismatch
from filegate.formats import parquet_schema, sniff, split
from filegate.pipeline import fan_out
from filegate.pipeline.context import Context
from filegate.pipeline.handover import CHUNKS, write_manifest
from filegate.pipeline.progress import ProgressReporter
from filegate.pipeline.replay import request_for
from filegate.runs.address import Address
from filegate.runs.manifests import Chunk, ChunkManifest, QuarantineManifest
from filegate.runs.run import Ingested, Run
from filegate.runs.states import State
from filegate.storage.objects import Blob, read_document

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
    if run.request.replay_rows == "quarantined":
        manifest, size = _quarantined_chunks(run, context, dataset), 0
    else:
        with TemporaryDirectory(prefix="filegate-") as scratch:
            manifest, size = _object_chunks(run, context, dataset, Path(scratch))
    chunks = manifest.chunks
    rows = sum(chunk.rows for chunk in chunks)
    layout = None if manifest.quarantined else manifest.layout.found
    ingested = Ingested(claim="CLAIMED", rows=rows, bytes=size, chunks=len(chunks), layout=layout)
    run = run.with_ingested(ingested)
    settings = context.settings
    if len(chunks) > fan_out.RANGE_CHUNKS and len(chunks) * settings.chunk_bytes > settings.fan_out_bytes:
        parts = [manifest.model_copy(update={"chunks": some}) for some in fan_out.per_range(chunks)]
        return fan_out.start_all(run, context, State.VALIDATE, CHUNKS, parts, chunks=len(chunks))
    return write_manifest(run, context, CHUNKS, manifest)


def _object_chunks(run: Run, context: Context, dataset: Declaration, scratch: Path) -> tuple[ChunkManifest, int]:
    """The object's chunks, and its size in bytes."""
    address = run.request.address
    blob = context.store.blob(address, scratch)
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
        place, start = address, raw.start
        if raw.data is not None:
            place, start = context.staged(run, f"chunks/{len(chunks):05d}"), 0
            context.store.write(place, raw.data)
        chunks.append(
            Chunk(
                index=len(chunks),
                blob=place,
                start=start,
                length=raw.length,
                origin=raw.start,
                first_row=row,
                rows=raw.rows,
            )
        )
        row, end = row + raw.rows, raw.start + raw.length
        progress.done(chunks=1, rows=raw.rows)
    if layout.format != "parquet" and not layout.staged and end != blob.size:
        raise ConservationError(f"{blob.name}: the chunks end at byte {end} of {blob.size}.")
    if row == 1:
        raise EmptyObject(f"{blob.name} holds no data rows.", advice="Deliver the file again once it has some.")
    _check_volume(len(chunks), blob, dataset, context)
    return ChunkManifest(layout=layout, chunks=tuple(chunks)), blob.size


def _quarantined_chunks(run: Run, context: Context, dataset: Declaration) -> ChunkManifest:
    """One chunk for each quarantine part of the run that is replayed."""
    address = context.quarantined(dataset.name, str(run.request.replay_of), QUARANTINE_MANIFEST)
    rejected = read_document(context.store, address, QuarantineManifest)
    chunks = tuple(
        Chunk(
            index=index,
            blob=Address(address.bucket, part.key),
            start=0,
            length=part.rows,
            origin=0,
            first_row=0,
            rows=part.rows,
        )
        for index, part in enumerate(rejected.parts)
    )
    return ChunkManifest(layout=rejected.layout, chunks=chunks, quarantined=True)


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
