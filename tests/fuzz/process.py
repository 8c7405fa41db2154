"""The process that tries inputs: it may be ended by what it tries, so the input is written down before."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
MAX_BYTES = 1500
MEMORY = 4 << 30
"""Bytes that a target may allocate: a file of a few bytes that has more allocated is a finding."""


def main(name: str, seconds: str, seed: str, tried: str, corpus: str) -> None:
    with atheris.instrument_imports(include=["filegate.formats"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is imported here is instrumented
    target = TARGETS[name]
    file = os.open(tried, os.O_WRONLY)

    def try_one(data: bytes) -> None:
        if len(data) > 1:
            os.pwrite(file, data, 0)
            os.ftruncate(file, len(data))
            target(data)

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    # A short time-out's alarm may ring while the process ends, and kill it.
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-len_control=0", "-timeout=1200"]
    options += ["-rss_limit_mb=0", f"-artifact_prefix={Path(tried).parent / name}-", f"-dict={HERE / 'dictionary'}"]
    if seed != "0":
        options.append(f"-seed={seed}")
    atheris.Setup([sys.argv[0], *options, corpus, str(HERE / "seeds" / name)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
