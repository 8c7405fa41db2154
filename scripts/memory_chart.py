"""The chart of docs/memory.md: what each stage takes and costs at each memory size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Protocol

WIDTH, PANEL, BAR, LEFT, RIGHT = 760, 150, 20, 130, 190

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.stage { font-weight: 600 }
.quiet { fill: #6e7781 }
.bar { fill: #afb8c1 }
.own { fill: #0969da }
.failed { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #8d96a0 }
  .bar { fill: #484f58 } .own { fill: #4493f8 } .failed { fill: #f85149 }
}
"""


class Row(Protocol):
    """A stage at one memory size; see `profile_memory.Profiled`."""

    @property
    def stage(self) -> str: ...
    @property
    def memory(self) -> int: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def usd_per_gb(self) -> float | None: ...


def chart(rows: Sequence[Row], wanted: Mapping[str, int]) -> str:
    """An SVG with a panel a stage and a bar a size, as long as a call took; the size in use stands out."""
    panels = [(stage, list(group)) for stage, group in groupby(rows, key=lambda row: row.stage)]
    parts = [
        line for index, (stage, group) in enumerate(panels) for line in _panel(30 + index * PANEL, stage, group, wanted)
    ]
    height = 30 + PANEL * len(panels)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    title = "<title>Seconds and cost of each stage by the memory of its function</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _panel(top: int, stage: str, rows: Sequence[Row], wanted: Mapping[str, int]) -> list[str]:
    longest = max((row.seconds for row in rows if row.seconds is not None), default=1.0)
    parts = [_text(0, top, stage, "stage")]
    for index, row in enumerate(rows):
        middle = top + 8 + (index + 1) * BAR
        parts.append(_text(LEFT - 10, middle, f"{row.memory} MiB", "quiet", anchor="end"))
        if row.seconds is None or row.usd_per_gb is None:
            parts.append(_text(LEFT, middle, row.failure or "failed", "failed"))
            continue
        length = max(2.0, (WIDTH - LEFT - RIGHT) * row.seconds / longest)
        kind = "own" if row.memory == wanted[stage] else "bar"
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{middle - 12}" width="{length:.1f}" height="{BAR - 5}"/>')
        told = f"{row.seconds:.1f} s, {row.usd_per_gb * 100:.3f} cents a GB"
        parts.append(_text(LEFT + length + 8, middle, told, ""))
    return parts


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'
