"""What must hold of a world when all in it is over, by its buckets, ledger, queue, topic and executions alone."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from filegate.errors import ObjectGone
from filegate.runs.address import Address
from filegate.runs.manifests import OutputManifest, QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.runs.states import Status

from .world import World

PUBLISHING = (Status.SUCCEEDED, Status.PARTIAL)


def broken_laws(world: World) -> Iterator[str]:
    """The laws that do not hold, each in a sentence."""
    runs = {version: world.ledger.get(world.run_id(version)) for version in {at for at, _ in world.plan.starts}}
    for version, record in runs.items():
        yield from _of_a_version(world, version, record)
    visible = list(_visible(world))
    if len(visible) > 1:
        yield f"readers see {len(visible)} runs of one object"
    committed = [version for version, record in runs.items() if record is not None and record.status in PUBLISHING]
    if committed:
        newest = world.run_id(max(committed))
        if [manifest.run_id for manifest in visible] != [newest]:
            yield "readers do not see the newest version that was committed"
    elif visible:
        yield "readers see a run that was not committed"


def _of_a_version(world: World, version: int, record: RunRecord | None) -> Iterator[str]:
    executions = [each for each in world.machine.executions if each.input.get("version_id") == world.versions[version]]
    if any(execution.status == "RUNNING" for execution in executions):
        yield f"an execution of version {version} never ended"
    if record is None:
        if not all(execution.status == "ABORTED" for execution in executions):
            yield f"the ledger knows nothing of version {version}"
        return
    if record.status == Status.RUNNING and any(execution.status != "ABORTED" for execution in executions):
        yield f"version {version} runs for ever: {[each.states[-1:] for each in executions]}"
    told = any(message.get("run_id") == record.run_id or "execution" in message for message in world.mail.messages)
    if record.status not in (Status.SUCCEEDED, Status.RUNNING) and not told:
        yield f"version {version} ended {record.status} without a message"
    if record.status in PUBLISHING:
        yield from _of_a_committed_run(world, version, record)


def _of_a_committed_run(world: World, version: int, record: RunRecord) -> Iterator[str]:
    wanted = expected(world.plan.dataset, world.plan.files[version])
    if record.status != (Status.PARTIAL if wanted.rejected else Status.SUCCEEDED):
        yield f"version {version} is {record.status}"
    counts = (record.rows_in, record.rows_accepted, record.rows_rejected, record.rows_out)
    if counts != (wanted.rows, wanted.rows - len(wanted.rejected), len(wanted.rejected), len(wanted.published)):
        yield f"version {version} has counts {counts}"
    try:
        rejected = _quarantined(world, record)
        published = _published(world, record) if record.superseded_by is None else wanted.published
    except ObjectGone as gone:
        yield f"version {version} is committed, but {gone}"
        return
    if rejected != wanted.rejected:
        yield f"version {version} quarantined rows {rejected}, not {wanted.rejected}"
    if published != wanted.published:
        yield f"version {version} publishes {published}, not {wanted.published}"


@dataclass(frozen=True)
class Expected:
    """What should come of a file: how many rows it has, which are rejected, and what is published."""

    rows: int
    rejected: list[int]
    published: list[tuple[int, str]]


def expected(dataset: str, file: bytes) -> Expected:
    """The contract of `DATASETS`, in plain Python."""
    rows = [(int(identity), country) for identity, country in csv.reader(file.decode().splitlines()[1:])]
    repeated = {one for one, times in Counter(identity for identity, _ in rows).items() if times > 1}
    good = [
        (number, row)
        for number, row in enumerate(rows, 1)
        if row[1] in ("DE", "FR") and not (dataset == "unique" and row[0] in repeated)
    ]
    published = [row for _, row in good]
    if dataset == "keyed":
        published = [row for at, row in enumerate(published) if row[0] not in {one for one, _ in published[:at]}]
    accepted = {number for number, _ in good}
    return Expected(len(rows), [number for number in range(1, len(rows) + 1) if number not in accepted], published)


def _visible(world: World) -> Iterator[OutputManifest]:
    for key in world.objects.list("processed", f"{world.plan.dataset}/_manifests/"):
        yield OutputManifest.model_validate_json(world.objects.read(Address("processed", key)))


def _published(world: World, record: RunRecord) -> list[tuple[int, str]]:
    assert record.output is not None
    manifest = OutputManifest.model_validate_json(world.objects.read(Address.parse(record.output)))
    parts = [world.objects.read(Address("processed", part.target)) for part in manifest.parts]
    return [row for part in parts for row in pl.read_parquet(io.BytesIO(part), columns=["id", "country"]).rows()]


def _quarantined(world: World, record: RunRecord) -> list[int]:
    if record.quarantine is None or not record.rows_rejected:
        return []
    manifest = QuarantineManifest.model_validate_json(world.objects.read(Address.parse(record.quarantine)))
    parts = [world.objects.read(Address("quarantine", part.key)) for part in manifest.parts]
    return [row for part in parts for row in pl.read_parquet(io.BytesIO(part))["row"]]
