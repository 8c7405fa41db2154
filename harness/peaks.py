"""The memory and processor time of functions' containers, observed from outside."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container
from requests.exceptions import JSONDecodeError

ACCOUNTINGS = (
    "/sys/fs/cgroup/memory/docker/{}/memory.stat",  # version 1
    "/sys/fs/cgroup/system.slice/docker-{}.scope/memory.stat",
)
"""Where Linux keeps a container's memory, if this is Docker's own host."""
MEMORY = {"ingest": 512, "validate": 256, "transform": 1024, "output": 512}
"""Of each stage's function, in MiB, as the templates set it."""


@dataclass
class Peaks:
    """What the containers of a function were seen to have.

    Attributes:
        containers: the ids of all there were; a second one means that the first was killed.
        memory: its limit in bytes.
        processors: its share in billionths of one.
        kept: the most bytes that it could not give back, its anonymous memory: as Linux says a hundred times a second,
            or, where that cannot be read, as Docker says about every second.
        most: the most bytes that it had in all, files' pages included; 0 where cgroups are of version 2.
        used: billionths of a second of processors that each container used, as last seen.
    """

    containers: set[str] = field(default_factory=set)
    memory: int = 0
    processors: int = 0
    kept: int = 0
    most: int = 0
    used: dict[str, int] = field(default_factory=dict)

    def observe(self, container: Container) -> None:
        name = str(container.id)
        self.containers.add(name)
        self.memory = container.attrs["HostConfig"]["Memory"]
        self.processors = container.attrs["HostConfig"]["NanoCpus"]
        stats: Any = container.stats(stream=False, one_shot=True)
        self.used[name] = stats["cpu_stats"]["cpu_usage"]["total_usage"]
        memory = stats["memory_stats"]
        details = memory.get("stats", {})
        self.kept = max(self.kept, details.get("total_rss", details.get("anon", 0)))
        self.most = max(self.most, memory.get("max_usage", 0))

    def observe_closely(self) -> None:
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
                            seen.observe(container)

    def watch_closer() -> None:
        while not over.wait(0.01):
            for seen in peaks.values():
                seen.observe_closely()

    with ThreadPoolExecutor(2) as pool:
        watching = [pool.submit(watch), pool.submit(watch_closer)]
        try:
            yield peaks
        finally:
            over.set()
            for each in watching:
                each.result()
