"""Sends large files through the pipeline, spread over many invocations and not, and writes docs/large-files.json.

    python -m benchmarks.large_files [--gb 0.1 1] [--clouds embedded LocalStack] [--look]

Run it from the repository's root, with the images of `make up` built. `--look` prints the tables and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from benchmarks.large_files.clouds import CLOUDS
from benchmarks.large_files.measure import measure
from benchmarks.large_files.page import FIGURES, tables
from scripts.machine import processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, nargs="+", default=[0.1, 1.0], help="sizes of the files (0.1 1)")
    parser.add_argument("--clouds", nargs="+", choices=CLOUDS, default=[*CLOUDS], help="where (everywhere)")
    parser.add_argument("--look", action="store_true", help="print the tables, write nothing")
    options = parser.parse_args()
    rows = []
    for row in measure(options.gb, options.clouds):
        sys.stderr.write(f"{row}\n")
        rows.append(row)
    figures = {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores of {processor()}, {platform.machine()}",
        "rows": [asdict(row) for row in rows],
    }
    print(tables(figures))
    if not options.look:
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
