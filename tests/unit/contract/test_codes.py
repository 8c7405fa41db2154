"""Codes and words of rules: readable, stable, and given once."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest


def odd(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) % 2 == 1)


def test_codes_follow_the_declared_order_and_names(compiled):
    class Flight(pa.DataFrameModel):
        carrier: str = pa.Field(isin=["UA", "AA"], str_length={"min_value": 2, "max_value": 2})
        flight: int = pa.Field(ge=1, nullable=True)

        @pa.check("flight")
        @classmethod
        def odd(cls, data):
            return odd(data)

        @pa.dataframe_check
        @classmethod
        def arrives_after_departing(cls, data):
            return data.lazyframe.select(pl.col("flight") > 0)

        class Config:
            unique = ("carrier", "flight")

    contract = compiled(Flight)
    assert list(contract.rules) == [
        "carrier:not_null",
        "carrier:isin",
        "carrier:str_length",
        "flight:type",
        "flight:ge",
        "flight:odd",
        "*:arrives_after_departing",
    ]
    assert [unique.code for unique in contract.uniques] == ["*:unique(carrier,flight)"]
    assert contract.rules["flight:ge"].column == "flight"
    assert contract.rules["*:arrives_after_departing"].column is None


def test_two_rules_never_share_a_code(compiled):
    checks = [pa.Check.ge(1), pa.Check.ge(2), pa.Check(odd, name="ge_2"), pa.Check(odd, name="type"), pa.Check.ge(3)]
    unnamed = [pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) > 0)) for _ in range(2)]
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(int, [*checks, *unnamed], nullable=True)}))
    assert list(contract.rules) == [
        "x:type",
        "x:ge",
        "x:ge_2",
        "x:ge_2_2",
        "x:type_2",
        "x:ge_3",
        "x:check",
        "x:check_2",
    ]


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (pa.Check.eq(1), "1"),
        (pa.Check.ne(1), "anything but 1"),
        (pa.Check.gt(1), "> 1"),
        (pa.Check.ge(1), ">= 1"),
        (pa.Check.lt(1), "< 1"),
        (pa.Check.le(1), "<= 1"),
        (pa.Check.in_range(1, 9), ">= 1 and <= 9"),
        (pa.Check.in_range(1, 9, include_min=False, include_max=False), "> 1 and < 9"),
        (pa.Check.isin([3, 1, 2]), "one of 1, 2, 3"),
        (pa.Check.isin(range(1, 20)), "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, …"),
        (pa.Check.notin([2, 1]), "none of 1, 2"),
        (pa.Check.ge(1, error="flights are numbered from 1"), "flights are numbered from 1"),
        (pa.Check.ge(1, name="numbered"), ">= 1"),
        (pa.Check(odd, error="an odd number"), "an odd number"),
        (pa.Check(odd, description="an odd number"), "an odd number"),
        (pa.Check(odd), "must satisfy check `odd`"),
    ],
    ids=str,
)
def test_what_a_check_allows_is_put_in_words(check, words, compiled):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(int, check, nullable=True)}))
    assert [rule.allowed for code, rule in contract.rules.items() if code != "x:type"] == [words]


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (pa.Check.str_matches(r"C\d+$"), r"must match `^C\d+$`"),
        (pa.Check.str_contains("a|b"), "must match `a|b`"),
        (pa.Check.str_startswith("x"), "a string that starts with x"),
        (pa.Check.str_endswith("x"), "a string that ends with x"),
        (pa.Check.str_length(2, 5), "2 to 5 characters"),
        (pa.Check.str_length(min_value=2), "at least 2 characters"),
        (pa.Check.str_length(max_value=2), "at most 2 characters"),
        (pa.Check.str_length(exact_value=3), "3 characters"),
    ],
    ids=str,
)
def test_what_a_check_of_texts_allows_is_put_in_words(check, words, compiled):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(str, check, nullable=True)}))
    assert [rule.allowed for rule in contract.rules.values()] == [words]


def test_words_do_not_depend_on_the_process(printed):
    """pandera keeps the values of isin in a set, whose order depends on the process's hash seed."""
    program = (
        "import pandera.polars as pa; from filegate.contract import compile_contract\n"
        "schema = pa.DataFrameSchema({'x': pa.Column(str, pa.Check.isin([chr(c) for c in range(97, 117)]))})\n"
        "print(list(compile_contract(schema, dataset='d').rules.values()))"
    )
    assert printed(program, PYTHONHASHSEED="1") == printed(program, PYTHONHASHSEED="2")
