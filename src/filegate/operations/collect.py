"""Fetch what a run made: its published files and its quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filegate.errors import FilegateError
from filegate.operations.result import published
from filegate.runs.address import Address
from filegate.runs.manifests import QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.storage.objects import ObjectStore, read_document

QUARANTINE = "_quarantine"


@dataclass(frozen=True)
class Collected:
    """The local copies, in the published order."""

    output: tuple[Path, ...]
    quarantine: tuple[Path, ...]


def collect(run: RunRecord, store: ObjectStore, folder: Path) -> Collected:
    """Copies the run's published Parquet files, in their hive folders, and its quarantine parts.

    Args:
        run: a run that has ended.
        store: holds its output.
        folder: gets `<dataset>/month=1/….parquet` and `_quarantine/<dataset>/<run id>/….parquet`; made if need be.
    """
    output: list[Path] = []
    quarantine: list[Path] = []
    manifest = published(run, store)
    if manifest is not None and run.output is not None:
        bucket = Address.parse(run.output).bucket
        output = [_copy(store, Address(bucket, part.target), folder, part.target) for part in manifest.parts]
    if run.quarantine:
        place = Address.parse(run.quarantine)
        rejected = read_document(store, place, QuarantineManifest)
        quarantine = [
            _copy(store, Address(place.bucket, part.key), folder, f"{QUARANTINE}/{part.key}") for part in rejected.parts
        ]
    return Collected(tuple(output), tuple(quarantine))


def _copy(store: ObjectStore, address: Address, folder: Path, name: str) -> Path:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise FilegateError(f"{address} would be written outside {folder}.", advice="Fetch it by hand.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.write_bytes(store.read(address))
    unfinished.replace(target)  # a reader of the folder never sees half a file
    return target
