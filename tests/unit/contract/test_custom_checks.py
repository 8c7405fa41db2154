"""Checks written by the dataset's author: captured as expressions, or called through pandera for each chunk."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest

from filegate.errors import CheckFailed


def schema_with(check: pa.Check) -> pa.DataFrameSchema:
    columns = {"a": pa.Column(int, nullable=True), "b": pa.Column(int, nullable=True)}
    return pa.DataFrameSchema(columns, checks=check)


@pytest.mark.parametrize(
    "function",
    [
        lambda data: data.lazyframe.select(pl.col("a") < pl.col("b")),
        lambda data: data.lazyframe.select(ok=pl.col("a") < pl.col("b")),
        lambda data: data.lazyframe.select([pl.col("a") < pl.col("b"), (pl.col("a") < 100).alias("small")]),
        lambda data: data.lazyframe.with_columns(gap=pl.col("b") - pl.col("a")).select(pl.col("gap") > 0),
        lambda data: data.lazyframe.with_columns(ok=pl.col("a") < pl.col("b")).select("ok"),
    ],
)
def test_a_check_of_the_frame_is_evaluated_on_each_row(function, compiled, chunk, codes):
    contract = compiled(schema_with(pa.Check(function, name="rising")))
    split = contract.evaluate(chunk(a=["1", "2", None, "x"], b=["2", "1", "1", "1"])).split()
    assert codes(split) == {2: ["*:rising"], 4: ["a:type"]}
    assert split.rejected["broken"][0].to_list() == [
        {"rule": "*:rising", "column": None, "value": None, "allowed": "must satisfy check `rising`"}
    ]


def test_a_check_of_a_column_may_look_at_its_neighbours(compiled, chunk, codes):
    check = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) < pl.col("b")), name="below")
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int, check), "b": pa.Column(int)}))
    assert codes(contract.evaluate(chunk(a=["1", "3"], b=["2", "2"])).split()) == {2: ["a:below"]}


def test_a_function_of_one_value_is_asked_for_values_only(compiled, chunk, codes):
    seen: list[int] = []

    def is_odd(value: int) -> bool:
        seen.append(value)
        return value % 2 == 1

    check = pa.Check(is_odd, element_wise=True, name="odd")
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int, check, nullable=True)}))
    split = contract.evaluate(chunk(a=["1", "2", None, "x"])).split()
    assert codes(split) == {2: ["a:odd"], 4: ["a:type"]}
    assert seen == [1, 2]


def test_a_function_of_one_value_on_the_frame_holds_for_every_column(compiled, chunk, codes):
    contract = compiled(schema_with(pa.Check(lambda value: value > 0, element_wise=True, name="positive")))
    split = contract.evaluate(chunk(a=["1", "0", "1"], b=["1", "1", "-1"])).split()
    assert codes(split) == {2: ["*:positive"], 3: ["*:positive"]}


def test_a_built_in_check_on_the_frame_holds_for_every_column(compiled, chunk, codes):
    split = compiled(schema_with(pa.Check.ge(1))).evaluate(chunk(a=["1", "0", None], b=["1", "1", "0"])).split()
    assert codes(split) == {2: ["*:ge"], 3: ["*:ge"]}


def test_a_check_may_read_the_schema(compiled, chunk, codes):
    def every_number(data):
        names = [name for name, dtype in data.lazyframe.collect_schema().items() if dtype == pl.Int64]
        return data.lazyframe.select(pl.all_horizontal(pl.col(name) > 0 for name in names))

    split = compiled(schema_with(pa.Check(every_number))).evaluate(chunk(a=["1", "0"], b=["1", "1"])).split()
    assert codes(split) == {2: ["*:every_number"]}


def test_a_check_that_raises_fails_loudly_and_keeps_the_values_to_itself(compiled, chunk):
    check = pa.Check(lambda text: int(text) > 0, element_wise=True, name="positive")
    contract = compiled(pa.DataFrameSchema({"s": pa.Column(str, check)}))
    with pytest.raises(CheckFailed, match="'s:positive' raised") as caught:
        contract.evaluate(chunk(s=["secret"]))
    assert "secret" not in str(caught.value)


def test_a_user_s_function_named_like_a_built_in_check_is_still_the_user_s(compiled, chunk, codes):
    def isin(data):
        return data.lazyframe.select(pl.col(data.key) > 5)

    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int, pa.Check(isin))}))
    assert codes(contract.evaluate(chunk(a=["1", "6"])).split()) == {1: ["a:isin"]}


def test_more_rules_than_bits_in_a_word(compiled, chunk, codes):
    checks = [pa.Check.ne(n) for n in range(200)]
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int, checks)}))
    assert codes(contract.evaluate(chunk(a=["199", "200"])).split()) == {1: ["a:ne_200"]}
