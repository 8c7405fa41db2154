"""Carries out a case: the stages in this process, over a folder as store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from filegate.dataset.registry import Registry
from filegate.pipeline.context import Context
from filegate.pipeline.execution import STAGES, walk
from filegate.pipeline.fan_out import listed_ranges
from filegate.pipeline.in_process import SETTINGS
from filegate.runs.address import Address
from filegate.runs.run import Request, Run, run_id_of
from filegate.storage.folder import FolderStore
from filegate.storage.memory import MemoryLedger

from .case import Case, FollowUp
from .observe import Finished

NOW = datetime(2026, 1, 31, 10, tzinfo=UTC)


def execute(case: Case, folder: Path) -> list[Finished]:
    return _Execution(case, folder).finished()


@dataclass
class _Execution:
    case: Case
    folder: Path
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def finished(self) -> list[Finished]:
        self._declare(self.case.module)
        self._deliver(self.case.data)
        first = self._run("only", "0A", "golden")
        ended = [(first, *self._followed(first))]
        for follow_up in self.case.then:
            if follow_up.module:
                self._declare(follow_up.module)
            if follow_up.data:
                self._deliver(follow_up.data)
            run = self._following(first, follow_up)
            ended.append((run, *self._followed(run)))
        records = [self.ledger.get(run.run_id) for run, *_ in ended]
        return [
            Finished(
                [document.model_dump(mode="json") for document in documents],
                None if record is None else record.model_dump(mode="json"),
                error,
            )
            for (_, documents, error), record in zip(ended, records, strict=True)
        ]

    def _declare(self, module: str) -> None:
        datasets = self.folder / "datasets"
        shutil.rmtree(datasets, ignore_errors=True)
        for name, data in {f"{self.case.dataset}.py": module.encode(), **self.case.beside}.items():
            file = datasets / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def _deliver(self, data: bytes) -> None:
        FolderStore(self.folder).write(Address("raw", self.case.key), data)

    def _run(self, version: str, sequencer: str, execution: str) -> Run:
        request = Request(bucket="raw", key=self.case.key, version_id=version, sequencer=sequencer)
        return Run(run_id=run_id_of("raw", self.case.key, version), execution=execution, request=request)

    def _following(self, first: Run, follow_up: FollowUp) -> Run:
        match follow_up.kind:
            case "replay quarantined" | "replay all":
                rows = follow_up.kind.removeprefix("replay ")
                request = first.request.model_copy(update={"replay_of": first.run_id, "replay_rows": rows})
                return Run(run_id=f"replay-{first.run_id}", execution="golden-replay", request=request)
            case "newer version":
                return self._run("only2", "0B", "golden-newer")
            case "older version":
                return self._run("only0", "09", "golden-older")
            case "announced again":
                return self._run("only", "0A", "golden-again")

    def _followed(self, run: Run) -> tuple[list[Run], BaseException | None]:
        """The run's documents, its first one included, and what ended it."""
        context = self._context()
        documents = [run]
        steps = walk(run, lambda state, found: STAGES[state](found, context), partial(listed_ranges, context=context))
        try:
            documents.extend(steps)  # keeps what came before an error
        except (Exception, pl.exceptions.PanicException) as error:
            return documents, error
        return documents, None

    def _context(self) -> Context:
        sizes = {"chunk_bytes": self.case.chunk_bytes, "fan_out_bytes": self.case.fan_out_bytes}
        settings = SETTINGS.model_copy(update=sizes)
        return Context(FolderStore(self.folder), self.ledger, Registry(self.folder / "datasets"), settings, lambda: NOW)
