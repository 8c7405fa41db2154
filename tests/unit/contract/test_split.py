"""A chunk parted into accepted and rejected rows, with faults found outside."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest

from filegate.formats.records import ROW, Fault


@pytest.fixture
def checked(compiled):
    schema = pa.DataFrameSchema(
        {"carrier": pa.Column(str, pa.Check.isin(["UA", "AA"])), "flight": pa.Column(int, pa.Check.ge(1), unique=True)},
        unique=["carrier", "flight"],
    )
    frame = pl.DataFrame(
        {
            ROW: [11, 12, 14, 15],
            "ignored": ["-"] * 4,
            "flight": ["1", "0", "x", "4"],
            "carrier": ["UA", "ZZ", None, "AA"],
            "_rescued": ['{"a":"1"}', None, None, None],
        }
    )
    return compiled(schema).check(frame)


def repeats(**rows: list[int]) -> pl.DataFrame:
    pairs = [(row, code) for code, each in rows.items() for row in each]
    return pl.DataFrame(pairs, schema={ROW: pl.Int64, "rule": pl.String}, orient="row")


def test_accepted_rows_have_the_contract_s_columns_order_and_types(checked):
    accepted = checked.split().accepted
    assert accepted.schema == {ROW: pl.Int64, "carrier": pl.String, "flight": pl.Int64, "_rescued": pl.String}
    assert accepted.rows() == [(11, "UA", 1, '{"a":"1"}'), (15, "AA", 4, None)]


def test_rejected_rows_have_their_raw_texts_and_every_broken_rule(checked):
    rejected = checked.split().rejected
    assert rejected.rows(named=True) == [
        {
            ROW: 12,
            "values": {"carrier": "ZZ", "flight": "0", "_rescued": None},
            "broken": [
                {"rule": "carrier:isin", "column": "carrier", "value": "ZZ", "allowed": "one of AA, UA"},
                {"rule": "flight:ge", "column": "flight", "value": "0", "allowed": ">= 1"},
            ],
        },
        {
            ROW: 14,
            "values": {"carrier": None, "flight": "x", "_rescued": None},
            "broken": [
                {"rule": "carrier:not_null", "column": "carrier", "value": None, "allowed": "a value"},
                {
                    "rule": "flight:type",
                    "column": "flight",
                    "value": "x",
                    "allowed": "a whole number from -9223372036854775808 to 9223372036854775807",
                },
            ],
        },
    ]


def test_tallies_count_each_rule_once_a_row_in_the_order_of_rules(checked):
    tallies = checked.split().tallies
    assert list(tallies.items()) == [("carrier:not_null", 1), ("carrier:isin", 1), ("flight:type", 1), ("flight:ge", 1)]


def test_repeated_keys_are_rejected_with_the_words_of_their_unique(checked):
    found = repeats(**{"flight:unique": [11, 12, 99], "*:unique(carrier,flight)": [11]})
    split = checked.split(found)
    assert split.accepted[ROW].to_list() == [15]
    assert split.rejected["broken"][0].to_list() == [
        {"rule": "flight:unique", "column": "flight", "value": "1", "allowed": "a value that no other row has"},
        {
            "rule": "*:unique(carrier,flight)",
            "column": None,
            "value": None,
            "allowed": "values of carrier, flight that no other row has",
        },
    ]
    assert [reason["rule"] for reason in split.rejected["broken"][1]] == ["carrier:isin", "flight:ge", "flight:unique"]
    assert split.tallies["flight:unique"] == 2


def test_a_unique_may_be_reported_as_a_fault(checked, codes):
    fault = Fault(row=15, rule="flight:unique", column=None, value=None, allowed="")
    broken = checked.split([fault]).rejected["broken"][-1].to_list()
    assert broken == [
        {"rule": "flight:unique", "column": "flight", "value": "4", "allowed": "a value that no other row has"}
    ]


def test_faults_of_the_reader_come_after_the_contract_s_rules_with_their_own_words(checked):
    fault = Fault(row=12, rule="record:nested", column="extra", value="{}", allowed="a text")
    split = checked.split([fault])
    assert split.rejected["broken"][0].to_list()[-1] == {
        "rule": "record:nested",
        "column": "extra",
        "value": "{}",
        "allowed": "a text",
    }
    assert list(split.tallies)[-1] == "record:nested"


def test_a_type_fault_of_the_reader_is_all_that_is_wrong_with_the_cell(checked, codes):
    faults = [Fault(row, "carrier:type", "carrier", '["x"]', "a text") for row in (12, 14, 14)]
    assert codes(checked.split(faults)) == {12: ["flight:ge", "carrier:type"], 14: ["flight:type", "carrier:type"]}


def test_a_fault_with_the_code_of_a_rule_takes_that_rule_s_place_in_the_order(compiled, chunk, codes):
    schema = pa.DataFrameSchema({name: pa.Column(int, pa.Check.ge(1)) for name in ("a", "b", "c")})
    checked = compiled(schema).check(chunk(a=["0"], b=[None], c=["0"]))
    assert codes(checked.split([Fault(1, "b:type", "b", "[]", "a number")])) == {1: ["a:ge", "b:type", "c:ge"]}


def test_faults_in_several_portions_add_up(checked, codes):
    fault = Fault(row=11, rule="record:nested", column=None, value=None, allowed="a text")
    split = checked.split([fault], repeats(**{"flight:unique": [11]}), repeats(**{"flight:unique": [15]}))
    assert codes(split)[11] == ["flight:unique", "record:nested"]
    assert codes(split)[15] == ["flight:unique"]
    assert split.accepted.is_empty()


def test_rows_of_other_chunks_are_passed_over(checked):
    fault = Fault(row=1, rule="record:nested", column=None, value=None, allowed="a text")
    split = checked.split([fault], repeats(**{"flight:unique": [1, 99]}))
    assert split.accepted[ROW].to_list() == [11, 15]
    assert "record:nested" not in split.tallies


def test_an_unknown_unique_is_a_mistake_of_the_caller(checked):
    with pytest.raises(ValueError, match="'flight:uniq' is no unique"):
        checked.split(repeats(**{"flight:uniq": [11]}))


def test_a_chunk_without_rows_or_rejects_keeps_its_shape(compiled, chunk):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int)}))
    empty, clean = contract.check(chunk(a=[])).split(), contract.check(chunk(a=["1"])).split()
    assert empty.accepted.schema == clean.accepted.schema
    assert empty.rejected.schema == clean.rejected.schema
    assert (empty.accepted.height, clean.accepted.height, empty.rejected.height, clean.rejected.height) == (0, 1, 0, 0)
    assert empty.tallies == clean.tallies == {}


def test_a_contract_without_rules_accepts_everything_but_what_has_faults(compiled, chunk, codes):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(str, nullable=True)}))
    checked = contract.check(chunk(a=["x", None]))
    assert checked.split().accepted.height == 2
    split = checked.split([Fault(row=2, rule="record:nested", column=None, value=None, allowed="a text")])
    assert split.accepted[ROW].to_list() == [1]
    assert codes(split) == {2: ["record:nested"]}
