"""A large file on its way through a deployed pipeline: made while it is sent, followed to its end, proved whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from boto3.s3.transfer import TransferConfig

from benchmarks.data import flights
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from harness.pipeline import Drop, Pipeline

DATASET = "flights"
NEVER = 1 << 60
PIECES = TransferConfig(multipart_chunksize=64 << 20, use_threads=False)


class Different(AssertionError):
    """A run lost rows, or did not make what another one made of the same file."""


@dataclass(frozen=True)
class Delivered:
    """A file that was delivered, and what came of it.

    Attributes:
        rows: that the file holds.
        seconds: from the end of its delivery to the end of its run.
        parts: size and ETag of each part that was published, quarantined or handed on, by key without the run's id.
    """

    rows: int
    seconds: float
    run: RunRecord
    parts: dict[str, tuple[int, str]]


def spread_from(pipeline: Pipeline, size: int) -> None:
    """Objects of more bytes are spread from now on."""
    name = pipeline.outputs["IngestFunction"]
    variables = pipeline.lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables["FILEGATE_FAN_OUT_BYTES"] = str(size)
    pipeline.lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    pipeline.lambdas.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def deliver(pipeline: Pipeline, size: int) -> Delivered:
    """Sends a file of flights of about `size` bytes, and waits for its run.

    Raises:
        Different: rows are missing.
    """
    bucket, key = pipeline.outputs["RawBucket"], f"{DATASET}/{size}.csv"
    file = _Made(flights(size))
    pipeline.s3.upload_fileobj(file, bucket, key, Config=PIECES)
    sent = time.monotonic()
    drop = Drop(bucket, key, pipeline.s3.head_object(Bucket=bucket, Key=key)["VersionId"])
    run = pipeline.run(drop.run_id)
    seconds = time.monotonic() - sent
    rows = file.lines - 1
    counted = (run.rows_in, run.rows_accepted + run.rows_rejected, run.rows_out + run.rows_deduplicated)
    if (run.status, run.retries, counted) != (Status.PARTIAL, 0, (rows, rows, run.rows_accepted)):
        raise Different(f"{rows} rows were delivered: {run}")
    return Delivered(rows, seconds, run, _parts(pipeline, run))


def _parts(pipeline: Pipeline, run: RunRecord) -> dict[str, tuple[int, str]]:
    places = {
        "ProcessedBucket": f"{DATASET}/",
        "QuarantineBucket": f"{DATASET}/{run.run_id}/",
        "StagingBucket": f"runs/{run.run_id}/accepted/",
    }
    found = {}
    for bucket, prefix in places.items():
        pages = pipeline.s3.get_paginator("list_objects_v2").paginate(Bucket=pipeline.outputs[bucket], Prefix=prefix)
        for entry in (entry for page in pages for entry in page.get("Contents", [])):
            if run.run_id in entry["Key"] and entry["Key"].endswith(".parquet"):
                name = f"{bucket}/{entry['Key'].replace(run.run_id, 'run')}"
                found[name] = entry["Size"], entry["ETag"]
    return found


class _Made:
    """A file that is made as it is read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""
        self.lines = 0

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (block := next(self._blocks, None)) is not None:
            self.lines += block.count(b"\n")
            self._rest += block
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
