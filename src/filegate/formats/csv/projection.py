"""Which fields of a CSV record are read, and the columns that they become."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from filegate.formats.records import RESCUED
from filegate.formats.rows import null_if_in


class Projection:
    """The contract's columns of a file, and the rescued ones.

    Attributes:
        places: place of each of the contract's columns in a record, from 0, in the file's order.
        fields: the fields that are read, named by their places, since a file may have any column name, even `__row__`.
        strings: expressions on the fields: null if a field is one of the null values.
        columns: expressions on the fields: the resulting columns.
        names: of the resulting columns.
    """

    def __init__(
        self, columns: Sequence[str], expected: Collection[str], null_values: Collection[str], *, rescue: bool
    ) -> None:
        self.places = {name: place for place, name in enumerate(columns) if name in expected}
        self.columns = [pl.col(f"{place}").alias(name) for name, place in self.places.items()]
        unknown = {place: name for place, name in enumerate(columns) if rescue and name not in expected}
        self.fields = [f"{place}" for place in (*self.places.values(), *unknown)]
        self.strings = [null_if_in(pl.col(field), null_values) for field in self.fields]
        if rescue:
            values = [pl.col(f"{place}").alias(name) for place, name in unknown.items()]
            rescued = pl.struct(values).struct.json_encode() if values else pl.lit(None, pl.String)
            self.columns.append(rescued.alias(RESCUED))
        self.names = [column.meta.output_name() for column in self.columns]
