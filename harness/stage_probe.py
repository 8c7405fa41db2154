"""Runs a stage in a process of its own over a folder as object store, and reports what it took.

    python stage_probe.py FOLDER DATASETS STATE DOCUMENT

STATE names the state whose function is called, DOCUMENT is the run's document as JSON; the answer on stdout is JSON
too: `run`, `refusal` (the class and the message of the permanent error that the stage raised, or null), `cpu_seconds`.
"""

from __future__ import annotations

import importlib.abc
import json
import resource
import sys
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
from filegate.errors import PermanentError  # noqa: E402
from filegate.pipeline.context import Context, Settings  # noqa: E402
from filegate.pipeline.execution import STAGES  # noqa: E402
from filegate.runs.run import Run  # noqa: E402
from filegate.runs.states import State  # noqa: E402
from filegate.storage.folder import FolderStore  # noqa: E402
from filegate.storage.memory import MemoryLedger  # noqa: E402

SETTINGS = Settings(staging_bucket="staging", processed_bucket="published", quarantine_bucket="rejected")
ALLOCATABLE = 5 << 30
"""Bytes that the process may allocate, used or not: Linux refuses in one piece what is far more than a machine has."""


def context_of(folder: Path, datasets: Path) -> Context:
    """The surroundings of a stage whose buckets are the folder's."""
    return Context(FolderStore(folder), MemoryLedger(), Registry(datasets), SETTINGS)


def main(folder: str, datasets: str, state: str, document: str) -> None:
    assert function
    run = Run.model_validate_json(document)
    context = context_of(Path(folder), Path(datasets))
    if state != State.INGEST:
        context.ledger.claim(run, context.now())
    resource.setrlimit(resource.RLIMIT_DATA, (ALLOCATABLE, ALLOCATABLE))
    begun = time.process_time()
    refusal = None
    try:
        run = STAGES[State(state)](run, context)
    except PermanentError as error:
        refusal = f"{type(error).__name__}: {error}"
    took = time.process_time() - begun
    sys.stdout.write(json.dumps({"run": run.model_dump(mode="json"), "refusal": refusal, "cpu_seconds": took}))


if __name__ == "__main__":
    main(*sys.argv[1:])
