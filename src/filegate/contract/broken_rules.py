"""Broken rules as columns of frames, as the quarantine keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import polars as pl

from filegate.formats.records import ROW
from filegate.runs.broken_rule import BrokenRule

FIELDS = {field.name: pl.String() for field in fields(BrokenRule)}
BROKEN = pl.List(pl.Struct(FIELDS))
"""The type of `broken`: a struct for each rule that a rejected row broke."""


def broken_rules_frame(broken: Sequence[tuple[int, BrokenRule]]) -> pl.DataFrame:
    """`__row__` and a String column for each field of `BrokenRule`."""
    # Column by column: from a list of rows, polars needs many times the memory.
    columns = {name: [getattr(rule, name) for _, rule in broken] for name in FIELDS}
    return pl.DataFrame({ROW: [row for row, _ in broken], **columns}, schema={ROW: pl.Int64(), **FIELDS})
