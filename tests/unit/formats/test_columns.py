"""Messages about columns that do not match the contract, and what they never contain."""

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


OPTIONAL = [ExpectedColumn("id"), ExpectedColumn("order_status", required=False)]


@pytest.mark.parametrize("on_unknown_columns", ["ignore", "rescue"])
@pytest.mark.parametrize(
    "name",
    [
        "Order_Status",
        "order status",
        " order_status",
        "order-status",
        "orderStatus",
        "order\u2011status",
        "\ufefforder_status",
        "order\u200b_status",
        "\uff4frder_status",
    ],
)
def test_an_optional_column_in_another_spelling_is_not_passed_over(
    name: str, on_unknown_columns: UnknownColumns
) -> None:
    with pytest.raises(SchemaMismatch, match=r"missing 'order_status'.*Did the file mean .* for 'order_status'\?"):
        check_columns(["id", name], OPTIONAL, on_unknown_columns, name="s3://raw/a.csv")
    check_columns(["id", name, "order_status"], OPTIONAL, on_unknown_columns, name="s3://raw/a.csv")


@pytest.mark.parametrize("name", ["order_state", "orders", "", "_", "status", "order_status_2"])
def test_an_optional_column_may_be_absent_beside_others(name: str) -> None:
    check_columns(["id", name], OPTIONAL, "ignore", name="s3://raw/a.csv")


def test_long_names_that_begin_alike_are_not_one() -> None:
    question = "How satisfied are you with the delivery of your last order, its " + "x" * 60
    columns = [ExpectedColumn("id"), ExpectedColumn(f"{question} time", required=False)]
    check_columns(["id", f"{question} price"], columns, "ignore", name="s3://raw/a.csv")


@pytest.mark.parametrize("on_unknown_columns", ["reject", "ignore", "rescue"])
def test_a_file_without_any_column_of_the_contract_is_another(on_unknown_columns: UnknownColumns) -> None:
    columns = [ExpectedColumn("a", required=False), ExpectedColumn("b", required=False)]
    with pytest.raises(SchemaMismatch, match="none of its 2 columns is in the contract: missing 'a', 'b'"):
        check_columns(["x", "y"], columns, on_unknown_columns, name="s3://raw/a.csv")
    check_columns(["b"], columns, on_unknown_columns, name="s3://raw/a.csv")


def test_a_misspelt_name_is_shown_whatever_else_is_there() -> None:
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
