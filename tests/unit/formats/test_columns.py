"""What is told of columns that do not fit, and what never is."""

import pytest

from filegate.errors import SchemaMismatch
from filegate.formats.columns import check_columns
from filegate.formats.model import ExpectedColumn

EXPECTED = [ExpectedColumn("name"), ExpectedColumn("salary")]


def test_a_row_in_the_headers_place_is_not_repeated() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        check_columns(["Ada Lovelace", "4711"], EXPECTED, "reject", name="s3://raw/a.csv")
    assert "none of its 2 columns is one of the contract's" in str(caught.value)
    assert "'name', 'salary'" in str(caught.value)
    assert "Ada" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_header_is_shown_with_what_it_lacks() -> None:
    with pytest.raises(SchemaMismatch, match=r"missing 'salary'; unknown 'wage'.*Found: 'name', 'wage'"):
        check_columns(["name", "wage"], EXPECTED, "reject", name="s3://raw/a.csv")
