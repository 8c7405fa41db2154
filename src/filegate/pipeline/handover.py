"""What a stage passes to the next one: in the run's document where it is short, else in the staging bucket.

A small file's manifest is no longer than the two requests that storing and fetching it take. Where a large object is
spread over ranges of its chunks, each has a manifest of its own. The output manifest is always stored: its keys hold
the values that rows are partitioned by, and these are not for execution histories.
"""

from __future__ import annotations

from typing import TypeVar

from filegate.pipeline.context import Context
from filegate.runs.address import Address
from filegate.runs.manifests import AcceptedManifest, ChunkManifest
from filegate.runs.run import Run
from filegate.storage.objects import read_document

CHUNKS, ACCEPTED = "chunks", "accepted"
INLINE_LIMIT = 8 << 10
"""Characters that go with the document: the manifest of some thirty chunks. Step Functions carries 256 KiB."""

M = TypeVar("M", ChunkManifest, AcceptedManifest)


def write_manifest(run: Run, context: Context, name: str, manifest: ChunkManifest | AcceptedManifest) -> Run:
    """Passes a manifest to the next stage, in place of the one before it."""
    text = manifest.model_dump_json()
    if len(text) <= INLINE_LIMIT:
        return run.with_manifest(text)
    context.store.write(context.staged(run, f"{name}.json"), text.encode())
    return run.with_manifest(None)


def read_manifest(run: Run, context: Context, name: str, kind: type[M]) -> M:
    """The manifest that the stage before this one wrote; in an invocation that works on a range, the range's."""
    if run.range is not None:
        return read_document(context.store, range_address(run, context, name, run.range.index), kind)
    if run.manifest is not None:
        return kind.model_validate_json(run.manifest)
    return read_document(context.store, context.staged(run, f"{name}.json"), kind)


def range_address(run: Run, context: Context, name: str, index: int) -> Address:
    """Where a range's artefact of that name is."""
    return context.staged(run, f"{name}/{index:05d}.json")
