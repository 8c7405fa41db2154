"""What a stage works with, where its artefacts lie, and what its invocation has used."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, PositiveInt

from filegate.dataset.registry import Datasets
from filegate.runs.address import Address
from filegate.runs.clock import now
from filegate.runs.run import Invocation, Run, Usage
from filegate.runs.states import State
from filegate.storage.ledger import Ledger
from filegate.storage.objects import ObjectStore
from filegate.storage.requests import Requests


class Settings(BaseModel, frozen=True):
    """Where artefacts lie, and how large things may be.

    Attributes:
        staging_bucket: what stages pass to each other; expires by itself.
        processed_bucket: what is published.
        quarantine_bucket: what was rejected.
        chunk_bytes: the size of a chunk; the stages' memory follows it.
        fan_out_bytes: a larger object is spread over many invocations.
        whole_object_bytes: a larger one is refused where the dataset's transform needs the whole object.
    """

    staging_bucket: str
    processed_bucket: str
    quarantine_bucket: str
    chunk_bytes: PositiveInt = 6 << 20
    fan_out_bytes: PositiveInt = 512 << 20
    whole_object_bytes: PositiveInt = 128 << 20


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

    def quarantined(self, dataset: str, run_id: str, name: str) -> Address:
        """An artefact of a run in the quarantine bucket."""
        return Address(self.settings.quarantine_bucket, f"{dataset}/{run_id}/{name}")

    def processed(self, key: str) -> Address:
        return Address(self.settings.processed_bucket, key)


Stage = Callable[[Run, Context], Run]
"""A function of the pipeline: takes the run's document, returns it with what it found."""


def output_manifest_key(dataset: str, run_id: str) -> str:
    """Where the processed bucket lists a committed run's parts."""
    return f"{dataset}/_manifests/{run_id}.json"


class Meter:
    """Tells what the present invocation has used so far.

    Args:
        invocation_id: the invocation's own, among those of its run.
        state: the state that called.
        memory_mb: the function's memory.
        requests: where its clients count; starts from zero.
        head_start: seconds that are charged although they passed before the handler was called.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        invocation_id: str,
        state: State,
        memory_mb: int,
        requests: Requests,
        *,
        head_start: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = invocation_id
        self._facts = {"state": state, "memory_mb": memory_mb}
        self._requests = requests
        self._clock = clock
        self._begun = clock() - head_start
        requests.clear()

    def invocation(self, *, failed: bool = False) -> Invocation:
        seconds = round(self._clock() - self._begun, 3)
        return Invocation.model_validate(
            {**self._facts, **self._requests.counts(), "seconds": seconds, "failed": failed}
        )

    def usage(self, *, failed: bool = False) -> Usage:
        return Usage(invocations={self._id: self.invocation(failed=failed)})
