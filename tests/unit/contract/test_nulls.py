"""No value, NaN, empty texts, defaults and absent columns."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest

from filegate.errors import SchemaMismatch


def test_no_value_breaks_not_null_unless_the_column_is_nullable(compiled, chunk, codes):
    schema = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(int, nullable=True)})
    split = compiled(schema).evaluate(chunk(a=[None, "1"], b=[None, None])).split()
    assert codes(split) == {1: ["a:not_null"]}
    assert split.accepted.rows() == [(2, 1, None)]


def test_an_empty_text_is_a_text_in_string_columns_and_no_value_elsewhere(compiled, chunk, codes):
    schema = pa.DataFrameSchema({"s": pa.Column(str), "i": pa.Column(int), "j": pa.Column(int, nullable=True)})
    split = compiled(schema).evaluate(chunk(s=["", ""], i=["", "1"], j=["", ""])).split()
    assert codes(split) == {1: ["i:not_null"]}
    assert split.accepted.rows() == [(2, "", 1, None)]


def test_nan_counts_as_no_value_and_infinity_as_a_value_like_in_pandera(compiled, chunk, codes):
    schema = pa.DataFrameSchema({"a": pa.Column(float, pa.Check.le(1)), "b": pa.Column(float, nullable=True)})
    split = compiled(schema).evaluate(chunk(a=["nan", "inf", "-inf"], b=["nan"] * 3)).split()
    assert codes(split) == {1: ["a:not_null", "a:le"], 2: ["a:le"]}


@pytest.mark.parametrize(("ignore_na", "expected"), [(True, {}), (False, {1: ["a:ge"]})])
def test_checks_pass_over_no_value_unless_told_otherwise(ignore_na, expected, compiled, chunk, codes):
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(1, ignore_na=ignore_na), nullable=True)})
    assert codes(compiled(schema).evaluate(chunk(a=[None])).split()) == expected


def test_checks_of_a_column_are_never_evaluated_on_a_cell_of_the_wrong_type(compiled, chunk, codes):
    present = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_not_null()), name="present")
    schema = pa.DataFrameSchema({"a": pa.Column(int, [pa.Check.ge(1, ignore_na=False), present])})
    assert codes(compiled(schema).evaluate(chunk(a=["x"])).split()) == {1: ["a:type"]}


def test_a_default_stands_in_for_no_value_but_not_for_a_wrong_one(compiled, chunk, codes):
    schema = pa.DataFrameSchema(
        {"a": pa.Column(int, default=7), "s": pa.Column(str, default="-"), "f": pa.Column(float, default=0.5)}
    )
    split = compiled(schema).evaluate(chunk(a=[None, "", "x"], s=[None, "", "t"], f=["nan", None, "1"])).split()
    assert split.accepted.rows() == [(1, 7, "-", 0.5), (2, 7, "", 0.5)]
    assert codes(split) == {3: ["a:type"]}


def test_an_optional_column_that_is_absent_is_null_and_its_rules_are_skipped(compiled, chunk):
    schema = pa.DataFrameSchema(
        {"a": pa.Column(int), "b": pa.Column(pl.Date, required=False), "c": pa.Column(int, required=False, default=3)}
    )
    split = compiled(schema).evaluate(chunk(a=["1", "x"])).split()
    assert split.accepted.rows() == [(1, 1, None, 3)]
    assert split.accepted.schema["b"] == pl.Date
    assert split.rejected["values"].to_list() == [{"a": "x", "b": None, "c": None}]


def test_a_required_column_that_is_absent_is_a_schema_mismatch(compiled, chunk):
    with pytest.raises(SchemaMismatch, match="'a' is missing"):
        compiled(pa.DataFrameSchema({"a": pa.Column(int)})).evaluate(chunk(b=["1"]))
