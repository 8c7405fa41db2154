"""Measures what grows with a whole object, and not with its chunks; writes measured.json.

    python -m scripts.scale.measure

Processor seconds of this process: the search for repeated keys, and the manifests that name every part.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from filegate.contract.evaluation import key_hashes
from filegate.formats.records import ROW
from filegate.pipeline.fan_out import RANGE_CHUNKS
from filegate.pipeline.key_index import KeyIndex
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.uniqueness import SLICES_PER_STAGED_SLICE, STAGED_SLICE_ROWS
from filegate.runs.manifests import OutputManifest, OutputPart

FILE = Path(__file__).with_name("measured.json")
CHUNK_ROWS = 50_000
SLICES = 400  # of an object of about 80 GB
PARTS = 50_000
TIMES = 3


def main() -> None:
    text = _manifest_text()
    document = {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": platform.machine(),
        "settle_a_million_keys": {"cpu_seconds": round(_median(_settle) * 1_000_000 / STAGED_SLICE_ROWS, 3)},
        "slice_of_a_range": {
            "handed_on_cpu_seconds": round(_median(lambda: _slices()[0]) / SLICES, 5),
            "read_cpu_seconds": round(_median(lambda: _slices()[1]) / SLICES, 5),
        },
        "part_in_a_manifest": {
            "bytes": round(len(text) / PARTS),
            "held_bytes": round(_held(text) / PARTS),
            "cpu_seconds": round(_median(lambda: _read(text)) / PARTS, 7),
        },
    }
    FILE.write_text(json.dumps(document, indent=2) + "\n")


def _median(measured: Callable[[], float]) -> float:
    return round(statistics.median(measured() for _ in range(TIMES)), 4)


def _settle() -> float:
    """Seconds of finding that no key of a slice of the hash space is repeated."""
    keys = _keys(0, STAGED_SLICE_ROWS)
    with tempfile.TemporaryDirectory() as folder:
        index = KeyIndex(Path(folder) / "keys", keep="none", slices=SLICES_PER_STAGED_SLICE)
        begun = time.process_time()
        index.add(0, keys)
        assert index.resolve() == []
        return time.process_time() - begun


def _slices() -> tuple[float, float]:
    """Seconds in which the keys of a range are cut into slices and written, and in which these are read."""
    with tempfile.TemporaryDirectory() as folder:
        index = KeyIndex(Path(folder) / "keys", keep="none", slices=SLICES)
        for chunk in range(RANGE_CHUNKS):
            index.add(chunk, _keys(chunk * CHUNK_ROWS, CHUNK_ROWS))
        begun = time.process_time()
        parts = [parquet_bytes(keys, compression="uncompressed", statistics=False) for keys in index.slices()]
        written = time.process_time()
        rows = sum(pl.read_parquet(data).height for data in parts)
        read = time.process_time()
    assert rows == RANGE_CHUNKS * CHUNK_ROWS
    return written - begun, read - written


def _keys(first: int, rows: int) -> pl.DataFrame:
    return key_hashes(pl.DataFrame({ROW: pl.int_range(first, first + rows, eager=True)}), [ROW])


def _manifest_text() -> bytes:
    run_id = "0" * 64
    parts = tuple(
        OutputPart(
            key=f"runs/{run_id}/output/{number:05d}/month=2013-01.parquet",
            target=f"flights/month=2013-01/{run_id}-{number:05d}.parquet",
            rows=50_000,
            bytes=1_000_000,
        )
        for number in range(PARTS)
    )
    manifest = OutputManifest(run_id=run_id, dataset="flights", object="s3://raw/flights/flights.csv", parts=parts)
    return manifest.model_dump_json().encode()


def _read(text: bytes) -> float:
    begun = time.process_time()
    OutputManifest.model_validate_json(text)
    return time.process_time() - begun


def _held(text: bytes) -> int:
    """Bytes of memory that the manifest takes once it is read."""
    tracemalloc.start()
    manifest = OutputManifest.model_validate_json(text)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(manifest.parts) == PARTS
    return held


if __name__ == "__main__":
    main()
