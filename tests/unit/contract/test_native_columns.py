"""Columns that come with a type of their own, from Parquet."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandera.polars as pa
import polars as pl
import pytest

from filegate.errors import SchemaMismatch
from filegate.formats.records import ROW


def numbered(values: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({ROW: pl.Series(range(1, len(values) + 1), dtype=pl.Int64), "x": values})


def test_a_column_of_the_contract_s_type_is_taken_as_it_is(compiled, codes):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(pl.Date, pa.Check.ge(dt.date(2013, 1, 1)))}))
    split = contract.evaluate(numbered(pl.Series([dt.date(2013, 1, 2), dt.date(2012, 1, 1), None]))).split()
    assert split.accepted["x"].to_list() == [dt.date(2013, 1, 2)]
    assert codes(split) == {2: ["x:ge"], 3: ["x:not_null"]}
    assert split.rejected["values"][0] == {"x": "2012-01-01"}


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (pl.Series([1.0, 1.5, float("nan"), 1e300]), pl.Int64, ([1], [2, 4])),  # NaN is null
        (pl.Series([1, 300]), pl.Int8, ([1], [2])),
        (pl.Series([1, 2]), pl.Float64, ([1.0, 2.0], [])),
        (pl.Series([2**53, 2**53 + 1, -(2**63), 2**63 - 1]), pl.Float64, ([2**53, -(2**63)], [2, 4])),
        (pl.Series([2**63, 2**64 - 1], dtype=pl.UInt64), pl.Float64, ([2**63], [2])),
        (pl.Series([2**24, 2**24 + 1]), pl.Float32, ([2**24], [2])),
        (pl.Series([Decimal(2**53 + 1), Decimal(10**22)], dtype=pl.Decimal(38, 0)), pl.Float64, ([10**22], [1])),
        (pl.Series([Decimal("0.1"), Decimal("12345678901234567.89")]), pl.Float64, ([0.1, 12345678901234567.89], [])),
        (pl.Series([0.1, 1e39, float("inf")]), pl.Float32, ([pytest.approx(0.1), float("inf")], [2])),
        (pl.Series([dt.date(2020, 1, 1)]), pl.Datetime("us"), ([dt.datetime(2020, 1, 1)], [])),  # noqa: DTZ001
        (pl.Series([dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 9)]), pl.Date, ([dt.date(2020, 1, 1)], [2])),  # noqa: DTZ001
        (pl.Series(["7", " 7", ""]), pl.Int64, ([7], [2])),
        (pl.Series(["7", "x"], dtype=pl.Categorical), pl.Int64, ([7], [2])),
        (pl.Series([7]), pl.String, (["7"], [])),
        (pl.Series([dt.time(1, 2, 3, 4), dt.time(1)]), pl.String, (["01:02:03.000004", "01:00:00"], [])),
        (pl.Series([1e22, 2.0**53 + 2, 0.1, 1e-11]), pl.Decimal(38, 10), ([10**22, 2**53 + 2, Decimal("0.1")], [4])),
        (pl.Series([1e15, 123456789.125]), pl.Decimal(38, 10), ([10**15, Decimal("123456789.125")], [])),
        (pl.Series([0.1, 123456792], dtype=pl.Float32), pl.Decimal(38, 10), ([Decimal("0.1"), 123456792], [])),
        (pl.Series([b"a", b"\xff", b""]), pl.String, (["a", ""], [2])),
        (pl.Series([b"7", b"\xff", b""]), pl.Int64, ([7], [2])),
        (pl.Series([None, None], dtype=pl.Null), pl.Int64, ([], [])),
    ],
    ids=str,
)
def test_another_type_is_cast_where_the_value_survives(values, dtype, expected, compiled, codes):
    accepted, faulty = expected
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype, nullable=True, coerce=True)}))
    assert contract.mismatches(pl.Schema({"x": values.dtype})) == []
    split = contract.evaluate(numbered(values)).split()
    assert codes(split) == {row: ["x:type"] for row in faulty}
    assert split.accepted["x"].drop_nulls().to_list() == accepted


@pytest.mark.parametrize(("dtype", "bits"), [(pl.Float64, 53), (pl.Float32, 24)])
def test_a_whole_number_that_a_float_does_not_hold_says_so(dtype, bits, compiled):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype, coerce=True)}))
    [broken] = contract.evaluate(numbered(pl.Series([2**bits, 2**bits + 1]))).split().rejected["broken"]
    assert f"beyond 2**{bits} only those that it holds exactly; else declare int or pl.Decimal" in broken[0]["allowed"]


@pytest.mark.parametrize(
    ("source", "dtype", "words"),
    [
        ("UTC", None, "declare pl.Datetime('us', 'UTC'), or another time zone: its values are instants."),
        (None, "Asia/Tokyo", "declare pl.Datetime('us'), and set the time zone in the transform: the file has none."),
    ],
)
def test_a_missing_time_zone_leads_to_the_declaration(source, dtype, words, compiled):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(pl.Datetime("us", dtype), coerce=True)}))
    [mismatch] = contract.mismatches(pl.Schema({"x": pl.Datetime("us", source)}))
    assert mismatch.endswith(words)


def test_mismatches_have_the_types_of_the_file_and_the_contract(compiled):
    columns = {"a": pa.Column(int), "b": pa.Column(int, coerce=True), "c": pa.Column(pl.Date, coerce=True)}
    contract = compiled(pa.DataFrameSchema(columns))
    schema = pl.Schema({"a": pl.Float64, "b": pl.Int32, "c": pl.Int64, "unknown": pl.Object})
    assert contract.mismatches(schema) == [
        "Column 'a' has the type Float64, the contract Int64: declare coerce=True to cast it.",
        "Column 'c' has the type Int64, which cannot be cast to Date.",
    ]
    assert contract.mismatches(pl.Schema({"a": pl.Int64})) == []


@pytest.mark.parametrize(
    ("source", "dtype"),
    [
        (pl.List(pl.Int64), pl.String),
        (pl.Duration("us"), pl.Int64),
        (pl.Datetime("us", "UTC"), pl.Datetime("us")),
        (pl.Datetime("us", "UTC"), pl.Date),
        (pl.Boolean(), pl.Int64),
        (pl.Int64(), pl.Boolean),
    ],
    ids=str,
)
def test_types_that_mean_something_else_are_never_cast(source, dtype, compiled):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype, coerce=True)}))
    assert "cannot be cast" in contract.mismatches(pl.Schema({"x": source}))[0]
    with pytest.raises(SchemaMismatch):
        contract.evaluate(numbered(pl.Series([None], dtype=source)))


def test_coerce_of_the_schema_is_that_of_every_column(compiled):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(int)}, coerce=True, strict="filter"))
    assert contract.columns[0].coerce
    assert contract.strict == "filter"
