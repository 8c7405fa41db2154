"""What a stage works with, and where its artefacts lie."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from filegate.dataset.registry import Datasets
from filegate.pipeline.meter import Meter
from filegate.pipeline.settings import Settings
from filegate.runs.address import Address
from filegate.runs.clock import now
from filegate.runs.run import Run, Usage
from filegate.runs.states import State
from filegate.storage.ledger import Ledger
from filegate.storage.objects import ObjectStore
from filegate.storage.requests import Requests


@dataclass(frozen=True)
class Context:
    """The stage's surroundings; tests put fakes in."""

    store: ObjectStore
    ledger: Ledger
    registry: Datasets
    settings: Settings
    now: Callable[[], datetime] = now
    meter: Meter = field(default_factory=lambda: Meter("only", State.INGEST, 0, Requests()))

    def used(self, run: Run) -> Usage:
        """What the run has used so far, as far as this invocation knows."""
        return run.usage | self.meter.usage()

    def staged(self, run: Run, name: str) -> Address:
        """An artefact of the run in the staging bucket."""
        return Address(self.settings.staging_bucket, f"runs/{run.run_id}/{name}")

    def staged_output(self, run: Run) -> Address:
        """Where transform lists the parts to publish."""
        return self.staged(run, "output.json")

    def staged_key(self, key: str) -> Address:
        """A key of the staging bucket, as manifests name it."""
        return Address(self.settings.staging_bucket, key)

    def quarantined(self, run: Run, name: str) -> Address:
        """An artefact of the run in the quarantine bucket."""
        return quarantine_address(self.settings.quarantine_bucket, run.request.dataset, run.run_id, name)

    def processed(self, key: str) -> Address:
        return Address(self.settings.processed_bucket, key)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone at the end."""
        with tempfile.TemporaryDirectory(prefix="filegate-") as folder:
            yield Path(folder)


Stage = Callable[[Run, Context], Run]
"""A function of the pipeline: takes the run's document, returns it with what it found."""


def quarantine_address(bucket: str, dataset: str, run_id: str, name: str) -> Address:
    return Address(bucket, f"{dataset}/{run_id}/{name}")


def output_manifest_key(dataset: str, run_id: str) -> str:
    """Where the processed bucket lists a committed run's parts."""
    return f"{dataset}/_manifests/{run_id}.json"
