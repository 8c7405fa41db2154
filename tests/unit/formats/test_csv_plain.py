"""Which chunks are read with types at once, and that their strings stay available."""

import datetime as dt
import itertools
import math
import re

import polars as pl
import pytest

from filegate.formats import RESCUED, ROW, ExpectedColumn, Records
from filegate.formats.csv.plain import MAX_FIELDS, plain_pattern
from filegate.formats.csv.reader import CsvReader
from filegate.formats.sources import Csv
from tests.unit.formats.support import read_csv

TYPES = {"n": pl.Int64(), "x": pl.Decimal(9, 2), "d": pl.Date(), "s": pl.String()}
EXPECTED = [ExpectedColumn(name, dtype=dtype) for name, dtype in TYPES.items()]
PLAIN = b"007,-1.5,2013-01-31,a\r\n,,,\n"


def records(data: bytes, source: Csv | None = None, columns: str = "nxds", *, rescue: bool = False) -> Records:
    reader = CsvReader(source or Csv(), columns, EXPECTED, "rescue" if rescue else "ignore")
    return read_csv(data, reader, first_row=5, origin=100)


def is_plain(found: Records) -> bool:
    return found.frame.schema != found.strings(found.frame).schema


def test_a_plain_chunk_has_typed_values_and_the_file_s_own_strings():
    found = records(PLAIN)
    assert dict(found.frame.drop(ROW).schema) == TYPES
    assert found.frame[ROW].to_list() == [5, 6]
    first, second = found.frame.drop(ROW).iter_rows()
    assert [str(value) for value in first] == ["7", "-1.50", "2013-01-31", "a"]
    assert second == (None,) * 4
    assert found.strings(found.frame[:1]).rows() == [(5, "007", "-1.5", "2013-01-31", "a")]
    assert found.byte_offsets(pl.Series([6, 5])).to_list() == [100 + PLAIN.index(b"\n") + 1, 100]


@pytest.mark.parametrize(
    "data",
    [
        b"+7,1,2013-01-31,a\n",
        b"7,1.234,2013-01-31,a\n",
        b"7,1,2013-1-31,a\n",
        b"7,1,2013-02-30,a\n",
        b'7,1,2013-01-31,"a\nb"\n',
        b"7,1,2013-01-31\n",
        b"7,1,2013-01-31,\xff\n",
        b"7,1,2013-01-31,a",
    ],
)
def test_one_field_or_record_that_is_not_plain_leaves_the_whole_chunk_to_be_read_as_strings(data):
    assert not is_plain(records(PLAIN + data))


def test_values_may_be_quoted_and_null():
    found = records(b'"7","NA",NA,"a ""b"""\n', Csv(null_values=["NA"]))
    assert found.frame.drop(ROW).rows() == [(7, None, None, 'a "b"')]
    assert is_plain(found)


def test_null_values_by_column_may_be_plain():
    found = records(b'7,NA,-,NA\n-,"",,""\n', Csv(null_values={"n": "-", "x": ["NA"], "d": ["-"]}))
    assert found.frame.drop(ROW).rows() == [(7, None, None, "NA"), (None, None, None, "")]
    assert is_plain(found)
    assert not is_plain(records(PLAIN, Csv(null_values={"n": ["-", "NA"]})))


@pytest.mark.parametrize("null_values", [(), ("n",)])
def test_a_repeated_header_is_never_plain(null_values):
    names = ["2019", "n"] if null_values else ["2019", "2020"]
    reader = CsvReader(
        Csv(null_values=null_values), names, [ExpectedColumn(name, dtype=pl.Int64()) for name in names], "reject"
    )
    found = read_csv(b"1,2\n" + ",".join(names).encode() + b"\n3,4\n", reader)
    assert [(record.row, record.broken.rule) for record in found.malformed] == [(2, "record:header")]
    assert found.frame.height == 2


def test_unknown_columns_are_rescued_for_typed_rows_and_for_their_strings():
    found = records(b"07,u,a,v\n", columns="nysz", rescue=True)
    assert found.frame.select("n", "s", RESCUED).rows() == [(7, "a", '{"y":"u","z":"v"}')]
    assert found.strings(found.frame).select("n", "s", RESCUED).rows() == [("07", "a", '{"y":"u","z":"v"}')]


def test_a_record_that_is_too_long_is_left_to_the_grammar(monkeypatch):
    data = b"7,1,2013-01-31,aaaaaaaaaaaaaaaaaaaaaaaaa\n"
    assert is_plain(records(data * 3))
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", len(data) - 2)
    found = records(data * 3)
    assert [record.broken.rule for record in found.malformed] == ["record:too_long"] * 3


@pytest.mark.parametrize(("columns", "plain"), [(MAX_FIELDS, True), (MAX_FIELDS + 1, False)])
def test_a_record_with_very_many_fields_is_left_to_the_other_proof(columns, plain):
    names = [f"c{index}" for index in range(columns)]
    reader = CsvReader(Csv(), names, [ExpectedColumn(name, dtype=pl.Int64()) for name in names], "reject")
    found = read_csv(b",".join([b"1"] * columns) + b"\n", reader)
    assert is_plain(found) == plain


def is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def test_plain_dates_are_the_days_of_the_calendar_from_the_year_1000():
    pattern = re.compile(str(plain_pattern(pl.Date())))
    for year in (999, 1000, 1200, 1900, 1904, 2000, 2023, 2024, 2026, 2100, 2400, 9998):
        for month, day in itertools.product(range(14), range(33)):
            text = f"{year:04}-{month:02}-{day:02}"
            assert bool(pattern.fullmatch(text)) == (year >= 1000 and is_date(text)), text


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [
        (pl.Int8(), "-99"),
        (pl.Int16(), "-9999"),
        (pl.Int32(), "-999999999"),
        (pl.Int64(), "-999999999999999999"),
        (pl.UInt8(), "99"),
        (pl.UInt16(), "9999"),
        (pl.UInt32(), "999999999"),
        (pl.UInt64(), "9999999999999999999"),
        (pl.Decimal(5, 0), "-99999"),
        (pl.Decimal(5, 2), "-999.99"),
        (pl.Decimal(38, 10), f"-{'9' * 28}.{'9' * 10}"),
        (pl.Decimal(5, 5), "-0.99999"),
        (pl.Float32(), f"-{'9' * 17}"),
        (pl.Float64(), f"-{'9' * 17}e99"),
    ],
    ids=str,
)
def test_the_largest_plain_number_is_within_the_range_of_its_type(dtype, largest):
    pattern = re.compile(str(plain_pattern(dtype)))
    assert pattern.fullmatch(largest)
    assert not pattern.fullmatch(largest.replace("9", "99", 1))
    assert math.isfinite(pl.Series([largest]).cast(dtype).item())
