"""Runs a stage in a process of its own over a folder as object store, and reports what it took.

    python stage_probe.py FOLDER DATASETS STATE DOCUMENT

STATE names the state whose function is called, DOCUMENT is the run's document as JSON; the answer on stdout is JSON
too: `run`, `anonymous_bytes`, `cpu_seconds`.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class NotInTheImages(importlib.abc.MetaPathFinder):
    """Hides what only development installs: pandera imports pandas wherever it finds it, 36 MB of it."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in ("numpy", "pandas", "pyarrow"):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, NotInTheImages())

import filegate.aws_lambda.allocator  # noqa: E402, F401 - hidden first, and before polars
from filegate.aws_lambda import function  # noqa: E402 - what the function's process holds besides the stage
from filegate.dataset.registry import Registry  # noqa: E402
from filegate.pipeline.context import Context, Settings  # noqa: E402
from filegate.pipeline.execution import STAGES  # noqa: E402
from filegate.runs.run import Run  # noqa: E402
from filegate.runs.states import State  # noqa: E402
from filegate.storage.folder import FolderStore  # noqa: E402
from filegate.storage.memory import MemoryLedger  # noqa: E402

SETTINGS = Settings(staging_bucket="staging", processed_bucket="published", quarantine_bucket="rejected")
SAMPLED_EVERY = 0.002


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
    return Context(FolderStore(folder), MemoryLedger(), Registry(datasets), SETTINGS)


def main(folder: str, datasets: str, state: str, document: str) -> None:
    assert function
    run = Run.model_validate_json(document)
    context = context_of(Path(folder), Path(datasets))
    if state != State.INGEST:
        context.ledger.claim(run, context.now())
    with AnonymousPeak() as peak:
        begun = time.process_time()
        result = STAGES[State(state)](run, context)
        took = time.process_time() - begun
    answer = {"run": result.model_dump(mode="json"), "anonymous_bytes": peak.bytes, "cpu_seconds": took}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
