"""Tries one target, guided by the coverage of the formats' Python; polars is native code, which it does not see.

    python -m tests.fuzz TARGET SECONDS [SEED]

The same seed tries the same inputs on the same code, as far as the seconds go; 0 draws one. What the target raises for
is written to `build/fuzz/`, and printed with how to repeat it; everything else goes to `build/fuzz/TARGET.log`.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from base64 import b64encode
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE.parents[1] / "build" / "fuzz"
LAST_LINES = 30


def main(name: str, seconds: str, seed: str = "1") -> int:
    """The exit status: 1 for a finding."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.version_info >= (3, 14):
        sys.stderr.write(f"NOT RUN: {name}, since atheris has wheels for Linux on x86-64 and Python up to 3.13 only.\n")
        return 0
    FOUND.mkdir(parents=True, exist_ok=True)
    log, tried = FOUND / f"{name}.log", FOUND / f"{name}.tried"
    tried.write_bytes(b"")  # not that of an earlier run, should this one end before it tries any
    with tempfile.TemporaryDirectory() as corpus, log.open("wb") as lines:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.process", name, seconds, seed, str(tried), corpus],
            env=os.environ | {"PYTHONHASHSEED": seed if seed != "0" else "random"},
            stdout=lines,
            stderr=subprocess.STDOUT,
            check=False,
        )
    written = log.read_text(errors="replace").splitlines()
    if ended.returncode == 0:
        summary = next((line for line in reversed(written) if line.startswith("Done ")), "ended early")
        sys.stdout.write(f"fuzz {name}: {summary}\n")
        return 0
    sys.stderr.write("\n".join(line[:300] for line in written[-LAST_LINES:]))
    sys.stderr.write(
        f"\n\nfuzz {name}: FOUND (exit status {ended.returncode}), seed {seed}. The input, in base64:\n"
        f"{b64encode(tried.read_bytes()).decode()}\n"
        f"Keep it as tests/fuzz/seeds/{name}/WHAT_IT_SHOWS, where a test tries it: cp {tried} …\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
