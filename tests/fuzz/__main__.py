"""Tries one target, guided by the coverage of the formats' Python; polars is native code, which it does not see.

    python -m tests.fuzz TARGET SECONDS

What the target raises for is written to `build/fuzz/`.
"""

from __future__ import annotations

import hashlib
import platform
import resource
import sys
import tempfile
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
DICTIONARY = Path(__file__).parent / "dictionary"
FOUND = Path(__file__).parents[2] / "build" / "fuzz"
MEMORY = 4 << 30
"""Bytes that a target may allocate: a file of a few bytes that has more allocated is a finding."""


def main(name: str, seconds: str) -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.version_info >= (3, 14):
        sys.stderr.write(f"NOT RUN: {name}, since atheris has wheels for Linux on x86-64 and Python up to 3.13 only.\n")
        return
    import atheris  # noqa: PLC0415 - it is not there elsewhere

    with atheris.instrument_imports(include=["filegate.formats"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is imported here is instrumented
    target = TARGETS[name]

    def tried(data: bytes) -> None:
        try:
            if len(data) > 1:
                target(data)
        except BaseException:  # polars' panics as well
            (FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
            raise

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        # A short time-out's alarm may ring while the process ends, and kill it.
        bounds = [f"-max_total_time={seconds}", "-max_len=1500", "-len_control=0", "-timeout=1200", "-rss_limit_mb=0"]
        atheris.Setup(
            [
                sys.argv[0],
                *bounds,
                f"-dict={DICTIONARY}",
                f"-artifact_prefix={FOUND / name}-",
                corpus,
                str(SEEDS / name),
            ],
            tried,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
