"""A law: a run in one process and the state machine make the same of any file of any dataset, whatever the sizes.

The files of a batch are delivered to the cloud at once; then each of them is run in this process under the same id.
Their ledger records are equal, and so is every byte that is published or quarantined.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from filegate.dataset.registry import Registry
from filegate.pipeline.context import Context, Settings
from filegate.pipeline.execution import execute
from filegate.runs.record import RunRecord
from filegate.runs.run import Request, Run
from filegate.storage.folder import FolderStore
from filegate.storage.memory import MemoryLedger
from harness.pipeline import Execution, Pipeline

from .law_cases import BATCHES, DEFAULT, NAME, SMALL, TINY, Case, Sizes

STAGES = ("Ingest", "Validate", "Transform", "Output")
PUBLISHED = ("ProcessedBucket", "QuarantineBucket")
VOLATILE = {"usage", "cost_usd", "entered_at", "started_at", "finished_at", "lease_until"}
"""Fields of a record that are about time and place, not about the data."""


@dataclass(frozen=True)
class Result:
    """What a run left behind: its record, and what it published and quarantined, by bucket and key."""

    record: Mapping[str, Any]
    objects: Mapping[str, bytes]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this module's own, since every batch adds to it."""
    return tmp_path_factory.mktemp("datasets")


@pytest.mark.parametrize("sizes", [TINY, SMALL, DEFAULT], ids=["tiny", "small", "default"])
def test_one_process_and_the_state_machine_give_the_same(
    sizes: st.SearchStrategy[Sizes], pipeline: Pipeline, datasets: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    numbers = itertools.count()

    @settings(
        max_examples=2,
        phases=[Phase.generate],  # shrinking would take hours on a cloud; a failure shows its file instead
        database=None,
        suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(sizes=sizes, cases=BATCHES)
    def holds(sizes: Sizes, cases: Sequence[Case]) -> None:
        folder = tmp_path_factory.mktemp("batch")
        batch = {f"{folder.name.replace('-', '')}_{next(numbers)}": case for case in cases}
        for name, case in batch.items():
            (datasets / f"{name}.py").write_text(case.module.replace(NAME, name))
        configure(pipeline, sizes)
        drops = [pipeline.drop(f"{name}/{case.file}", case.data) for name, case in batch.items()]
        for drop, case in zip(drops, cases, strict=True):
            execution = pipeline.execution(drop.run_id)
            on_the_cloud = left_on_the_cloud(pipeline, pipeline.run(drop.run_id))
            here = run_here(pipeline, execution, datasets, folder / drop.run_id, sizes)
            shown = f"{sizes}\n{case.module}{case.file}: {case.data!r}"
            assert here.record == on_the_cloud.record, shown
            assert here.objects.keys() == on_the_cloud.objects.keys(), shown
            assert [key for key, data in here.objects.items() if data != on_the_cloud.objects[key]] == [], shown

    holds()


def configure(pipeline: Pipeline, sizes: Sizes) -> None:
    """Gives the functions these sizes. Their next calls are of new processes, which know the new datasets."""
    for stage in STAGES:
        name = pipeline.outputs[f"{stage}Function"]
        variables = pipeline.lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["FILEGATE_CHUNK_BYTES"] = str(sizes.chunk_bytes)
        variables["FILEGATE_FAN_OUT_BYTES"] = str(sizes.fan_out_bytes)
        pipeline.lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def left_on_the_cloud(pipeline: Pipeline, record: RunRecord) -> Result:
    keys = [(bucket, key) for bucket in PUBLISHED for key in pipeline.keys(bucket, f"{record.dataset}/")]
    return Result(lasting(record), {f"{bucket}/{key}": pipeline.read(bucket, key) for bucket, key in keys})


def run_here(pipeline: Pipeline, execution: Execution, datasets: Path, folder: Path, sizes: Sizes) -> Result:
    """Runs what the execution did, over a folder that has the cloud's buckets."""
    request = Request.model_validate(execution.input)
    names = {name: pipeline.outputs[f"{name.title()}Bucket"] for name in ("staging", "processed", "quarantine")}
    sized = Settings(
        staging_bucket=names["staging"],
        processed_bucket=names["processed"],
        quarantine_bucket=names["quarantine"],
        chunk_bytes=sizes.chunk_bytes,
        fan_out_bytes=sizes.fan_out_bytes,
    )
    store = FolderStore(folder)
    store.write(request.address, pipeline.read("RawBucket", request.key))
    run = Run(run_id=str(execution.run_id), execution=execution.arn, request=request)
    record = lasting(execute(run, Context(store, MemoryLedger(), Registry(datasets), sized)))
    if record["error_message"] is not None:
        record["error_message"] = record["error_message"].replace(f"{folder}/", "s3://")
    places = {bucket: folder / pipeline.outputs[bucket] for bucket in PUBLISHED}
    files = [(bucket, file) for bucket, place in places.items() for file in place.rglob("*") if file.is_file()]
    return Result(record, {f"{bucket}/{file.relative_to(places[bucket])}": file.read_bytes() for bucket, file in files})


def lasting(record: RunRecord) -> dict[str, Any]:
    """What the record says of the data, and which states the run entered."""
    return record.model_dump(exclude=VOLATILE) | {"states": set(record.states)}
