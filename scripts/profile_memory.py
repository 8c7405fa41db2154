"""Profiles the stages' images over memory sizes, and writes docs/memory.json.

    python -m scripts.profile_memory

Run it from the repository's root, on an idle machine, with the images of `make up` built. Each stage's function runs on
LocalStack as on Lambda: in its image, under its memory limit, with the share of a processor that goes with it.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import boto3
import docker
from botocore.config import Config
from docker.errors import NotFound
from requests.exceptions import JSONDecodeError

from filegate.runs.prices import LAMBDA_GB_SECOND, READ_ON
from harness.function import STAGES, STATES
from harness.peaks import watched
from harness.stack import Stack, running
from scripts.bar_chart import Bar, chart
from scripts.machine import processor
from scripts.sample_data import repeated_flights

FIGURES = Path(__file__).parents[1] / "docs" / "memory.json"
BYTES = 50_000_000
SIZES = (128, 256, 512, 1024, 1769)
TIMES = 3
MIB, MB, GB = 1 << 20, 1e6, 1e9


@dataclass(frozen=True)
class Profiled:
    """A stage at one memory size.

    Attributes:
        stage: the stage.
        memory: its function's memory in MiB.
        seconds: of the quickest warm call, as whatever else the machine does only slows one; None if the function did
            not get through.
        processor_seconds: of the same call.
        peak: the most anonymous memory in bytes that any call was seen with.
        failure: the error it ended with, if it did.
    """

    stage: str
    memory: int
    seconds: float | None
    processor_seconds: float
    peak: int
    failure: str | None

    @property
    def usd_per_gb(self) -> float | None:
        """What Lambda asks for the stage's share in a GB of input."""
        if self.seconds is None:
            return None
        return LAMBDA_GB_SECOND.of(self.seconds * self.memory / 1024) * GB / BYTES


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), LAMBDA_IMAGES_CPU_SHARE="1") as stack:
        wanted = declared_memory(stack)
        rows = list(profile(stack, wanted))
    figures = {
        "machine": f"{os.cpu_count()} cores of {processor()}, {platform.machine()}",
        "in_use": wanted,
        "calls": [asdict(row) for row in rows],
    }
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(tables(figures))


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIGURES.read_text())
    return found


def declared_memory(stack: Stack) -> dict[str, int]:
    """MiB by stage, as the template says."""
    client = stack.session.client("lambda")
    return {
        stage: client.get_function_configuration(FunctionName=stack.outputs[f"{stage.title()}Function"])["MemorySize"]
        for stage in STAGES
    }


def profile(stack: Stack, wanted: dict[str, int]) -> Iterator[Profiled]:
    """Each stage at each size over one and the same file; the next stage goes on from the last call's answer."""
    stack.session.client("events").disable_rule(Name="filegate-local-object-created")
    data, _ = repeated_flights(BYTES)
    put = stack.session.client("s3").put_object(Bucket=stack.outputs["RawBucket"], Key="flights/profile.csv", Body=data)
    request = {"bucket": stack.outputs["RawBucket"], "key": "flights/profile.csv", "version_id": put["VersionId"]}
    run: Any = {"run_id": "f" * 64, "execution": "profile", "retries": {"count": 0}, "request": request}
    for stage in STAGES:
        for memory in SIZES:
            yield measure(stack, stage, memory, run)
        set_memory(stack, stage, wanted[stage])
        run, error, _ = call(stack, stage, run)
        if error is not None:
            sys.exit(f"{stage} failed with its own memory: {run}")


def measure(stack: Stack, stage: str, memory: int, run: dict[str, Any]) -> Profiled:
    """The quickest of the warm calls; a size that the stage fails with is tried once."""
    set_memory(stack, stage, memory)
    with watched(stack.project, limit=memory * MIB) as peaks:
        calls = []
        for _ in range(1 + TIMES):
            answer, error, seconds = call(stack, stage, run)
            calls.append((seconds, processor_seconds(stack, stage, memory)))
            if error is not None:
                break
    used = [after - before for (_, before), (_, after) in pairwise(calls)]
    row = Profiled(
        stage,
        memory,
        seconds=None if error else min(seconds for seconds, _ in calls[1:]),
        processor_seconds=statistics.median(used) if used else 0.0,
        peak=peaks[stage].kept,
        failure=answer["errorType"] if error else None,
    )
    sys.stderr.write(f"{row}\n")
    return row


