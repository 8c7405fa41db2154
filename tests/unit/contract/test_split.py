"""A chunk split into accepted and rejected rows, with rules broken while it was read."""

from __future__ import annotations

from dataclasses import asdict

import pandera.polars as pa
import polars as pl
import pytest

from filegate.contract import evaluation as evaluating
from filegate.formats.records import ROW
from filegate.runs.broken_rule import BrokenRule


@pytest.fixture
def evaluation(compiled):
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
    return compiled(schema).evaluate(frame)


def repeats(**rows: list[int]) -> pl.DataFrame:
    pairs = [(row, code) for code, each in rows.items() for row in each]
    return pl.DataFrame(pairs, schema={ROW: pl.Int64, "rule": pl.String}, orient="row")


def test_accepted_rows_have_the_contract_s_columns_order_and_types(evaluation):
    accepted = evaluation.split().accepted
    assert accepted.schema == {ROW: pl.Int64, "carrier": pl.String, "flight": pl.Int64, "_rescued": pl.String}
    assert accepted.rows() == [(11, "UA", 1, '{"a":"1"}'), (15, "AA", 4, None)]


def test_rejected_rows_have_their_original_strings_and_every_broken_rule(evaluation):
    rejected = evaluation.split().rejected
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


def test_tallies_count_each_rule_once_a_row_in_the_order_of_rules(evaluation):
    tallies = evaluation.split().tallies
    assert list(tallies.items()) == [("carrier:not_null", 1), ("carrier:isin", 1), ("flight:type", 1), ("flight:ge", 1)]


def test_repeated_keys_are_rejected_with_the_message_of_their_unique(evaluation):
    found = repeats(**{"flight:unique": [11, 12, 99], "*:unique(carrier,flight)": [11]})
    split = evaluation.split(repeats=found)
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


NESTED = BrokenRule("record:nested", "extra", "{}", "a string")


def test_broken_rules_of_the_reader_come_after_those_of_the_contract(evaluation):
    split = evaluation.split([(12, NESTED)])
    assert split.rejected["broken"][0].to_list()[-1] == asdict(NESTED)
    assert list(split.tallies)[-1] == "record:nested"


def test_a_cell_whose_type_the_reader_refused_breaks_no_other_rule(evaluation, codes):
    broken = [(row, BrokenRule("carrier:type", "carrier", '["x"]', "a string")) for row in (12, 14, 14)]
    assert codes(evaluation.split(broken)) == {12: ["flight:ge", "carrier:type"], 14: ["flight:type", "carrier:type"]}


def test_a_broken_rule_of_the_reader_with_the_code_of_a_rule_takes_its_place_in_the_order(compiled, chunk, codes):
    schema = pa.DataFrameSchema({name: pa.Column(int, pa.Check.ge(1)) for name in ("a", "b", "c")})
    evaluation = compiled(schema).evaluate(chunk(a=["0"], b=[None], c=["0"]))
    assert codes(evaluation.split([(1, BrokenRule("b:type", "b", "[]", "a number"))])) == {
        1: ["a:ge", "b:type", "c:ge"]
    }


def test_broken_rules_of_the_reader_and_repeats_add_up(evaluation, codes):
    split = evaluation.split([(11, NESTED)], repeats(**{"flight:unique": [11, 15]}))
    assert codes(split)[11] == ["flight:unique", "record:nested"]
    assert codes(split)[15] == ["flight:unique"]
    assert split.accepted.is_empty()


def test_repeats_in_other_chunks_are_ignored(evaluation):
    split = evaluation.split(repeats=repeats(**{"flight:unique": [1, 99]}))
    assert split.accepted[ROW].to_list() == [11, 15]
    assert "flight:unique" not in split.tallies


def test_an_unknown_unique_is_a_mistake_of_the_caller(evaluation):
    with pytest.raises(ValueError, match="'flight:uniq'\\] are not uniques"):
        evaluation.split(repeats=repeats(**{"flight:uniq": [11]}))


def test_a_chunk_without_rows_or_rejects_keeps_its_shape(compiled, chunk):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(int)}))
    empty, clean = contract.evaluate(chunk(a=[])).split(), contract.evaluate(chunk(a=["1"])).split()
    assert empty.accepted.schema == clean.accepted.schema
    assert empty.rejected.schema == clean.rejected.schema
    assert (empty.accepted.height, clean.accepted.height, empty.rejected.height, clean.rejected.height) == (0, 1, 0, 0)
    assert empty.tallies == clean.tallies == {}


def test_a_contract_without_rules_accepts_everything_but_what_the_reader_rejected(compiled, chunk, codes):
    contract = compiled(pa.DataFrameSchema({"a": pa.Column(str, nullable=True)}))
    evaluation = contract.evaluate(chunk(a=["x", None]))
    assert evaluation.split().accepted.height == 2
    split = evaluation.split([(2, NESTED)])
    assert split.accepted[ROW].to_list() == [1]
    assert codes(split) == {2: ["record:nested"]}


def test_of_very_many_broken_rules_a_row_has_the_first_ones_and_the_number_of_the_others(
    compiled, chunk, codes, monkeypatch
):
    """All are counted; a chunk whose rows break few has all of them."""
    checks = [pa.Check.str_startswith(letter) for letter in "abcd"]
    contract = compiled(pa.DataFrameSchema({"s": pa.Column(str, checks), "n": pa.Column(int)}))
    rows = chunk(s=["x", "ab", None, "x"], n=["1", "x", "1", "1"])
    every = contract.evaluate(rows).split()
    monkeypatch.setattr(evaluating, "MAX_BROKEN", 12)
    first = contract.evaluate(rows).split()
    assert len(codes(every)[1]) == 4
    assert codes(first)[1] == [*codes(every)[1][:2], "*:other"]
    assert codes(first)[3] == codes(every)[3] == ["s:not_null"]
    assert first.tallies == every.tallies
    assert first.rejected["values"].equals(every.rejected["values"])
    others = first.rejected["broken"][0][-1]
    assert (others["column"], others["value"], others["allowed"]) == (None, "2 more", "the first 2 are described")
