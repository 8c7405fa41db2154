"""The pipeline as a function: one file, or one object, through the four stages in this process, without a cloud."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path

from filegate.dataset.declaration import Dataset
from filegate.dataset.registry import OneDataset, Registry
from filegate.pipeline.context import Context, Settings
from filegate.pipeline.execution import execute
from filegate.runs.address import Address
from filegate.runs.clock import now as system_clock
from filegate.runs.record import RunRecord
from filegate.runs.run import Request, Run, run_id_of
from filegate.storage.folder import FolderStore
from filegate.storage.ledger import Ledger
from filegate.storage.memory import MemoryLedger
from filegate.storage.objects import ObjectStore

RAW = "raw"
SETTINGS = Settings(staging_bucket="staging", processed_bucket="processed", quarantine_bucket="quarantine")


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        record: the run as the ledger keeps it: its status, counts, broken rules, and addresses of what it wrote.
        store: what it wrote: the published parts as `record.output` lists them, the rejected rows as
            `record.quarantine` does.
    """

    record: RunRecord
    store: ObjectStore


def run(
    source: str | PathLike[str] | Address,
    dataset: str | Dataset,
    *,
    datasets: str | PathLike[str] = "datasets",
    folder: str | PathLike[str] | None = None,
    store: ObjectStore | None = None,
    ledger: Ledger | None = None,
    settings: Settings = SETTINGS,
    now: Callable[[], datetime] = system_clock,
) -> Outcome:
    """Runs one file, or one object of a store, through ingest, validate, transform and output.

    The same functions run in the same order as in a deployment, and give the same status, counts, quarantine and parts;
    a large file fans out into ranges that run one after another.

        outcome = filegate.run("flights.csv", "flights", folder="out")
        outcome.record.status, outcome.record.rows_rejected, outcome.record.rules
        pl.scan_parquet("out/processed/flights/**/*.parquet", hive_partitioning=True)

    Args:
        source: a local file; or the address of an object in `store`, whose key begins with the dataset's name.
        dataset: a dataset, or the name of one that is declared in `datasets`.
        datasets: the folder of the declared datasets and their reference tables.
        folder: where a folder for each bucket is made (`raw`, `staging`, `processed`, `quarantine`); None makes a
            temporary one, which is removed with the outcome.
        store: the buckets, in place of `folder`.
        ledger: keeps the run; one that it knows already is left as it is. None: in memory, so that each call is
            the first one.
        settings: the names of the buckets, and the sizes of chunks and of what fans out.
        now: the clock.

    Returns:
        The outcome. A file that cannot be read or does not fit its contract is one too: REJECTED, with the reason.

    Raises:
        UnknownDataset: no dataset of that name is declared.
        DeclarationError: the dataset is declared wrongly.
        FileNotFoundError: there is no such file.
        FilegateError: the store or the ledger does not answer, or the pipeline has a defect.
    """
    registry = Registry(Path(datasets)) if isinstance(dataset, str) else OneDataset(dataset, Path(datasets))
    name = dataset if isinstance(dataset, str) else dataset.name
    registry.dataset(name)  # before anything is written
    if store is None:
        store = _temporary_store() if folder is None else FolderStore(Path(folder))
    address = source if isinstance(source, Address) else _delivered(Path(source), name, store)
    request = Request(bucket=address.bucket, key=address.key, version_id=address.version_id or "")
    run_id = run_id_of(request.bucket, request.key, request.version_id)
    context = Context(store, ledger or MemoryLedger(), registry, settings, now)
    execution = f"in-process {uuid.uuid4()}"  # of this call alone: a ledger that knows the run keeps it as it is
    record = execute(Run(run_id=run_id, execution=execution, request=request), context)
    return Outcome(record, store)


def _temporary_store() -> FolderStore:
    """A store in a folder that is removed with it."""
    folder = tempfile.mkdtemp(prefix="filegate-run-")
    store = FolderStore(Path(folder))
    weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
    return store


def _delivered(file: Path, dataset: str, store: ObjectStore) -> Address:
    """The file as an object of its dataset; in a folder it is a link, so that a large one takes no room."""
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    address = Address(RAW, f"{dataset}/{file.name}")
    version = store.link(file, address) if isinstance(store, FolderStore) else store.write(address, file.read_bytes())
    return Address(address.bucket, address.key, version)
