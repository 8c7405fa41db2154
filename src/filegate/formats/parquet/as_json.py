"""Values of columns outside of the contract as JSON text, without loss where JSON has no such values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import polars as pl

from filegate.formats.records import RESCUED, in_text

_NULL: Final = "null"


def as_json(columns: Sequence[pl.Series]) -> pl.Series:
    """One JSON object a row: scalars as strings, nested values as they are, bytes in base 64.

    JSON has neither NaN nor infinity: a row with one in its nested values has all of their floats as strings.
    """
    names = [column.name for column in columns]
    values = pl.DataFrame([column.alias(f"{place}") for place, column in enumerate(columns)])
    encoded = _encoded(values, names, lambda number: number)
    if not any(dtype.is_nested() and "Float" in str(dtype) for dtype in values.dtypes):
        return encoded
    as_strings = _encoded(values, names, lambda number: number.cast(pl.String))
    lost = encoded.str.count_matches(_NULL, literal=True) > as_strings.str.count_matches(_NULL, literal=True)
    return as_strings.zip_with(lost, encoded)


def _encoded(values: pl.DataFrame, names: Sequence[str], number: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    written = [
        _nested(pl.col(place), dtype, number) if dtype.is_nested() else _scalar(pl.col(place), dtype)
        for place, dtype in values.schema.items()
    ]
    members = values.select(each.alias(f"{place}") for place, each in enumerate(written))
    members.columns = [*names]
    return members.to_struct(RESCUED).struct.json_encode()


def _scalar(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return value.bin.encode("base64") if dtype == pl.Binary else in_text(value, dtype)


def _nested(value: pl.Expr, dtype: Any, number: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """The value, in types that polars writes as JSON."""
    if isinstance(dtype, pl.Map):
        return _map(value, dtype, number)
    if isinstance(dtype, pl.List):
        return value.list.eval(_nested(pl.element(), dtype.inner, number))
    if isinstance(dtype, pl.Array):
        return value.arr.eval(_nested(pl.element(), dtype.inner, number))
    if isinstance(dtype, pl.Struct):
        fields = [_nested(value.struct.field(each.name), each.dtype, number).alias(each.name) for each in dtype.fields]
        return pl.when(value.is_not_null()).then(pl.struct(fields))
    if dtype.is_float():
        return number(value)
    return value.bin.encode("base64") if dtype == pl.Binary else value


def _map(value: pl.Expr, dtype: pl.Map, number: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """A JSON object if the keys are strings, else a list of entries."""
    entry = pl.element().struct
    written = _nested(entry.field("value"), dtype.value, number).alias("value")
    key = _nested(entry.field("key"), dtype.key, number).alias("key")
    entries = value.map.entries().list.eval(pl.struct(key, written))
    if dtype.key != pl.String:
        return entries
    [of_value] = pl.DataFrame(schema={"": dtype.value}).select(_nested(pl.col(""), dtype.value, number)).dtypes
    return entries.cast(pl.Map(pl.String, of_value))
