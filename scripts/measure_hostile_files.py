"""Measures the stages' memory over hostile files, and writes docs/hostile-files.json.

    python -m scripts.measure_hostile_files

Run it from the repository's root. Each stage is a process of its own, which is killed if it holds more than its
function has; nothing of it needs Docker.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from harness.hostile import FILES, HostileFile
from harness.hostile.stages import STATES, Passage, passages
from harness.peaks import MEMORY

FIGURES = Path(__file__).parents[1] / "docs" / "hostile-files.json"
MB = 1e6
STAGES = [state.stage for state in STATES]


def main() -> None:
    rows = []
    for file in FILES:
        rows += measure(file)
        sys.stderr.write(f"{rows[-1]}\n")
    FIGURES.write_text(json.dumps(rows, indent=1) + "\n")
    sys.stdout.write(table(rows))


def measure(file: HostileFile) -> list[dict[str, Any]]:
    """A row for each stage that the file comes to."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(passages(file, Path(folder)))
        size = (Path(folder) / "raw" / file.key).stat().st_size
    facts = {"file": file.name, "format": file.suffix, "bytes": size}
    return [facts | {"stage": each.stage, "peak": each.anonymous_bytes, "ended": _ending(each)} for each in found]


def _ending(passage: Passage) -> str:
    return passage.ended if passage.refusal is None else f"refused: {passage.ended}"


def measured() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FIGURES.read_text())
    return found


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What docs/memory.md shows of them: a row for each file."""
    of = [f"{stage}, MB of {MEMORY[stage] * (1 << 20) / MB:.0f}" for stage in STAGES]
    lines = [f"| file | format | bytes | {' | '.join(of)} | how it ended |", f"|---|---|--:|{'--:|' * len(of)}---|"]
    for (name, suffix, size), group in groupby(rows, key=itemgetter("file", "format", "bytes")):
        passed = list(group)
        cells = [name, suffix, f"{size:,}", *(_peak(passed, stage) for stage in STAGES), _ended(passed)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _peak(rows: Sequence[Mapping[str, Any]], stage: str) -> str:
    """The highest: a stage is called again where rejected rows are replayed."""
    peaks = [row["peak"] for row in rows if row["stage"] == stage]
    return f"{max(peaks) / MB:.0f}" if peaks else ""


def _ended(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is said of the file: how it failed, or what was rejected, or nothing in particular."""
    said = [row["ended"] for row in rows if row["ended"] != "done"]
    return next((each for each in said if each.startswith("died")), said[0] if said else "published")


if __name__ == "__main__":
    main()
