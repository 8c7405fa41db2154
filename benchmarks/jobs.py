"""What is asked of each candidate: which file, which rules, published how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Data


@dataclass(frozen=True)
class Job:
    """One input, and what becomes of it.

    Attributes:
        table: "lineitem" or "flights".
        data: where the input's reference tables and declarations are.
        input: the CSV file, plain or compressed.
    """

    table: str
    data: Data
    input: Path


INPUTS = {
    "lineitem": "lineitem.csv",
    "flights": "flights.csv",
    "half_rejected": "lineitem_half.csv",
    "gzip": "lineitem.csv.gz",
    "zstd": "lineitem.csv.zst",
}
"""Name of a job → its file."""
REFERENCES = {"gzip": "lineitem", "zstd": "lineitem"}
"""Name of a job → that of the job with the same result, if it has none of its own."""


def job(name: str, data: Data) -> Job:
    return Job("flights" if name == "flights" else "lineitem", data, data.input(INPUTS[name]))


def reference(name: str, data: Data) -> Path:
    """Where the result is that the job has to have."""
    return data.reference(REFERENCES.get(name, name))
