"""What a data engineer writes: one `Dataset` for each kind of incoming file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandera.polars as pa
import polars as pl

from filegate.contract import Contract, compile_contract
from filegate.errors import DeclarationError
from filegate.sources import Csv, Json, Parquet, Source

UnknownColumns = Literal["reject", "ignore", "rescue"]
TransformScope = Literal["rows", "object"]


class References(Mapping[str, pl.LazyFrame]):
    """The reference tables a transform may join: `references["airlines"]` is a LazyFrame.

    A table is a CSV, NDJSON or Parquet file beside the dataset's module, read once a process.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)
        self._frames: dict[str, pl.DataFrame] = {}

    def __getitem__(self, name: str) -> pl.LazyFrame:
        if name not in self._frames:
            self._frames[name] = _READERS[self._files[name].suffix](self._files[name])
        return self._frames[name].lazy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": pl.read_csv,
    ".ndjson": pl.read_ndjson,
    ".parquet": pl.read_parquet,
}

Transform = Callable[[pl.LazyFrame, References], pl.LazyFrame]

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Dataset:
    """One kind of file: the contract its rows must honour, and what becomes of them.

    Attributes:
        name: lower-case word; objects under `<name>/` in the raw bucket belong to this dataset.
        schema: a pandera `DataFrameModel` or `DataFrameSchema` (from `pandera.polars`).
        source: how the files are written; several if the dataset is delivered in several formats.
        transform: `(rows, references) -> rows`, on polars LazyFrames; None publishes the accepted rows as they are.
        transform_scope: "rows" runs the transform on one part at a time, and each row must give one row;
            "object" runs it once over all rows of the object, which must then fit in memory, and may change their number.
        references: file name of each reference table, relative to the dataset's module.
        key: columns that identify a row; of accepted rows with the same key only the first is published.
        partition_by: columns of the transform's result that become folders (`month=1/`) of the output.
        on_unknown_columns: what a column that the contract does not name means: "reject" the object (for JSON the
            row), "ignore" the column, or "rescue" its values as JSON text in a column `_rescued`.
        tolerated_rejects: share of rejected rows, 0 to 1, up to which the accepted ones are published (PARTIAL);
            above it nothing is (REJECTED).
    """

    name: str
    schema: type[pa.DataFrameModel] | pa.DataFrameSchema
    source: Source | Sequence[Source]
    transform: Transform | None = None
    transform_scope: TransformScope = "rows"
    references: Mapping[str, str] = field(default_factory=dict)
    key: Sequence[str] = ()
    partition_by: Sequence[str] = ()
    on_unknown_columns: UnknownColumns = "reject"
    tolerated_rejects: float = 0.05
