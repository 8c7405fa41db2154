"""What each step of the job costs for one chunk of lineitem, by itself, as JSON; `make bench` shows it.

    python -m benchmarks.steps FOLDER

The chunk is one of 6 MiB from the middle of the file: without faults, with one row in a hundred spoiled, and with half
of them. The first steps are the bare scan's, the others those that Filegate's functions take.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harness import stage_probe  # first: it hides what the functions' images do not hold

# isort: split
import polars as pl

from benchmarks.candidates.floor import TYPES
from benchmarks.data import Data
from benchmarks.tables import TABLES
from filegate.contract.evaluation import key_hashes
from filegate.dataset.registry import Registry
from filegate.formats import ROW, make_reader, sniff, split
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.quarantine import quarantine_frame
from filegate.runs.address import Address
from filegate.runs.manifests import Chunk
from filegate.storage.folder import FileBlob

assert stage_probe

INPUTS = {"no faults": "clean.csv", "1 % faulty": "lineitem.csv", "half faulty": "lineitem_half.csv"}
T = TypeVar("T")
CHUNK_BYTES = 6 << 20
ROUNDS = 15


class Clock:
    """CPU milliseconds by step, of all threads."""

    def __init__(self) -> None:
        self.taken: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, step: str, work: Callable[[], T]) -> T:
        begun = time.process_time()
        result = work()
        self.taken[step].append(1000 * (time.process_time() - begun))
        return result

    def medians(self) -> dict[str, float]:
        return {step: round(statistics.median(taken), 1) for step, taken in self.taken.items()}


def middle_of(file: Path, target: Path) -> None:
    """Writes the header of a file, and the lines of some chunks from its middle."""
    with file.open("rb") as lines:
        header = lines.readline()
        lines.seek(file.stat().st_size // 2)
        lines.readline()
        text = lines.read(3 * CHUNK_BYTES)
    target.write_bytes(header + text[: text.rindex(b"\n") + 1])


def take(clock: Clock, file: Path, registry: Registry) -> None:
    """What the bare scan does with a chunk, then what the functions do, but for their calls to S3 and the ledger."""
    dataset, blob = registry.dataset("lineitem"), FileBlob(file)
    layout = sniff(blob, dataset.sources, dataset.expected_columns, dataset.on_unknown_columns)
    source = dataset.sources[layout.source]
    chunks = split(blob, layout, source, chunk_bytes=CHUNK_BYTES)
    next(chunks)
    raw = clock("ingest: find the records' ends", chunks.__next__)
    chunk = Chunk(
        index=1,
        blob=Address("", str(file)),
        start=raw.start,
        length=raw.length,
        origin=raw.start,
        first_row=1,
        rows=raw.rows,
    )

    text = blob.read(raw.start, raw.length)
    schema = {name: TYPES[column.kind] for name, column in TABLES["lineitem"].columns.items()}
    bare = pl.scan_csv(text, has_header=False, schema=schema, ignore_errors=True)
    values = clock("bare scan: read the text with types", bare.collect)
    clock("bare scan: write Parquet with zstd", lambda: values.write_parquet(io.BytesIO(), compression="zstd"))

    reader = make_reader(layout, source, dataset.expected_columns, dataset.on_unknown_columns)
    records = clock("validate: read the text", lambda: reader.read(blob, chunk))
    evaluation = clock(
        "validate: cast, and apply each rule",
        lambda: dataset.contract.evaluate(records.frame, strings=records.strings),
    )
    rows = clock("validate: part the rows, with reasons", lambda: evaluation.split(records.broken))
    clock("validate: hash the keys", lambda: key_hashes(rows.accepted, dataset.key))
    part = clock(
        "validate: write the accepted part, LZ4",
        lambda: parquet_bytes(rows.accepted, compression="lz4", statistics=False),
    )
    if rows.rejected.height or records.malformed:
        clock(
            "validate: write the quarantine part, zstd",
            lambda: parquet_bytes(quarantine_frame(rows.rejected, records), compression="zstd", statistics=False),
        )

    accepted = clock("transform: read the accepted part", lambda: pl.read_parquet(part)).drop(ROW)
    transform, references = dataset.transform, registry.references("lineitem")
    assert transform is not None
    result = clock(
        "transform: join and compute", lambda: transform(accepted.lazy(), references).collect(engine="streaming")
    )
    years = clock("transform: part by year", lambda: result.partition_by(dataset.partition_by, maintain_order=True))
    clock("transform: write Parquet with zstd", lambda: [parquet_bytes(year, compression="zstd") for year in years])


def main(folder: str) -> None:
    data = Data(Path(folder))
    registry = Registry(data.datasets)
    clocks = {name: Clock() for name in INPUTS}
    with tempfile.TemporaryDirectory() as scratch:
        files = {name: Path(scratch, name) for name in INPUTS.values()}
        for name, file in files.items():
            middle_of(data.input(name), file)
        for _ in range(ROUNDS):
            for clock, file in zip(clocks.values(), files.values(), strict=True):
                take(clock, file, registry)
    json.dump({name: clock.medians() for name, clock in clocks.items()}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
