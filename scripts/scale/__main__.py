"""Writes the tables and the chart of docs/scale.md."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scripts.monthly_cost import ROOT
from scripts.scale.chart import chart
from scripts.scale.page import blocks

PAGE = ROOT / "docs" / "scale.md"
CHART = ROOT / "docs" / "scale.svg"
BLOCK = re.compile(r"(?<=<!-- computed: )(\w+) -->\n.*?(?=<!-- end -->)", re.DOTALL)


def with_blocks(text: str, computed: Mapping[str, list[str]]) -> str:
    """The page with its blocks computed anew; each has its place there once.

    Raises:
        ValueError: a block has no place, or a place no block.
    """
    places = [match[1] for match in BLOCK.finditer(text)]
    if sorted(places) != sorted(computed):
        raise ValueError(f"The page has places for {sorted(places)}, and there are blocks for {sorted(computed)}.")
    return BLOCK.sub(lambda match: "\n".join([f"{match[1]} -->", *computed[match[1]], ""]), text)


def main() -> None:
    PAGE.write_text(with_blocks(PAGE.read_text(), blocks()))
    CHART.write_text(chart())


if __name__ == "__main__":
    main()
