"""The part of a page that is computed, and the figures that it is computed from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

START, END = "<!-- computed -->\n", "<!-- end -->\n"


def write(text: str, page: Path, figures: Mapping[str, Any], beside: Path) -> None:
    """Puts the text between the page's markers, and the figures into a file beside it."""
    before, rest = page.read_text().split(START)
    beside.write_text(json.dumps(figures, indent=2) + "\n")
    page.write_text(before + START + text + END + rest.split(END)[1])
