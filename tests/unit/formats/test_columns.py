"""What is told of columns that do not fit, and what never is."""

import pytest

from filegate.errors import SchemaMismatch
from filegate.formats import ExpectedColumn, UnknownColumns
from filegate.formats.columns import MAX_RESCUED, check_columns

EXPECTED = [ExpectedColumn("name"), ExpectedColumn("salary")]


def test_a_row_in_the_headers_place_is_not_repeated() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        check_columns(["Ada Lovelace", "4711"], EXPECTED, "reject", name="s3://raw/a.csv")
    assert "none of its 2 columns is in the contract" in str(caught.value)
    assert "'name', 'salary'" in str(caught.value)
    assert "Ada" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_header_is_shown_with_what_it_lacks() -> None:
    with pytest.raises(SchemaMismatch, match=r"missing 'salary'; unknown 'wage'.*Found: 'name', 'wage'"):
        check_columns(["name", "wage"], EXPECTED, "reject", name="s3://raw/a.csv")


@pytest.mark.parametrize("on_unknown_columns", ["reject", "rescue", "ignore"])
def test_a_value_that_is_named_like_a_column_gives_no_other_value_away(on_unknown_columns: UnknownColumns) -> None:
    found = ["name", "Ada Lovelace", "4711-4711", "4711-4711", "salaries"]
    with pytest.raises(SchemaMismatch) as caught:
        check_columns(found, EXPECTED, on_unknown_columns, name="s3://raw/a.csv")
    assert "1 of its 5 columns is in the contract: missing 'salary'" in str(caught.value)
    assert not any(value in str(caught.value) for value in found[1:])
    places = {"reject": "unknown 4 at places 2, 3, 4, 5", "rescue": "found twice 2 at places 3, 4", "ignore": ""}
    assert places[on_unknown_columns] in str(caught.value)


def test_a_name_but_for_its_spelling_is_told_whatever_else_is_there() -> None:
    with pytest.raises(SchemaMismatch, match="'Salary ' for 'salary'"):
        check_columns(["Salary ", "x", "y", "z"], EXPECTED, "ignore", name="s3://raw/a.csv")


def test_a_line_with_all_that_is_required_is_a_header_whatever_else_is_there() -> None:
    with pytest.raises(SchemaMismatch, match=r"unknown 'x', 'y', 'z'. Found: 'salary', 'x', 'y', 'z', 'name'"):
        check_columns(["salary", "x", "y", "z", "name"], EXPECTED, "reject", name="s3://raw/a.csv")
    with pytest.raises(SchemaMismatch, match="unknown 2 at places 2, 3"):
        check_columns(["name", "Ada", "4711"], EXPECTED[:1], "reject", name="s3://raw/a.csv")


def test_near_misses_make_a_header_too() -> None:
    with pytest.raises(SchemaMismatch, match=r"unknown 'names', 'salaryy'.*'names' for 'name', 'salaryy' for 'salary'"):
        check_columns(["names", "salaryy"], EXPECTED, "reject", name="s3://raw/a.csv")


@pytest.mark.parametrize("kind", ["many", "long", "odd"])
def test_a_message_stays_short_and_printable(kind: str) -> None:
    names = {
        "many": [f"column {n}" for n in range(5000)],
        "long": ["質" * 100_000, "n" * 100_000],
        "odd": [f"\x1b[31m{n}\n" * 20 for n in range(200)],
    }[kind]
    contract = [ExpectedColumn(column) for column in names] + [ExpectedColumn("one more")]
    with pytest.raises(SchemaMismatch) as caught:
        check_columns([*names, *names, "stranger"], contract, "reject", name="s3://raw/a.csv")
    assert "missing" in str(caught.value)
    assert "stranger" in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert str(caught.value).isprintable()
    assert kind == "long" or " more" in str(caught.value)


def test_no_more_columns_are_rescued_than_a_chunk_can_hold() -> None:
    found = ["name", "salary", *map(str, range(MAX_RESCUED))]
    check_columns(found, EXPECTED, "rescue", name="s3://raw/a.csv")
    check_columns([*found, "one more"], EXPECTED, "ignore", name="s3://raw/a.csv")
    with pytest.raises(
        SchemaMismatch, match=r"10,001 of its columns are not in the contract; at most 10,000 can be rescued"
    ):
        check_columns([*found, "one more"], EXPECTED, "rescue", name="s3://raw/a.csv")
