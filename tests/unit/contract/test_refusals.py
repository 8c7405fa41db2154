"""What cannot be honoured for each row by itself is refused at load, with the place, the reason and what to do."""

from __future__ import annotations

import re
import warnings

import pandera.polars as pa
import polars as pl
import polars.selectors as cs
import pytest
from pandera.api.dataframe.model_components import parser
from pandera.api.parsers import Parser

from filegate.errors import DeclarationError


def refusal(compiled, schema) -> str:
    with pytest.raises(DeclarationError) as caught:
        compiled(schema)
    assert caught.value.problem.startswith("Dataset 'flights': ")
    assert caught.value.advice
    return str(caught.value)


def frame_check(expression) -> pa.DataFrameSchema:
    columns = {"a": pa.Column(int), "b": pa.Column(int), "s": pa.Column(str), "t": pa.Column(bool)}
    return pa.DataFrameSchema(columns, checks=pa.Check(lambda data: data.lazyframe.select(expression()), name="mine"))


COL = pl.col
DEPENDS_ON_OTHER_ROWS = {
    "aggregate": lambda: COL("a").sum() > 1,
    "aggregate inside a comparison": lambda: COL("a") > COL("b").max(),
    "aggregate inside a function": lambda: COL("a").is_between(COL("b").min(), 9),
    "aggregate inside a condition": lambda: pl.when(COL("a").max() > 1).then(COL("t")).otherwise(True),
    "window": lambda: COL("a").mean().over("b") > 1,
    "shift": lambda: COL("a").shift() > 1,
    "uniqueness": lambda: COL("a").is_unique(),
    "cumulative": lambda: COL("a").cum_sum() > 1,
    "rank": lambda: COL("a").rank() > 1,
    "forward fill": lambda: COL("a").fill_null(strategy="forward") > 1,
    "membership in a column": lambda: COL("a").is_in(COL("b")),
    "membership in an imploded column": lambda: COL("a").is_in(COL("b").implode()),
    "filter": lambda: COL("a").filter(COL("b").is_null()) > 0,
    "height": lambda: pl.len() > COL("a"),
    "row numbers": lambda: COL("a") > pl.int_range(pl.len()),
    "series": lambda: COL("a") > pl.lit(pl.Series([1, 2, 3])),
    "format guessed from the first text": lambda: COL("s").str.to_date(strict=False).is_not_null(),
    "constant": lambda: pl.lit(True),
    "sample": lambda: COL("a").sample(3) > 0,
}


@pytest.mark.parametrize("case", DEPENDS_ON_OTHER_ROWS)
def test_an_expression_that_looks_at_other_rows_is_refused(case, compiled):
    message = refusal(compiled, frame_check(DEPENDS_ON_OTHER_ROWS[case]))
    assert "the whole frame, check 'mine'" in message
    assert "Checks run chunk by chunk" in message
    assert "element_wise=True" in message


@pytest.mark.parametrize(
    "function",
    [
        lambda data: data.lazyframe.collect()["a"].sum() > 1,
        lambda data: data.lazyframe.filter(pl.col("a") > 1).select("t"),
        lambda data: data.lazyframe.group_by("b").agg(pl.col("a").sum() > 1),
        lambda data: data.lazyframe.with_columns(pl.col("a").sum().alias("s")).select(pl.col("s") > 1),
        lambda data: pl.col("a") > 1,
        lambda data: True,
        lambda data: data.lazyframe.select("a"),
        lambda data: data.lazyframe.with_columns(pl.col("a") > 1),
        lambda data: data.lazyframe.select(pl.all().is_null()),
        lambda data: data.lazyframe.select(cs.integer() > 1),
        lambda data: data.lazyframe.select(pl.col("a").map_batches(lambda s: s > 1, return_dtype=pl.Boolean)),
    ],
)
def test_a_function_that_is_not_provably_row_wise_is_refused(function, compiled):
    columns = {"a": pa.Column(int), "b": pa.Column(int), "t": pa.Column(bool)}
    refusal(compiled, pa.DataFrameSchema(columns, checks=pa.Check(function, name="mine")))


def test_pandera_s_own_aggregate_check_is_refused(compiled):
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.unique_values_eq([1, 2]))})
    assert "column 'a', check 'unique_values_eq'" in refusal(compiled, schema)


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (pa.Check.str_matches("(?=x)"), "look-around"),
        (pa.Check.ge(1), "ComputeError"),
        (pa.Check(lambda data: data.lazyframe.select(pl.col("misspelt") > 1), name="mine"), "misspelt"),
        (pa.Check(lambda data: 1 / 0, name="mine"), "ZeroDivisionError"),
    ],
    ids=str,
)
def test_a_check_that_would_fail_on_every_row_is_refused(check, reason, compiled):
    assert reason in refusal(compiled, pa.DataFrameSchema({"s": pa.Column(str, check)}))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"raise_warning": True}, "raise_warning"),
        ({"n_failure_cases": 3}, "n_failure_cases"),
        ({"groupby": "a"}, "groupby"),
    ],
)
def test_options_of_checks_that_have_no_meaning_here_are_refused(options, word, compiled):
    check = pa.Check(lambda data: data.lazyframe.select(pl.col("a") > 1), name="mine", **options)
    assert word in refusal(compiled, pa.DataFrameSchema({"a": pa.Column(int, check)}))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"ordered": True}, "ordered"),
        ({"drop_invalid_rows": True}, "drop_invalid_rows"),
        ({"add_missing_columns": True}, "add_missing_columns"),
        ({"on_missing_columns": "warn"}, "on_missing_columns"),
        ({"index": pa.Column(int, name="i")}, "index"),
        ({"dtype": pl.Int64}, "dtype"),
        ({"parsers": Parser(lambda data: data)}, "parsers"),
        ({"unique": ["a", "b"]}, "'b'"),
    ],
)
def test_options_of_schemas_that_have_no_meaning_here_are_refused(options, word, compiled):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = pa.DataFrameSchema({"a": pa.Column(int)}, **options)
    assert word in refusal(compiled, schema)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"^a.*$": pa.Column(int)}, "regex"),
        ({"a.+": pa.Column(int, regex=True)}, "regex"),
        ({"*": pa.Column(int)}, "reserved"),
        ({"a": pa.Column(int, drop_invalid_rows=True)}, "drop_invalid_rows"),
        ({"a": pa.Column()}, "no dtype"),
        ({"a": pa.Column(pl.List(pl.Int64))}, "List"),
        ({"a": pa.Column(pl.Struct({"b": pl.Int64}))}, "Struct"),
        ({"a": pa.Column(pl.Duration)}, "Duration"),
        ({"a": pa.Column(pl.Object)}, "Object"),
        ({"a": pa.Column(pl.Binary)}, "Binary"),
        ({"a": pa.Column("category")}, "Category"),
        ({"a": pa.Column(int, default="x")}, "default='x'"),
        ({"__row__": pa.Column(int)}, "reserved"),
        ({"_rescued": pa.Column(str)}, "reserved"),
        ({}, "no columns"),
    ],
)
def test_columns_that_cannot_be_honoured_are_refused(columns, word, compiled):
    assert word in refusal(compiled, pa.DataFrameSchema(columns))


def test_what_is_no_polars_schema_is_refused(compiled):
    assert "pandera.polars" in refusal(compiled, {"a": int})


def test_a_model_that_pandera_cannot_build_is_refused(compiled):
    class Cleaned(pa.DataFrameModel):
        a: int

        @parser("a")
        @classmethod
        def strip(cls, data):
            return data

    assert re.search("Cleaned.*parsers are not supported", refusal(compiled, Cleaned))
