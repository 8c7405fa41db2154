"""The parts of a candidate's work, reported to the process that measures it, as they begin and end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Phases:
    """Writes a line of JSON to a stream as a part begins, and another with its CPU and wall seconds as it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._tell(begins=name)
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self._tell(ends=name, cpu_s=time.process_time() - cpu, wall_s=time.perf_counter() - wall)

    def _tell(self, **line: object) -> None:
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