def set_memory(stack: Stack, stage: str, memory: int) -> None:
    client, name = stack.session.client("lambda"), stack.outputs[f"{stage.title()}Function"]
    client.update_function_configuration(FunctionName=name, MemorySize=memory)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def call(stack: Stack, stage: str, run: dict[str, Any]) -> tuple[Any, str | None, float]:
    """The function's answer, its kind of error if it failed, and the seconds it took."""
    patient = Config(read_timeout=900, retries={"total_max_attempts": 1})
    client = boto3.Session("test", "test", region_name="us-east-1").client(
        "lambda", endpoint_url=stack.endpoint, config=patient
    )
    event = json.dumps({"state": STATES[stage], "run": run})
    start = time.perf_counter()
    answer = client.invoke(FunctionName=stack.outputs[f"{stage.title()}Function"], Payload=event)
    seconds = time.perf_counter() - start
    return json.loads(answer["Payload"].read()), answer.get("FunctionError"), seconds


def processor_seconds(stack: Stack, stage: str, memory: int) -> float:
    """What the stage's container with this memory has used of processors since it started; 0 if there is none."""
    labels = [f"com.docker.compose.project={stack.project}", f"com.docker.compose.service={stage}"]
    with closing(docker.from_env()) as client, suppress(NotFound, JSONDecodeError):  # it ended meanwhile
        for container in client.containers.list(filters={"label": labels}, ignore_removed=True):
            if container.attrs["HostConfig"]["Memory"] == memory * MIB:
                stats: Any = container.stats(stream=False, one_shot=True)
                return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / GB
    return 0.0


def bars(figures: Mapping[str, Any]) -> str:
    """A chart with a panel per stage and a bar per size, as long as a call took; the size in use stands out."""
    panels = {
        stage: [_bar(row, own=row.memory == figures["in_use"][stage]) for row in group]
        for stage, group in groupby(_rows(figures), key=lambda row: row.stage)
    }
    return chart("Seconds and cost of each stage by the memory of its function", panels)


def _bar(row: Profiled, *, own: bool) -> Bar:
    label = f"{row.memory} MiB"
    if row.seconds is None or row.usd_per_gb is None:
        return Bar(label, None, row.failure or "failed", "failed")
    told = f"{row.seconds:.1f} s, {row.usd_per_gb * 100:.3f} cents a GB"
    return Bar(label, row.seconds, told, "own" if own else "bar")


def _rows(figures: Mapping[str, Any]) -> list[Profiled]:
    return [Profiled(**row) for row in figures["calls"]]


def tables(figures: Mapping[str, Any]) -> str:
    """What docs/memory.md shows of them."""
    lines = [
        f"{BYTES / MB:.0f} MB of flights, the quickest of {TIMES} warm calls, on {figures['machine']}. "
        f"Prices: arm64, us-east-1, as read on {READ_ON}.\n",
        "| stage | memory, MiB | share of a processor | seconds | processor, s | kept, MB | of its memory "
        "| USD a GB of input |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in _rows(figures):
        own = "**" if row.memory == figures["in_use"][row.stage] else ""
        share = f"{row.memory / 1769:.0%}"
        if row.seconds is None or row.usd_per_gb is None:
            lines.append(f"| {row.stage} | {row.memory} | {share} | {row.failure} | | | | |")
            continue
        filled = f"{row.peak / (row.memory * MIB):.0%}"
        lines.append(
            f"| {row.stage} | {own}{row.memory}{own} | {share} | {row.seconds:.1f} | {row.processor_seconds:.1f} "
            f"| {row.peak / MB:.0f} | {filled} | {row.usd_per_gb:.5f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
