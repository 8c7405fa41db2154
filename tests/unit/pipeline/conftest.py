"""A pipeline on fakes: drop bytes, run the stages one after the other, read what they wrote."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from filegate.aws_lambda.settings import FunctionSettings
from filegate.dataset.registry import Registry
from filegate.pipeline.context import Context, Stage
from filegate.pipeline.execution import STAGES, walk
from filegate.pipeline.fan_out import listed_ranges
from filegate.runs import clock
from filegate.runs.address import Address
from filegate.runs.manifests import OutputManifest, QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.runs.run import Range, Request, Run, run_id_of
from filegate.storage.memory import MemoryLedger
from filegate.storage.objects import read_document
from tests.memory_store import MemoryObjectStore

HEAD = """\
import pandera.polars as pa
import polars as pl
from pandera.polars import Check, Column, DataFrameSchema
from filegate import Csv, Dataset, Json, Parquet
"""
ORDERS = """\
SCHEMA = DataFrameSchema({"id": Column(int), "country": Column(str, Check.isin(["DE", "FR"])), "amount": Column(float)})
dataset = Dataset("orders", schema=SCHEMA, source=Csv(), tolerated_rejects=0.5)
"""


@dataclass
class Pipeline:
    """The four stages on an in-memory store and ledger."""

    folder: Path
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    chunk_bytes: int = 8 << 20
    fan_out_bytes: int = 512 << 20
    whole_object_bytes: int = 128 << 20
    sequencers: itertools.count[int] = field(default_factory=itertools.count)
    now: Callable[[], datetime] = clock.now

    def declare(self, name: str, body: str) -> None:
        (self.folder / f"{name}.py").write_text(HEAD + body)

    @property
    def context(self) -> Context:
        settings = FunctionSettings(
            ledger_table="ledger",
            staging_bucket="staging",
            processed_bucket="processed",
            quarantine_bucket="quarantine",
            datasets=self.folder,
            chunk_bytes=self.chunk_bytes,
            fan_out_bytes=self.fan_out_bytes,
            whole_object_bytes=self.whole_object_bytes,
        )
        return Context(self.store, self.ledger, Registry(self.folder), settings, self.now)

    def arrive(self, key: str, data: bytes | str, *, sequencer: str | None = None) -> Run:
        """A run at its start, over a new version of the key."""
        version = self.store.write(Address("raw", key), data.encode() if isinstance(data, str) else data)
        order = f"{next(self.sequencers):08X}" if sequencer is None else sequencer
        request = Request(bucket="raw", key=key, version_id=version, sequencer=order)
        return Run(run_id=run_id_of("raw", key, version), execution=f"run-of-{version}", request=request)

    def replay(self, run: Run, *, rows: str, token: str = "replay") -> Run:
        request = run.request.model_copy(update={"replay_of": run.run_id, "replay_rows": rows})
        return Run(run_id=f"{token}-of-{run.run_id}", execution=token, request=request)

    def validated(self, run: Run) -> Run:
        return next(found for found in self.walk(run) if found.validated is not None)

    def transformed(self, run: Run) -> Run:
        return next(found for found in self.walk(run) if found.transformed is not None)

    def published(self, run: Run) -> Run:
        return next(found for found in self.walk(run) if found.published is not None)

    def finish(self, run: Run) -> Run:
        return next(found for found in self.walk(run) if found.committed is not None)

    def walk(self, run: Run) -> Iterator[Run]:
        context = self.context
        return walk(run, lambda state, found: STAGES[state](found, context), self.ranges)

    def ranges(self, run: Run) -> Sequence[Range]:
        """What a Distributed Map may make of its list: any order, and one range twice."""
        listed = listed_ranges(run, self.context)
        return (*reversed(listed), listed[0])

    def mapped(self, run: Run, stage: Stage) -> None:
        for range_ in self.ranges(run):
            stage(run.with_range(range_), self.context)

    def record(self, run: Run) -> RunRecord:
        record = self.ledger.get(run.run_id)
        assert record is not None
        return record

    def live(self, dataset: str) -> pl.DataFrame:
        """The rows that a reader of the committed manifests sees."""
        frames = []
        for key in self.store.list("processed", f"{dataset}/_manifests/"):
            manifest = read_document(self.store, Address("processed", key), OutputManifest)
            frames += [self.parquet("processed", part.target) for part in manifest.parts]
        return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()

    def files(self, dataset: str) -> list[str]:
        """The published files, manifests aside."""
        return [key for key in self.store.list("processed", f"{dataset}/") if key.endswith(".parquet")]

    def rejected(self, run: Run) -> pl.DataFrame:
        """The quarantine of a run."""
        place = Address("quarantine", f"{run.request.dataset}/{run.run_id}/manifest.json")
        manifest = read_document(self.store, place, QuarantineManifest)
        return pl.concat([self.parquet("quarantine", part.key) for part in manifest.parts])

    def parquet(self, bucket: str, key: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(self.bytes(bucket, key)))

    def bytes(self, bucket: str, key: str) -> bytes:
        return self.store.read(Address(bucket, key))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.declare("orders", ORDERS)
    return made


@pytest.fixture
def new_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Pipeline]:
    """For property tests: a fresh pipeline an example."""

    def make() -> Pipeline:
        made = Pipeline(tmp_path_factory.mktemp("datasets"))
        made.declare("orders", ORDERS)
        return made

    return make
