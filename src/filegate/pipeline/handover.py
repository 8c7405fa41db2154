"""What a stage passes to the next one: in the run's document where it is short, else in the staging bucket.

A small file's manifest is no longer than the two requests that storing and fetching it take. The output manifest is
always stored: its keys hold the values that rows are partitioned by, and these are not for execution histories.
"""

from __future__ import annotations

from typing import TypeVar

from filegate.pipeline.context import Context
from filegate.runs.manifests import AcceptedManifest, ChunkManifest
from filegate.runs.run import Run
from filegate.storage.objects import read_document, write_document

CHUNKS, ACCEPTED = "chunks.json", "accepted.json"
INLINE_LIMIT = 8 << 10
"""Characters that go with the document: the manifest of some thirty chunks. Step Functions carries 256 KiB."""

M = TypeVar("M", ChunkManifest, AcceptedManifest)


def write_manifest(run: Run, context: Context, name: str, manifest: ChunkManifest | AcceptedManifest) -> Run:
    """Passes a manifest to the next stage, in place of the one before it; `name` is its object's, if it needs one."""
    text = manifest.model_dump_json()
    if len(text) <= INLINE_LIMIT:
        return run.with_manifest(text)
    write_document(context.store, context.staged(run, name), manifest)
    return run.with_manifest(None)


def read_manifest(run: Run, context: Context, name: str, kind: type[M]) -> M:
    """The manifest that the stage before this one wrote."""
    if run.manifest is not None:
        return kind.model_validate_json(run.manifest)
    return read_document(context.store, context.staged(run, name), kind)
