"""Where a large file is sent through, and what its functions were seen to use there."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.small_files.watch import Watch
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.runs.states import State
from harness.peaks import watched
from harness.pipeline import Pipeline
from harness.stack import Stack, running

PATIENCE = 7200.0
PARALLEL = 8
"""Containers at the same time: with Lambda's shares, that many validate functions want about one processor."""
ON_DISK = Path(__file__).with_name("on_disk.yml")
SAMPLED_EVERY = 0.02
MB = 1e6


@dataclass
class Used:
    """By stage.

    Attributes:
        processor: seconds of processors.
        kept: the most anonymous memory of any of its processes, in MB.
    """

    processor: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    kept: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Embedded:
    """The embedded cloud, for a single file: it keeps all objects in memory, and sets no limits."""

    def __init__(self) -> None:
        self._watch = Watch()

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        with self._watch.watching(), EmbeddedCloud() as cloud:
            yield Pipeline(cloud.session(), cloud.deploy(), patience=PATIENCE)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Used]:
        """What the functions use within the block; complete at its end."""
        used, over = Used(), threading.Event()
        before = len(self._watch.calls)

        def observe() -> None:
            while not over.wait(SAMPLED_EVERY):
                for stage, kept in _function_processes():
                    used.kept[stage] = max(used.kept[stage], kept)

        with ThreadPoolExecutor(1) as pool:
            observing = pool.submit(observe)
            try:
                yield used
            finally:
                over.set()
                observing.result()
        for call in self._watch.calls[before:]:
            used.processor[State(call.state).stage] += call.cpu


def _function_processes() -> Iterator[tuple[str, float]]:
    """The stage of each of this process's functions, and its anonymous memory in MB."""
    for children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread, or a child, that has ended meanwhile
            for pid in children.read_text().split():
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                names = [one.partition(b"=")[2] for one in variables if one.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")]
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                kept = [int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")]
                if names and kept:
                    yield names[0].decode().rpartition("-")[2], kept[0] / MB


class OnLocalStack:
    """LocalStack with the images under Lambda's limits of memory and shares of a processor; its objects are on disk."""

    def __init__(self) -> None:
        self._stack: Stack | None = None

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        settings = {"LAMBDA_IMAGES_CPU_SHARE": "1", "LAMBDA_IMAGES_PARALLEL": str(PARALLEL)}
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), ON_DISK, **settings) as stack:
            self._stack = stack
            yield stack.pipeline(patience=PATIENCE)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Used]:
        """What the functions use within the block, as seen from outside; complete at its end."""
        assert self._stack is not None
        used = Used()
        with watched(self._stack.project) as peaks:
            yield used
        for stage, seen in peaks.items():
            used.processor[stage] = sum(seen.used.values()) / 1e9
            used.kept[stage] = seen.kept / MB


CLOUDS: dict[str, type[Embedded | OnLocalStack]] = {"embedded": Embedded, "LocalStack": OnLocalStack}
