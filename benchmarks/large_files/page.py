"""The text and tables of docs/large-files.md, from the figures of docs/large-files.json: `make pages`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[2] / "docs" / "large-files.json"

STAGES = ("ingest", "validate", "transform", "output")
LOOKED_AT = ("validate", "transform")


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIGURES.read_text())
    return found


def tables(figures: Mapping[str, Any]) -> str:
    return "\n".join(_lines(figures)) + "\n"


def _lines(figures: Mapping[str, Any]) -> Iterator[str]:
    rows = figures["rows"]
    yield f"Measured on {figures['measured_on']}, on {figures['machine']}."
    yield ""
    yield from _sameness(rows)
    yield ""
    yield "Of a stage: calls, seconds that Lambda would charge for, seconds of a processor, and the most memory kept."
    yield ""
    yield f"| cloud | file | ranges | seconds | {' | '.join(STAGES)} |"
    yield f"|---|--:|--:|--:|{'--:|' * len(STAGES)}"
    for row in rows:
        cells = (_cell(row["stages"][stage]) for stage in STAGES)
        spread = row["ranges"] or "not spread"
        yield f"| {row['cloud']} | {row['gb']:g} GB | {spread} | {row['seconds']:.0f} | {' | '.join(cells)} |"
    yield ""
    yield from _flatness(rows)


def _cell(stage: Mapping[str, Any]) -> str:
    calls = f"{stage['calls']:,} call{'s' if stage['calls'] > 1 else ''}"
    return f"{calls}, {stage['charged']:.0f} s, {stage['processor']:.1f} s, {stage['kept_mb']:.0f} MB"


def _sameness(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    by_size: dict[float, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_size[row["gb"]].append(row)
    for gb, alike in by_size.items():
        one = alike[0]
        each = f"the same {one['parts']:,} parts, byte for byte, each of the {len(alike)} times"
        made = each if len(alike) > 1 else f"{one['parts']:,} parts"
        yield f"- **{gb:g} GB**, {one['rows']:,} rows, {one['rejected']:,} of them rejected: {made}."


def _flatness(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """How the peaks under Lambda's limits compare over the sizes, where the function does the same with each."""
    for spread, way in ((True, "spread"), (False, "not spread")):
        alike = [row for row in rows if row["cloud"] == "LocalStack" and bool(row["ranges"]) is spread]
        sizes = ", ".join(f"{row['gb']:g}" for row in alike)
        for stage in LOOKED_AT if len(alike) > 1 else ():
            kept = [row["stages"][stage]["kept_mb"] for row in alike]
            told = ", ".join(f"{mb:.0f}" for mb in kept)
            around = (max(kept) - min(kept)) / (max(kept) + min(kept))
            yield f"- {stage} kept {told} MB of files of {sizes} GB, {way}: ± {around:.0%}."
