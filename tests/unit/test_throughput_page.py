"""docs/throughput.md says what was measured."""

import json

from benchmarks.computed import END, START
from benchmarks.small_files.__main__ import FIGURES, PAGE
from benchmarks.small_files.page import computed


def test_the_tables_are_the_measurement_s() -> None:
    written = PAGE.read_text().split(START)[1].split(END)[0]
    assert written == computed(json.loads(FIGURES.read_text())), "Run: make bench-small"
