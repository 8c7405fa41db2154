"""What a run made: its published files and its quarantine; where they are, and copies of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filegate.errors import FilegateError, ObjectGone
from filegate.runs.address import Address
from filegate.runs.manifests import Layout, OutputManifest, QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from filegate.storage.objects import ObjectStore, read_document

QUARANTINE = "_quarantine"


def published(run: RunRecord, store: ObjectStore) -> list[Address] | None:
    """The parts of the run's committed output; None if it published nothing, or another run has replaced its output."""
    if not run.output:
        return None
    address = Address.parse(run.output)
    try:
        manifest = read_document(store, address, OutputManifest)
    except ObjectGone:
        return None
    return [Address(address.bucket, part.target) for part in manifest.parts]


def cut_short(run: RunRecord, store: ObjectStore) -> bool:
    """Whether the run's commit is in the ledger, but not its manifest, without which nothing is published."""
    committed = run.status in (Status.SUCCEEDED, Status.PARTIAL) and run.superseded_by is None
    return committed and published(run, store) is None


@dataclass(frozen=True)
class Quarantine:
    """How the object was written, and the parts that hold its rejected rows, in the object's order."""

    layout: Layout
    parts: list[Address]


def quarantine_of(run: RunRecord, store: ObjectStore) -> Quarantine | None:
    """What the run rejected; None if that is nothing.

    Raises:
        ObjectGone: the quarantine was deleted.
        AccessDenied: this user may not read it.
    """
    if not run.quarantine:
        return None
    address = Address.parse(run.quarantine)
    manifest = read_document(store, address, QuarantineManifest)
    return Quarantine(manifest.layout, [Address(address.bucket, part.key) for part in manifest.parts])


@dataclass(frozen=True)
class Collected:
    """The local copies, in the published order."""

    output: list[Path]
    quarantine: list[Path]


def collect(run: RunRecord, store: ObjectStore, folder: Path) -> Collected:
    """Copies the published Parquet files, in their hive folders, and the quarantine parts of a run that has ended.

    The folder, made if need be, gets `<dataset>/month=1/….parquet` and `_quarantine/<dataset>/<run id>/….parquet`.
    """
    rejected = quarantine_of(run, store)
    return Collected(
        output=[_copy(store, part, folder) for part in published(run, store) or []],
        quarantine=[_copy(store, part, folder, QUARANTINE) for part in rejected.parts] if rejected else [],
    )


def _copy(store: ObjectStore, address: Address, folder: Path, below: str = "") -> Path:
    target = folder / below / address.key
    if not target.resolve().is_relative_to(folder.resolve()):
        raise FilegateError(f"{address} would be written outside {folder}.", advice="Fetch it by hand.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.write_bytes(store.read(address))
    unfinished.replace(target)  # a reader of the folder never sees half a file
    return target
