"""Keys for telling repeated rows apart over the whole object, and which row of a group is kept."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
import pytest


def hashes(evaluation, columns) -> list[tuple[int, int]]:
    keys = evaluation.keys(columns)
    assert keys.schema == {"__row__": pl.Int64, "hash_1": pl.UInt64, "hash_2": pl.UInt64}
    assert keys.null_count().sum_horizontal().item() == 0
    return keys.select("hash_1", "hash_2").rows()


def test_equal_values_have_equal_keys_however_they_are_written(compiled, chunk):
    schema = pa.DataFrameSchema({"a": pa.Column(int), "f": pa.Column(float)})
    evaluation = compiled(schema).evaluate(chunk(a=["7", "007", "8"], f=["-0.0", "0", "0"]))
    one, same, other = hashes(evaluation, ["a", "f"])
    assert one == same != other
    assert one[0] != one[1]


def test_every_row_has_a_key_rejected_ones_too(compiled, chunk):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(1))}))
    first, second = hashes(contract.evaluate(chunk(a=["0", "0"])), ["a"])
    assert first == second


def test_rows_without_a_value_are_alike_and_rows_with_a_wrong_one_are_like_no_other(compiled, chunk):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int, nullable=True)}))
    none, empty, wrong, wrong_too = hashes(contract.evaluate(chunk(a=[None, "", "x", "x"])), ["a"])
    assert none == empty
    assert len({none, wrong, wrong_too}) == 3


def test_columns_that_the_file_lacks_do_not_count(compiled, chunk):
    optional = pa.Column(int, required=False)
    evaluation = compiled(pa.DataFrameSchema({"a": pa.Column(int), "b": optional})).evaluate(chunk(a=["1", "1", "2"]))
    assert hashes(evaluation, ["a", "b"]) == hashes(evaluation, ["a"])
    assert len(set(hashes(evaluation, ["b"]))) == 3


def test_the_order_of_columns_and_the_border_between_them_matter(compiled, chunk):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(str), "b": pa.Column(str)}))
    one, other = hashes(contract.evaluate(chunk(a=["xy", "x"], b=["z", "yz"])), ["a", "b"])
    assert one != other


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["x", "y"]), pl.Decimal(9, 2), pl.Date(), pl.Boolean()])
def test_a_key_does_not_depend_on_the_chunk_around_it(dtype, compiled, chunk):
    values: dict[Any, tuple[str, str]] = {
        pl.Decimal: ("1.5", "2.5"),
        pl.Date: ("2020-01-01", "2020-01-02"),
        pl.Boolean: ("t", "f"),
    }
    text, other = values.get(type(dtype), ("x", "y"))
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(dtype)}))
    alone = hashes(contract.evaluate(chunk(a=[text])), ["a"])
    later = hashes(contract.evaluate(chunk(a=[other, text])), ["a"])
    assert alone[0] == later[1] != later[0]


def test_a_key_does_not_depend_on_the_process(printed):
    """Chunks of one object are evaluation in many processes, where categories get other physical codes."""
    program = """
import sys, pandera.polars as pa, polars as pl
from filegate.contract import compile_contract
schema = pa.DataFrameSchema({"c": pa.Column(pl.Categorical), "s": pa.Column(str), "f": pa.Column(float)})
texts = {before} + ["x"]
chunk = pl.DataFrame({"c": texts, "s": texts, "f": ["0.5"] * len(texts)}).with_row_index("__row__")
chunk = chunk.cast({"__row__": pl.Int64})
print(compile_contract(schema, dataset="d").evaluate(chunk).keys(["c", "s", "f"]).rows()[-1][1:])
"""
    alone, later = (printed(program.replace("{before}", before)) for before in ("[]", "['y', 'z']"))
    assert alone == later


def test_uniques_name_their_columns_and_the_row_they_keep(compiled):
    with pytest.warns(UserWarning, match="will have no effect"):  # in pandera's own validation
        schema = pa.DataFrameSchema(
            {"id": pa.Column(int, unique=True), "a": pa.Column(int)},
            unique=[["id", "a"], ["a"]],  # type: ignore[list-item] # as pandera's documentation has it
            report_duplicates="exclude_first",
        )
    id_, pair, single = compiled(schema).uniques
    assert (id_.code, id_.columns, id_.keep) == ("id:unique", ("id",), "none")
    assert (pair.code, pair.columns, pair.keep) == ("*:unique(id,a)", ("id", "a"), "first")
    assert (single.code, single.columns, single.keep) == ("*:unique(a)", ("a",), "first")
    assert pair.rule.allowed == "values of id, a that no earlier row has"
