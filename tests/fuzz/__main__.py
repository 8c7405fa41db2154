"""Runs one target, guided by the coverage of the formats' Python; polars is native code, which it does not see.

python -m tests.fuzz TARGET [SECONDS]
"""

import resource
import sys
import tempfile
from pathlib import Path

import atheris

SEEDS = Path(__file__).parent / "seeds"
MEMORY = 4 << 30


def main(name: str, seconds: str = "60") -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with atheris.instrument_imports(include=["filegate.formats"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is imported here is instrumented
    target = TARGETS[name]

    def tried(data: bytes) -> None:
        if len(data) > 1:
            target(data)

    with tempfile.TemporaryDirectory() as corpus:
        options = [f"-max_total_time={seconds}", "-max_len=1500", "-timeout=30", "-rss_limit_mb=0"]
        options += [f"-artifact_prefix={name}-", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus, str(SEEDS / name)], tried)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
