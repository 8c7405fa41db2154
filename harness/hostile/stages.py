"""Hostile files on their way through the stages, each in a process of its own under the limit of its function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filegate.runs.run import Request, Run, replay_id_of, run_id_of
from filegate.runs.states import State
from harness.hostile.file import HostileFile, write_datasets
from harness.peaks import MEMORY
from harness.stage_process import Probed, StageDied, probed

STATES = (State.INGEST, State.VALIDATE, State.TRANSFORM)
"""Those that read what a file holds: the others copy parts on the server's side."""
MIB = 1 << 20


@dataclass(frozen=True)
class Passage:
    """What a stage made of a hostile file.

    Attributes:
        stage: the stage.
        anonymous_bytes: the most anonymous memory of its process.
        cpu_seconds: what the call took.
        run: the document that it returned.
        refusal: why it refused the object, with the error's class first; None if it did not.
        death: how its process ended without an answer; None if it answered.
    """

    stage: str
    anonymous_bytes: int
    cpu_seconds: float
    run: Run
    refusal: str | None = None
    death: str | None = None

    @property
    def memory(self) -> int:
        """Of its function, in bytes."""
        return MEMORY[self.stage] * MIB

    @property
    def ended(self) -> str:
        """How, in a few words."""
        if self.death is not None:
            return f"died: {self.death[:80]}"
        if self.refusal is not None:
            return self.refusal.partition(":")[0]
        validated = self.run.validated
        if self.stage == "validate" and validated is not None and validated.rows_rejected:
            return f"{validated.rows_rejected:,} of {validated.rows_in:,} rows rejected"
        return "done"


class Probe(Protocol):
    """Calls the function of a state: `harness.stage_process.probed`, or a way to do so in a container."""

    def __call__(self, state: State, run: Run, folder: Path, datasets: Path, *, limit: int) -> Probed: ...


def passages(file: HostileFile, folder: Path, probe: Probe = probed) -> Iterator[Passage]:
    """What each stage makes of the file, until one refuses it.

    If rows were rejected, they are replayed: their ingest and validate come last.

    Args:
        file: the file.
        folder: an empty one, for the buckets and the datasets.
        probe: calls the function of a stage.
    """
    datasets, path = folder / "datasets", folder / "raw" / file.key
    write_datasets(datasets)
    path.parent.mkdir(parents=True)
    with path.open("wb") as out:
        file.write(out)
    request = Request(bucket="raw", key=file.key, version_id="only")
    run = Run(run_id=run_id_of("raw", file.key, "only"), execution="by hand", request=request)
    rejected = False
    for passage in _passages(run, STATES, folder, datasets, probe):
        yield passage
        rejected = rejected or (passage.run.validated is not None and passage.run.validated.rows_rejected > 0)
    if rejected:
        again = request.model_copy(update={"replay_of": run.run_id, "replay_rows": "quarantined"})
        replay = Run(run_id=replay_id_of(run.run_id, "message"), execution="by hand", request=again)
        yield from _passages(replay, STATES[:2], folder, datasets, probe)


def _passages(run: Run, states: Sequence[State], folder: Path, datasets: Path, probe: Probe) -> Iterator[Passage]:
    for state in states:
        try:
            done = probe(state, run, folder, datasets, limit=MEMORY[state.stage] * MIB)
        except StageDied as death:
            yield Passage(state.stage, death.anonymous_bytes, 0, run, death=str(death))
            return
        run = done.run
        yield Passage(state.stage, done.anonymous_bytes, done.cpu_seconds, run, done.refusal)
        if done.refusal is not None or (run.validated is not None and run.validated.verdict == "INVALID"):
            return
