"""What a stage tells the next one: in the run's document where it is little, else in the staging bucket.

A small file's manifest is no longer than the two requests that storing and fetching it take. The output manifest is
always stored: its keys hold the values that rows are partitioned by, and these are not for execution histories.
"""

from __future__ import annotations

from typing import TypeVar

from filegate.pipeline.context import Context
from filegate.runs.manifests import AcceptedManifest, ChunkManifest
from filegate.runs.run import Run
from filegate.storage.documents import read_document, write_document

CHUNKS, ACCEPTED = "chunks.json", "accepted.json"
LITTLE = 8 << 10
"""So many characters go with the document: the manifest of some thirty chunks. Step Functions carries 256 KiB."""

M = TypeVar("M", ChunkManifest, AcceptedManifest)


def hand_on(run: Run, context: Context, name: str, manifest: ChunkManifest | AcceptedManifest) -> Run:
    """Gives the next stage a manifest, in place of what this one was given; `name` is the object's, if it takes one."""
    text = manifest.model_dump_json()
    if len(text) <= LITTLE:
        return run.having(manifest=text)
    write_document(context.store, context.staged(run, name), manifest)
    return run.having(manifest=None)


def handed_on(run: Run, context: Context, name: str, kind: type[M]) -> M:
    """What `hand_on` gave."""
    if run.manifest is not None:
        return kind.model_validate_json(run.manifest)
    return read_document(context.store, context.staged(run, name), kind)
