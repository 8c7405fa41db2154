"""What a case is, and the short ways to write one down."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import polars as pl

HEAD = """\
import pandera.polars as pa
import polars as pl
from pandera.polars import Check, Column, DataFrameSchema
from filegate import Csv, Dataset, Json, Parquet
"""
FollowUpKind = Literal["replay quarantined", "replay all", "newer version", "older version", "announced again"]


@dataclass(frozen=True)
class FollowUp:
    """A second run over the same key.

    Attributes:
        kind: the two replays are of the first run; "older version" comes late, with the lower sequencer; what is
            "announced again" is the first run, by another execution.
        module: how the dataset is declared from then on; empty if as before.
        data: of another version, its bytes.
    """

    kind: FollowUpKind
    module: str = ""
    data: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One object that arrives, and what it is held against.

    Attributes:
        name: its own among the cases.
        dataset: the dataset's name; the object's key is `<dataset>/<file>`.
        module: source text of the dataset's module.
        beside: the other files of the module's folder, by their paths in it.
        file: the object's file name.
        data: the object's bytes.
        chunk_bytes: as in the functions' settings.
        fan_out_bytes: as in the functions' settings.
        then: what follows the first run.
    """

    name: str
    dataset: str = "rows"
    module: str
    beside: Mapping[str, bytes] = field(default_factory=dict)
    file: str
    data: bytes
    chunk_bytes: int = 6 << 20
    fan_out_bytes: int = 512 << 20
    then: tuple[FollowUp, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.dataset}/{self.file}"


def declared(schema: str, source: str, options: str = "tolerated_rejects=1.0", before: str = "") -> str:
    """A module with the dataset `rows`.

    Args:
        schema: the arguments of its `DataFrameSchema`.
        source: how its files are written.
        options: further arguments of the `Dataset`.
        before: code that the two arguments before refer to.
    """
    return (
        f"{HEAD}{before}SCHEMA = DataFrameSchema({schema})\n"
        f'dataset = Dataset("rows", schema=SCHEMA, source={source}, {options})\n'
    )


def _of_text(
    name: str,
    data: bytes,
    schema: str,
    *,
    source: str,
    options: str = "tolerated_rejects=1.0",
    before: str = "",
    **rest: Any,
) -> Case:
    """A case of a text file; `rest` are further attributes of it, its `file` among them."""
    return Case(name=name, module=declared(schema, source, options, before), data=data, **rest)


of_csv = partial(_of_text, source="Csv()", file="data.csv")
of_json = partial(_of_text, source="Json()", file="data.json")


def of_parquet(
    name: str,
    frame: pl.DataFrame | bytes,
    schema: str,
    *,
    options: str = "tolerated_rejects=1.0",
    before: str = "",
    **rest: Any,
) -> Case:
    """A case of Parquet; `rest` are further attributes of it."""
    data = frame if isinstance(frame, bytes) else parquet(frame)
    module = declared(schema, "Parquet()", options, before)
    return Case(**{"name": name, "module": module, "file": "data.parquet", "data": data, **rest})


def parquet(frame: pl.DataFrame) -> bytes:
    """The frame as a Parquet file."""
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def lines(rows: Iterable[object], end: str = "\n") -> bytes:
    """The rows as text, each with its line end."""
    return "".join(f"{row}{end}" for row in rows).encode()
