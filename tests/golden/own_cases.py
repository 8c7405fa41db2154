"""The project's own datasets with their samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .case import Case, FollowUp

_DATASETS = Path(__file__).parents[2] / "datasets"
_BESIDE = {"references/airlines.csv": (_DATASETS / "references" / "airlines.csv").read_bytes()}


def _module(dataset: str) -> str:
    return (_DATASETS / f"{dataset}.py").read_text()


def _own(name: str, dataset: str, file: str, *, rows: int = 0, chunk_bytes: int = 6 << 20, **rest: Any) -> Case:
    """A case of a sample; of its first rows, if their number is given."""
    data = (_DATASETS / "samples" / file).read_bytes()
    if rows:
        data = b"".join(data.splitlines(keepends=True)[: rows + 1])
    return Case(
        name=name,
        dataset=dataset,
        module=_module(dataset),
        beside=_BESIDE,
        file=file,
        data=data,
        chunk_bytes=chunk_bytes,
        **rest,
    )


_FLIGHTS = _own("own: flights", "flights", "flights.csv")

CASES = (
    _own("own: cars", "cars", "cars.json"),
    _own("own: cars in chunks", "cars", "cars.json", chunk_bytes=9_000),
    _FLIGHTS,
    _own("own: flights in chunks", "flights", "flights.csv", chunk_bytes=16_000),
    _own("own: flights spread", "flights", "flights.csv", rows=400, chunk_bytes=1_500, fan_out_bytes=1_500),
    _own("own: flights with a wrong header", "flights", "flights_wrong_header.csv"),
    _own("own: lineitem", "lineitem", "lineitem.parquet"),
    _own("own: lineitem in chunks", "lineitem", "lineitem.parquet", chunk_bytes=100_000),
    Case(
        name="own: flights with a carrier that is unknown",
        dataset="flights",
        module=_module("flights"),
        beside=_BESIDE,
        file="flights.csv",
        data=b"".join(_FLIGHTS.data.splitlines(keepends=True)[:120]).replace(b",B6,", b",ZZ,"),
        then=(FollowUp("replay all", module=_module("flights").replace('"9E"', '"9E", "ZZ"')),),
    ),
)
