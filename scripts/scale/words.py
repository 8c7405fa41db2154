"""Numbers as the page shows them: two digits or so, since the inputs have no more."""

from __future__ import annotations

import math
from collections.abc import Sequence

GB, TB = 1_000, 1_000_000  # MB
HOUR = 3_600


def size(megabytes: float) -> str:
    """`50 KB`, `5 MB`, `47 GB`, `1 TB`."""
    for unit, least in (("TB", TB), ("GB", GB), ("MB", 1.0)):
        if megabytes >= least:
            return f"{_two(megabytes / least)} {unit}"
    return f"{_two(megabytes * 1000)} KB"


def duration(seconds: float) -> str:
    """`2.0 s`, `57 s`, `32 min`, `4.7 h`; a dash for none."""
    if math.isnan(seconds):
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def usd(dollars: float) -> str:
    return f"{dollars:,.2f}" if dollars >= 0.095 else f"{dollars:.2g}"


def rate(number: float) -> str:
    """Rounded down, to two digits: what still gets through."""
    digits = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return f"{math.floor(number / digits) * digits:,}"


def few(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def table(corner: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, text: bool = False) -> str:
    """Markdown; columns of numbers are aligned right."""
    head = f"| {corner} | {' | '.join(headings)} |"
    rule = "|---|" + ("---|" if text else "--:|") * len(headings)
    return "\n".join([head, rule, *(f"| {' | '.join(row)} |" for row in rows), ""])


def _two(number: float) -> str:
    digits = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return f"{round(number / digits) * digits:,}" if number >= 10 else f"{number:.2g}"
