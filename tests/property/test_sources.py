"""No option of a source is forgotten: the differential tests draw it, and the documentation explains it."""

import dataclasses
import re
from pathlib import Path

import pytest

from filegate.formats.sources import Csv, Json, Parquet
from tests.property.sources import OPTIONS

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"
SECTION = PAGE.read_text().partition("\n## Sources\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("source", [Csv, Json, Parquet])
def test_every_option_is_drawn_and_documented(source):
    names = {field.name for field in dataclasses.fields(source)}
    assert OPTIONS[source].keys() == names
    assert {name for name in names if not re.search(rf"`{name}`|\b{name}=", SECTION)} == set()
