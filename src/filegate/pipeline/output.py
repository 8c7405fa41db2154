"""Output: copy the parts into the processed bucket, and commit them.

Readers follow the manifests under `<dataset>/_manifests/`: a run's files count from the moment its manifest is there.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from filegate.errors import FilegateError, ObjectGone
from filegate.pipeline.context import Context, output_manifest_key
from filegate.pipeline.fan_out import map_concurrently
from filegate.runs.clock import moment
from filegate.runs.cost import cost_usd
from filegate.runs.manifests import OutputManifest
from filegate.runs.record import RunRecord
from filegate.runs.run import Committed, Published, Run
from filegate.runs.states import Status
from filegate.storage.ledger import Commit, Head
from filegate.storage.objects import read_document, write_document

COMMIT_ATTEMPTS = 10
COMMITTED = (Status.SUCCEEDED, Status.PARTIAL)


class CommitContended(FilegateError):
    """Other runs of the same key kept committing first."""


def publish(run: Run, context: Context) -> Run:
    """Copies the output parts to their places; the bytes stay on the server's side."""
    manifest = _manifest(run, context)

    def copy(names: tuple[str, str]) -> None:
        context.store.copy(context.staged_key(names[0]), context.processed(names[1]))

    map_concurrently(copy, [(part.key, part.target) for part in manifest.parts])
    return run.with_published(Published(parts=len(manifest.parts)))


def commit(run: Run, context: Context) -> Run:
    """Makes the run's output the key's current one, unless a newer version of the object is published already.

    Of a run that the ledger has committed already, the document may be at its beginning.

    Raises:
        ClaimLost: another execution owns the run.
        CommitContended: the head of the key kept changing.
    """
    manifest = _manifest(run, context)
    address = context.processed(output_manifest_key(manifest.dataset, run.run_id))
    known = _known(run, context)
    if known.status not in COMMITTED or known.owner != run.execution:
        known = _commit(run, context, str(address), known)
    # From here on each step may be repeated: the ledger has spoken.
    if known.superseded_by is not None:
        _withdraw(context, manifest)
    else:
        write_document(context.store, address, manifest)
        known = _known(run, context)
        if known.superseded_by is not None:  # a newer version was committed meanwhile, and found no manifest to retire
            _retire(run.run_id, known.superseded_by, run.request.dataset, context)
    for older in known.supersedes:
        _retire(older, run.run_id, run.request.dataset, context)
    return run.with_committed(_committed(run, known))


def _committed(run: Run, known: RunRecord) -> Committed:
    assert known.output is not None
    assert known.finished_at is not None
    finished = datetime.fromisoformat(known.finished_at)
    arrived = moment(run.request.time)
    return Committed(
        status=known.status,
        output=known.output,
        superseded_by=known.superseded_by,
        run_seconds=(finished - datetime.fromisoformat(known.started_at)).total_seconds(),
        age_seconds=None if arrived is None else max(0.0, (finished - arrived).total_seconds()),
        cost_usd=known.cost_usd,
    )


def _commit(run: Run, context: Context, output: str, known: RunRecord) -> RunRecord:
    """Has the ledger's last word spoken; the run as the ledger knows it from then on."""
    assert run.validated is not None
    status = Status.PARTIAL if run.validated.rows_rejected else Status.SUCCEEDED
    request = run.request
    for _ in range(COMMIT_ATTEMPTS):
        head = context.ledger.head(request.bucket, request.key)
        usage = known.usage | context.used(run)
        cost = cost_usd(known.model_copy(update={"status": status, "usage": usage}))
        entry = Commit(run, status, output, context.now(), usage, cost, **_succession(run, head))
        if context.ledger.commit(entry):
            return known.model_copy(update={**entry.facts, "usage": usage})
    raise CommitContended(
        f"The head of {request.address} changed {COMMIT_ATTEMPTS} times while run {run.run_id} waited."
    )


def _succession(run: Run, head: Head) -> dict[str, Any]:
    """What the commit does to the key's head: add to it, take its place, or yield to it."""
    request = run.request
    adds = request.replay_rows == "quarantined"
    if head.live and (
        (head.is_newer_than(request.sequencer) and head.version_id != request.version_id)
        or (adds and request.replay_of not in head.live)  # the run it completes is published no more
    ):
        return {"superseded_by": head.live[-1]}
    kept = tuple(run_id for run_id in head.live if run_id != run.run_id) if adds else ()
    live = (*kept, run.run_id)
    # A replay may bear no sequencer; its version still has the one that the head knows.
    known_sequencer = head.sequencer if head.version_id == request.version_id else ""
    return {
        "head": Head(request.sequencer or known_sequencer, request.version_id, live, head.revision + 1),
        "supersedes": tuple(run_id for run_id in head.live if run_id not in live),
    }


def _retire(run_id: str, by: str, dataset: str, context: Context) -> None:
    """Takes a superseded run's output away, its manifest before its files; may be repeated at any point.

    The ledger is updated first: a run that is writing its manifest at this moment looks there afterwards. What the run
    itself had to retire, and did not get to, is retired with it.
    """
    known = context.ledger.get(run_id)
    context.ledger.mark_superseded(run_id, by)
    for older in known.supersedes if known is not None and known.superseded_by is None else ():
        _retire(older, run_id, dataset, context)
    manifest = context.processed(output_manifest_key(dataset, run_id))
    leaving = context.processed(f"{dataset}/_superseded/{run_id}.json")
    with suppress(ObjectGone):  # it went already, or never came
        context.store.copy(manifest, leaving)
        context.store.delete(manifest.bucket, [manifest.key])
    with suppress(ObjectGone):
        _withdraw(context, read_document(context.store, leaving, OutputManifest))
        context.store.delete(leaving.bucket, [leaving.key])


def _known(run: Run, context: Context) -> RunRecord:
    known = context.ledger.get(run.run_id)
    assert known is not None, "a run is claimed before it is committed"
    return known


def _withdraw(context: Context, manifest: OutputManifest) -> None:
    context.store.delete(context.settings.processed_bucket, [part.target for part in manifest.parts])


def _manifest(run: Run, context: Context) -> OutputManifest:
    return read_document(context.store, context.staged_output(run), OutputManifest)
