"""What a hostile file is, and the datasets that such files belong to."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

WIDE: Final = 2_000
"""Columns of the dataset `wide`."""

_MODULE: Final = """\
import pandera.polars as pa
from filegate import Csv, Dataset, Json, Parquet

INT, STR = pa.Column(int, nullable=True), pa.Column(str, nullable=True)
dataset = Dataset(
    "{name}",
    schema=pa.DataFrameSchema({columns}),
    source=[Csv(), Json(), Parquet()],
    tolerated_rejects=1.0,
    {options}
)
"""

DATASETS: Final = {
    name: _MODULE.format(name=name, columns=columns, options=options)
    for name, columns, options in (
        ("narrow", '{"id": INT, "text": STR}', 'on_unknown_columns="ignore",'),
        ("rescued", '{"id": INT, "text": STR}', 'on_unknown_columns="rescue",'),
        ("single", '{"text": STR}', ""),
        ("keyed", '{"id": pa.Column(int, nullable=True, unique=True), "text": pa.Column(str)}', 'key=["text"],'),
        ("checked", '{"text": pa.Column(str, [pa.Check.str_startswith(f"{n}") for n in range(10)])}', ""),
        ("wide", f'{{f"c{{n}}": INT for n in range({WIDE})}}', ""),
    )
}
"""The modules of the datasets, by name; each takes CSV, JSON and Parquet."""


@dataclass(frozen=True)
class HostileFile:
    """A file of a kind that takes far more memory or time than it has bytes.

    Attributes:
        name: what it is.
        dataset: the one that it belongs to, which would take it in.
        suffix: of its name.
        pieces: gives its bytes.
    """

    name: str
    dataset: str
    suffix: str
    pieces: Callable[[], Iterable[bytes]]

    @property
    def key(self) -> str:
        """Of the object."""
        name = self.name.replace(" ", "_").replace(",", "")
        return f"{self.dataset}/{name}.{self.suffix}"

    def write(self, file: BinaryIO) -> None:
        for piece in self.pieces():
            file.write(piece)

    def read(self) -> bytes:
        buffer = io.BytesIO()
        self.write(buffer)
        return buffer.getvalue()


def write_datasets(folder: Path) -> None:
    """Writes the datasets' modules into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in DATASETS.items():
        (folder / f"{name}.py").write_text(text)
