"""One candidate in a process of its own, and what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.data import ROOT, Data

SAMPLED_EVERY = 0.01
MB = 1e6


class CandidateFailed(Exception):
    """It ended with another status than 0; what it said is on stderr."""


@dataclass(frozen=True)
class Part:
    """What a part of the work took, in CPU and wall seconds."""

    cpu_s: float
    wall_s: float

    def __add__(self, other: Part) -> Part:
        return Part(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s)


@dataclass(frozen=True)
class Taken:
    """What one run took.

    Attributes:
        cpu_s: CPU seconds of the work, of all threads, in user and system mode.
        wall_s: seconds of the work.
        startup_cpu_s: CPU seconds before the work and after it: the interpreter, the imports, the exit.
        peak_mb: the most memory that the process held, mapped files of libraries included.
        anonymous_mb: the most that it held without those, as seen a hundred times a second.
        parts: of the work, where the candidate tells them.
    """

    cpu_s: float
    wall_s: float
    startup_cpu_s: float
    peak_mb: float
    anonymous_mb: float
    parts: dict[str, Part]

    def __str__(self) -> str:
        parts = " ".join(f"{name} {part.cpu_s:.2f}" for name, part in self.parts.items())
        return f"{self.cpu_s:7.2f} CPU s {self.wall_s:7.2f} s {self.peak_mb:7.0f} MB  {parts}"


def measured(candidate: str, job: str, data: Data, output: Path) -> Taken:
    """Runs a candidate into `output`, an empty folder.

    Raises:
        CandidateFailed: it did not end well.
    """
    command = [sys.executable, "-m", "benchmarks.candidates", candidate, job, str(data.folder), str(output)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = _Lines(process.stdout)
    peak, anonymous = 0, 0
    try:
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            held = _memory(process.pid)
            peak = max(peak, held.get("VmHWM", 0))
            if lines.begun:
                anonymous = max(anonymous, held.get("RssAnon", 0))
            time.sleep(SAMPLED_EVERY)
    except BaseException:
        process.kill()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    lines.join()
    if process.returncode:
        raise CandidateFailed(f"{candidate} ended with status {process.returncode}.")
    parts = lines.ended
    whole = parts.pop("all")
    startup_cpu_s = used.ru_utime + used.ru_stime - whole.cpu_s
    return Taken(whole.cpu_s, whole.wall_s, startup_cpu_s, peak / MB, anonymous / MB, parts)


class _Lines(threading.Thread):
    """Reads what `Phases` writes."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self.begun = False
        self.ended: dict[str, Part] = {}
        self._stream = stream
        self.start()

    def run(self) -> None:
        with self._stream:
            for text in self._stream:
                line = json.loads(text)
                if "begins" in line:
                    self.begun = True
                else:
                    name, part = line["ends"], Part(line["cpu_s"], line["wall_s"])
                    self.ended[name] = self.ended[name] + part if name in self.ended else part  # a range each


def _memory(pid: int) -> dict[str, int]:
    """Bytes by the names of Linux: `VmHWM`, `RssAnon` and others. None once the process has ended."""
    entries = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {entry[0].rstrip(":"): int(entry[1]) * 1024 for entry in entries if entry[-1] == "kB"}
