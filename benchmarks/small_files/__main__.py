"""Sends many small files through the embedded cloud at once, and writes docs/throughput.json.

    python -m benchmarks.small_files [--files 1000] [--look]

Run it from the repository's root, on a machine that does nothing else. `--look` prints the tables and writes nothing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from benchmarks.small_files.measure import measure
from benchmarks.small_files.page import FIGURES, tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--look", action="store_true", help="print the tables, write nothing")
    options = parser.parse_args()
    figures = asdict(measure(options.files))
    print(tables(figures))
    if not options.look:
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
