"""Runs a stage in a process of its own over a folder as object store, and reports what it took.

    python stage_probe.py FOLDER DATASETS STAGE DOCUMENT

DOCUMENT is the run's document as JSON; the answer on stdout is JSON too: `run`, `anonymous_bytes`, `cpu_seconds`.
"""

from __future__ import annotations

import importlib.abc
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType


class NotInTheImages(importlib.abc.MetaPathFinder):
    """Hides what only development installs: pandera imports pandas wherever it finds it, 36 MB of it."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in ("numpy", "pandas", "pyarrow"):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, NotInTheImages())

import filegate.aws_lambda.allocator  # noqa: E402, F401 - hidden first, and before polars
from filegate.aws_lambda import function as functions  # noqa: E402 - what the function's process holds besides the stage
from filegate.aws_lambda.settings import FunctionSettings  # noqa: E402 - hidden first
from filegate.dataset.registry import Registry  # noqa: E402 - hidden first
from filegate.errors import ObjectGone  # noqa: E402 - hidden first
from filegate.pipeline.context import Context  # noqa: E402 - hidden first
from filegate.pipeline.ingest import ingest  # noqa: E402 - hidden first
from filegate.pipeline.output import publish  # noqa: E402 - hidden first
from filegate.pipeline.transform import reduce_transformed, transform, transform_range  # noqa: E402 - hidden first
from filegate.pipeline.validate import reduce_validated, validate, validate_range  # noqa: E402 - hidden first
from filegate.runs.address import Address  # noqa: E402 - hidden first
from filegate.runs.clock import now  # noqa: E402 - hidden first
from filegate.runs.run import Run  # noqa: E402 - hidden first
from filegate.storage.blob import Blob, FileBlob  # noqa: E402 - hidden first
from filegate.storage.memory import MemoryLedger  # noqa: E402 - hidden first

STAGES = {
    stage.__name__: stage
    for stage in (
        ingest,
        validate,
        validate_range,
        reduce_validated,
        transform,
        transform_range,
        reduce_transformed,
        publish,
    )
}
SAMPLED_EVERY = 0.002


class FolderObjectStore:
    """Objects as files under `<folder>/<bucket>/<key>`; one version of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, address: Address) -> bytes:
        return self._file(address).read_bytes()

    def blob(self, address: Address, scratch: Path) -> Blob:
        return FileBlob(self._file(address))

    def write(self, address: Address, data: bytes) -> str:
        file = self._folder / address.bucket / address.key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return "only"

    def copy(self, source: Address, target: Address) -> None:
        copy = self._folder / target.bucket / target.key
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._file(source), copy)

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        for key in keys:
            (self._folder / bucket / key).unlink(missing_ok=True)

    def _file(self, address: Address) -> Path:
        file = self._folder / address.bucket / address.key
        if not file.is_file():
            raise ObjectGone(f"{address} is gone.")
        return file


class AnonymousPeak:
    """The most anonymous memory this process held: what counts against a function's limit and cannot be dropped."""

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> AnonymousPeak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        status = Path("/proc/self/status")
        while not self._done.wait(SAMPLED_EVERY):
            line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
            self.bytes = max(self.bytes, int(line.split()[1]) * 1024)


def context_of(folder: Path, datasets: Path) -> Context:
    """The surroundings of a stage whose buckets are the folder's."""
    settings = FunctionSettings(
        ledger_table="ledger",
        staging_bucket="staging",
        processed_bucket="published",
        quarantine_bucket="rejected",
        datasets=datasets,
    )
    return Context(FolderObjectStore(folder), MemoryLedger(), Registry(datasets), settings)


def main(folder: str, datasets: str, stage: str, document: str) -> None:
    assert functions
    run = Run.model_validate_json(document)
    context = context_of(Path(folder), Path(datasets))
    if stage != "ingest":
        context.ledger.claim(run, now())
    with AnonymousPeak() as peak:
        begun = time.process_time()
        result = STAGES[stage](run, context)
        took = time.process_time() - begun
    answer = {"run": result.model_dump(mode="json"), "anonymous_bytes": peak.bytes, "cpu_seconds": took}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
