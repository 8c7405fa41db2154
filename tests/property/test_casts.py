"""Law of the casts: a string is rejected, or is the value that Python reads, whichever way a chunk is read."""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from filegate.contract import Contract, compile_contract
from filegate.formats import ROW, ExpectedColumn
from filegate.formats.csv.reader import CsvReader
from filegate.formats.sources import Csv, Json
from tests.unit.formats.support import read_all, read_csv

UNDER = Csv(delimiter="|", quote=None)


def nearest_float32(text: str) -> float:
    """The 32-bit float nearest to a number; of two, the one whose last bit is 0."""
    value = float(text)
    if not math.isfinite(value):
        return value
    exact, (near,) = Fraction(Decimal(text)), struct.unpack("f", struct.pack("f", value))
    (bits,) = struct.unpack("I", struct.pack("f", near))
    around = [struct.unpack("f", struct.pack("I", each))[0] for each in (bits - 1, bits, bits + 1) if 0 <= each < 2**32]
    finite = [each for each in around if math.isfinite(each)]
    return min(
        finite, key=lambda each: (abs(Fraction(each) - exact), struct.unpack("I", struct.pack("f", each))[0] & 1)
    )


def truth(text: str) -> bool:
    return {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}[
        text.lower()
    ]


def instant(text: str) -> dt.datetime:
    value = dt.datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


ORACLES: dict[pl.DataType, Callable[[str], Any]] = {
    pl.Int8(): int,
    pl.Int64(): int,
    pl.UInt8(): int,
    pl.UInt64(): int,
    pl.Float64(): float,
    pl.Float32(): nearest_float32,
    pl.Decimal(6, 2): Decimal,
    pl.Decimal(38, 10): Decimal,
    pl.Decimal(5, 5): Decimal,
    pl.Boolean(): truth,
    pl.Date(): dt.date.fromisoformat,
    pl.Time(): dt.time.fromisoformat,
    pl.Datetime("ms"): dt.datetime.fromisoformat,
    pl.Datetime("us"): dt.datetime.fromisoformat,
    pl.Datetime("us", "UTC"): instant,
}
"""How Python reads a type."""

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-300, 300).map(str),
    st.floats().map(repr),
    st.floats(width=32).map(repr),
    st.decimals(-(10**6), 10**6, places=2).map(str),
    st.decimals(-(10**28), 10**28, places=10).map("{:f}".format),
    st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
MOMENTS = st.datetimes().map(str) | st.datetimes().map(lambda each: each.isoformat(timespec="seconds"))
TEMPORALS = st.one_of(
    st.dates().map(str),
    st.times().map(str),
    MOMENTS,
    st.builds("{}{}".format, MOMENTS, st.sampled_from(["Z", "+02:00", "-0930", "+14"])),
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace"]), st.integers(0, 30), st.sampled_from("019+-.,eE_ :TZxnf\u0661\uff11")
    ),
    max_size=2,
)
ODD = st.sampled_from(
    ["1_000", "+5", "0x10", "1e3", "1.0", "NaN", "-nan", "inf", "Infinity", "-0", "1e400", "1e-400", "true", "T", "ON"]
)


CELLS = st.sampled_from([*ORACLES]).flatmap(
    lambda dtype: st.tuples(st.just(dtype), TEMPORALS if dtype.is_temporal() else NUMBERS | ODD, st.just([]) | EDITS)
)


def edited(text: str, edits: list[tuple[str, int, str]]) -> str:
    for edit, number, character in edits:
        place = number % (len(text) + 1)
        text = text[:place] + character + text[place + (edit == "replace") :]
    return text


@cache
def contract(dtype: pl.DataType) -> Contract:
    schema = pa.DataFrameSchema({"x": pa.Column(dtype, nullable=True), "y": pa.Column(int)})
    return compile_contract(schema, dataset="d")


def read(dtype: pl.DataType, text: str, *, typed: bool) -> Any:
    """The value of a field; None if it is rejected."""
    expected = [ExpectedColumn("x", dtype=dtype if typed else None), ExpectedColumn("y", dtype=pl.Int64())]
    records = read_csv(f"{text}|1\n".encode(), CsvReader(UNDER, ["x", "y"], expected, "reject"))
    accepted = contract(dtype).evaluate(records.frame, strings=records.strings).split().accepted
    return accepted["x"].item() if accepted.height else None


def by_python(dtype: pl.DataType, text: str) -> Any:
    try:
        value = ORACLES[dtype](text)
    except (ValueError, InvalidOperation, KeyError, OverflowError):
        return None
    return value


def same(value: Any, other: Any) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return struct.pack("d", value) == struct.pack("d", other) or (math.isnan(value) and math.isnan(other))
    return bool(value == other)


@settings(max_examples=1000)
@given(CELLS)
@example((pl.Float32(), "16777217", []))
@example((pl.Int64(), "\u0661", []))
@example((pl.Date(), "20240101", []))
@example((pl.Datetime("us"), "2024-01-01T10:00:00,5", []))
def test_a_string_is_rejected_or_the_value_that_python_reads(cell):
    dtype, text, edits = cell
    text = edited(text, edits)
    value = read(dtype, text, typed=False)
    event(f"{type(dtype).__name__}: {value is not None}")
    assert value is None or same(value, by_python(dtype, text))
    assert same(read(dtype, text, typed=True), value)


NUMERIC = [dtype for dtype in ORACLES if dtype.is_numeric()]
LITERALS = st.one_of(
    st.integers(-(2**70), 2**70).map(json.dumps),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)


@given(st.sampled_from(NUMERIC), LITERALS, st.sampled_from(["", '"\\u0031"', "[1]"]))
def test_a_number_of_json_is_rejected_or_the_value_that_python_reads(dtype, literal, other):
    lines = f'{{"x": {literal}, "y": 1}}\n' + (f'{{"y": {other}, "x": 1}}\n' if other else "")
    expected = [ExpectedColumn(name, scalar="number", coerce=False) for name in ("x", "y")]
    (records,) = read_all(lines.encode(), expected, Json()).records
    accepted = contract(dtype).evaluate(records.frame, strings=records.strings).split(records.broken).accepted
    values = accepted.filter(pl.col(ROW) == 1)["x"].to_list()
    assert not values or same(values[0], json.loads(literal, parse_int=ORACLES[dtype], parse_float=ORACLES[dtype]))
