"""Writes lines of `expected.json` anew: python -m tests.golden CASE …

Only for what is meant to change: the difference belongs into the changelog.
"""

import json
import sys
from pathlib import Path

from .cases import CASES
from .executor import execute
from .observe import observed

FILE = Path(__file__).parent / "expected.json"


def main(names: list[str]) -> None:
    expected = json.loads(FILE.read_text())
    expected |= {case.name: observed(case, execute) for case in CASES if case.name in names}
    lines = (
        f"{json.dumps(name)}:{json.dumps(expected[name], sort_keys=True, separators=(',', ':'))}"
        for name in sorted(case.name for case in CASES)
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {case.name for case in CASES}:
        sys.exit(f"No case is called {', '.join(sorted(unknown))}.")
    main(sys.argv[1:])
