"""A chart of horizontal bars in panels, as SVG, for pages of docs/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

WIDTH, GAP, BAR, LEFT, RIGHT = 760, 50, 20, 130, 190

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.panel { font-weight: 600 }
.quiet { fill: #6e7781 }
.bar { fill: #afb8c1 }
.own { fill: #0969da }
.failed { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #8d96a0 }
  .bar { fill: #484f58 } .own { fill: #4493f8 } .failed { fill: #f85149 }
}
"""


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: what stands to its left.
        length: how long it is, beside the others of its panel; None if there is nothing to draw.
        caption: what stands to its right, or in its place.
        kind: "own" stands out.
    """

    label: str
    length: float | None
    caption: str
    kind: Literal["bar", "own", "failed"] = "bar"


def chart(title: str, panels: Mapping[str, Sequence[Bar]]) -> str:
    """An SVG with the panels below each other; the longest bar of each is as long as there is room."""
    parts: list[str] = []
    top = 30
    for name, bars in panels.items():
        parts += _panel(top, name, bars)
        top += GAP + BAR * len(bars)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _panel(top: int, name: str, bars: Sequence[Bar]) -> list[str]:
    longest = max((bar.length for bar in bars if bar.length is not None), default=1.0)
    parts = [_text(0, top, name, "panel")]
    for index, bar in enumerate(bars):
        middle = top + 8 + (index + 1) * BAR
        parts.append(_text(LEFT - 10, middle, bar.label, "quiet", anchor="end"))
        if bar.length is None:
            parts.append(_text(LEFT, middle, bar.caption, bar.kind))
            continue
        length = max(2.0, (WIDTH - LEFT - RIGHT) * bar.length / longest)
        parts.append(f'<rect class="{bar.kind}" x="{LEFT}" y="{middle - 12}" width="{length:.1f}" height="{BAR - 5}"/>')
        parts.append(_text(LEFT + length + 8, middle, bar.caption, ""))
    return parts


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'
