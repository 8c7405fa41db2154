"""Measures what a run uses and writes scripts/usage.json, from which docs/cost.md is computed.

    python -m scripts.measure_usage

Run it from the repository's root. Real files go through the stages' own code against the embedded cloud, which counts
for nothing: a stage's processor seconds are its process's own, and its requests are counted where they leave.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from filegate.devcloud.cloud import EmbeddedCloud
from filegate.devcloud.session import session_for
from filegate.runs.run import Request, Run, run_id_of
from filegate.runs.states import State
from scripts.sample_data import write_flights

FILE = Path("scripts/usage.json")
REGION = "us-east-1"
SMALL_MB = 1
TIMES = 3
STATES = tuple(state for state in State if not state.is_fan_out)


@dataclass(frozen=True)
class Step:
    """What one state of a run took: seconds of a processor, and requests and units, by the fields of `Invocation`."""

    cpu_seconds: float
    requests: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """A run of one file. `staged_bytes` is all that the run leaves in the staging bucket."""

    megabytes: float
    steps: dict[State, Step]
    staged_bytes: int
    published_bytes: int
    published_objects: int


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_flights(Path(folder), small=False)
        whole = (Path(folder) / "flights.csv").read_bytes()
    small = whole[: whole.rindex(b"\n", 0, SMALL_MB * 1_000_000) + 1]
    with EmbeddedCloud() as cloud:
        outputs = cloud.deploy()
        # No event reaches the pipeline: the stages are called from here.
        cloud.session().client("events").disable_rule(Name="filegate-local-object-created")
        runs = [measured(cloud.endpoint, outputs, data) for data in (small, whole)]
    document = {"measured_on": datetime.now(UTC).date().isoformat(), "machine": platform.machine()}
    FILE.write_text(json.dumps(document | {"runs": [asdict(run) for run in runs]}, indent=2) + "\n")


def measured(endpoint: str, outputs: dict[str, str], data: bytes) -> Measured:
    """The median of several runs; their requests and sizes are the same."""
    runs = [_in_a_process(endpoint, outputs, data, time_) for time_ in range(TIMES)]
    first = runs[0]
    steps = {
        state: Step(
            round(statistics.median(run.steps[state].cpu_seconds for run in runs), 3), first.steps[state].requests
        )
        for state in STATES
    }
    return Measured(first.megabytes, steps, first.staged_bytes, first.published_bytes, first.published_objects)


def _in_a_process(endpoint: str, outputs: dict[str, str], data: bytes, number: int) -> Measured:
    """Else the cloud's own work, or what an earlier run has loaded, would count."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run_stages, (endpoint, outputs, data, number))


def run_stages(endpoint: str, outputs: dict[str, str], data: bytes, number: int) -> Measured:
    """Puts the file into the raw bucket and runs every stage on it, as the state machine does, in a warm process."""
    from filegate.aws_lambda.settings import FunctionSettings  # noqa: PLC0415
    from filegate.dataset.registry import Registry  # noqa: PLC0415 - in the process that is measured
    from filegate.pipeline.context import Context, Meter  # noqa: PLC0415
    from filegate.pipeline.execution import STAGES, walk  # noqa: PLC0415
    from filegate.pipeline.fan_out import listed_ranges  # noqa: PLC0415
    from filegate.storage.dynamodb import DynamoDBLedger  # noqa: PLC0415
    from filegate.storage.requests import (  # noqa: PLC0415
        Requests,
        count_dynamodb,
        count_s3,
    )
    from filegate.storage.s3 import S3ObjectStore  # noqa: PLC0415

    session = session_for(endpoint, REGION)
    s3, dynamodb = session.client("s3"), session.client("dynamodb")
    requests = Requests()
    count_s3(s3, requests)
    count_dynamodb(dynamodb, requests)
    settings = FunctionSettings(
        ledger_table=outputs["LedgerTable"],
        staging_bucket=outputs["StagingBucket"],
        processed_bucket=outputs["ProcessedBucket"],
        quarantine_bucket=outputs["QuarantineBucket"],
    )
    ledger = DynamoDBLedger(dynamodb, settings.ledger_table)
    context = Context(S3ObjectStore(s3), ledger, Registry(settings.datasets), settings)

    def steps_of(key: str, body: bytes) -> tuple[Run, dict[State, Step]]:
        version = s3.put_object(Bucket=outputs["RawBucket"], Key=key, Body=body)["VersionId"]
        run = Run(
            run_id=run_id_of(outputs["RawBucket"], key, version),
            execution="measured",
            request=Request(bucket=outputs["RawBucket"], key=key, version_id=version),
        )
        steps: dict[State, Step] = {}

        def call(state: State, current: Run) -> Run:
            meter = Meter(f"{len(steps):012d}", state, 1024, requests)
            begun = time.process_time()
            after = STAGES[state](current, replace(context, meter=meter))
            steps[state] = Step(time.process_time() - begun, dict(sorted(requests.counts().items())))
            return after.with_usage(meter.usage())

        *_, last = walk(run, call, partial(listed_ranges, context=context))
        return last, steps

    steps_of(f"flights/warm-{len(data)}-{number}.csv", data[: data.index(b"\n", 10_000) + 1])
    run, steps = steps_of(f"flights/{len(data)}-{number}.csv", data)
    assert run.transformed is not None
    assert run.published is not None
    return Measured(
        megabytes=round(len(data) / 1_000_000, 3),
        steps=steps,
        staged_bytes=_bytes_with(s3, settings.staging_bucket, run.run_id),
        published_bytes=run.transformed.bytes_out,
        published_objects=run.published.parts,
    )


def _bytes_with(s3: Any, bucket: str, run_id: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return sum(entry["Size"] for page in pages for entry in page.get("Contents", []) if run_id in entry["Key"])


if __name__ == "__main__":
    main()
