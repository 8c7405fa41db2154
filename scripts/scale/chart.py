"""The chart of docs/scale.md: seconds and dollars by the size of an object, with the walls drawn in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from scripts.scale.model import CONCURRENCY, FAN_OUT_MB, object_seconds, object_usd, walls
from scripts.scale.page import USED
from scripts.scale.words import TB, size

WIDTH, LEFT, RIGHT, TOP, PANEL, GAP = 760, 80, 20, 56, 170, 34
SMALLEST, LARGEST = 100.0, TB  # MB
POINTS = 8  # for each factor of ten
TIMES: dict[float, str] = {1: "1 s", 60: "1 min", 3_600: "1 h", 86_400: "1 day", 864_000: "10 days"}
DOLLARS: dict[float, str] = {
    0.001: "$0.001",
    0.01: "$0.01",
    0.1: "$0.10",
    1: "$1",
    10: "$10",
    100: "$100",
    1_000: "$1,000",
}
CURVES = {"without a unique key": ("plain", False), "with a unique key": ("unique", True)}

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.quiet { fill: #6e7781; font-size: 12px }
.grid { stroke: #d0d7de; stroke-width: 1 }
.curve { fill: none; stroke-width: 2.5 }
.plain { stroke: #0969da } .unique { stroke: #bc4c00 }
.stopped { stroke-dasharray: 3 5; stroke-width: 1.5 }
.wall { stroke: #cf222e; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #8d96a0 } .grid { stroke: #30363d }
  .plain { stroke: #4493f8 } .unique { stroke: #f0883e } .wall { stroke: #f85149 }
}
"""


def chart() -> str:
    """Two panels over the same sizes, all axes logarithmic; a curve is dashed from its first wall on."""
    bottom = TOP + 2 * PANEL + GAP
    parts = [
        *_legend(),
        *_panel(TOP, "until it is published", object_seconds, TIMES),
        *_panel(TOP + PANEL + GAP, "US dollars", object_usd, DOLLARS),
        *_sizes(bottom),
        *_walls(bottom),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 52}" role="img">'
    title = "<title>Seconds and dollars by the size of an object, with what stops it</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _x(megabytes: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(megabytes / SMALLEST) / math.log(LARGEST / SMALLEST)


def _panel(top: float, title: str, of: Callable[..., float], ticks: Mapping[float, str]) -> list[str]:
    low, high = min(ticks), max(ticks)

    def y(value: float) -> float:
        return top + PANEL * (1 - math.log(max(low, value) / low) / math.log(high / low))

    parts = [_text(LEFT, top - 8, title)]
    for tick, label in ticks.items():
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(_text(LEFT - 8, y(tick) + 4, label, "quiet", anchor="end"))
    for kind, keys in CURVES.values():
        wall = walls(USED, concurrency=CONCURRENCY, keys=keys)[0].megabytes
        through = [at for at in _points() if at < wall]
        for some, more in (([*through, wall], ""), ([wall, *(at for at in _points() if at > wall)], " stopped")):
            line = " ".join(f"{_x(at):.1f},{y(of(USED, at, concurrency=CONCURRENCY, keys=keys)):.1f}" for at in some)
            parts.append(f'<polyline class="curve {kind}{more}" points="{line}"/>')
    return parts


def _points() -> list[float]:
    number = round(math.log10(LARGEST / SMALLEST) * POINTS)
    return [SMALLEST * 10 ** (step / POINTS) for step in range(number + 1)]


def _sizes(bottom: float) -> list[str]:
    sizes = [SMALLEST * 10**step for step in range(round(math.log10(LARGEST / SMALLEST)) + 1)]
    return [_text(_x(at), bottom + 18, size(at), "quiet", anchor="middle") for at in sizes]


def _walls(bottom: float) -> list[str]:
    """Where the fan-out begins, and the first two walls of an object with a unique key."""
    first, second = walls(USED, concurrency=CONCURRENCY, keys=True)[:2]
    parts = []
    for at, kind, words, row in (
        (FAN_OUT_MB, "grid", f"spread from {size(FAN_OUT_MB)} on", 0),
        (first.megabytes, "wall", f"{first.step}, {size(first.megabytes)}", 0),
        (second.megabytes, "wall", f"{second.step}, {size(second.megabytes)}", 1),
    ):
        x = _x(at)
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{bottom}"/>')
        anchor = "end" if row == 0 and kind == "wall" else "start"
        parts.append(_text(x + (-5 if anchor == "end" else 5), bottom - 6 - 16 * row, words, "quiet", anchor=anchor))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, bottom + 40, "size of the object, as CSV", "quiet", anchor="middle"))
    return parts


def _legend() -> list[str]:
    parts = []
    for number, (name, (kind, _)) in enumerate(CURVES.items()):
        left = LEFT + number * 200
        parts.append(f'<polyline class="curve {kind}" points="{left},16 {left + 26},16"/>')
        parts.append(_text(left + 34, 20, name))
    left = LEFT + 400
    parts.append(f'<polyline class="curve stopped plain" points="{left},16 {left + 26},16"/>')
    parts.append(_text(left + 34, 20, "beyond its first wall"))
    return parts


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'
