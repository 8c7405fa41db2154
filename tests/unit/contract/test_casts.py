"""A text says exactly one value of its column's type, or it is a type fault."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
import pytest

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def local(*parts: Any) -> dt.datetime:
    return dt.datetime(*parts)  # noqa: DTZ001


ACCEPTED = [
    (pl.String(), " a ", " a "),
    (pl.String(), "", ""),
    (pl.Int64(), "007", 7),
    (pl.Int64(), "+5", 5),
    (pl.Int64(), "-9223372036854775808", -(2**63)),
    (pl.Int8(), "127", 127),
    (pl.UInt64(), "18446744073709551615", 2**64 - 1),
    (pl.Float64(), "-1.5e3", -1500.0),
    (pl.Float64(), ".5", 0.5),
    (pl.Float64(), "-Infinity", float("-inf")),
    (pl.Float64(), "inf", float("inf")),
    (pl.Float64(), "1.7976931348623157e308", 1.7976931348623157e308),
    (pl.Boolean(), "Yes", True),
    (pl.Boolean(), "t", True),
    (pl.Boolean(), "0", False),
    (pl.Boolean(), "FALSE", False),
    (pl.Decimal(6, 2), "-1234.56", Decimal("-1234.56")),
    (pl.Decimal(6, 2), "1.5", Decimal("1.50")),
    (pl.Decimal(6, 2), "1.5000", Decimal("1.50")),
    (pl.Decimal(6, 2), ".5", Decimal("0.50")),
    (pl.Decimal(6, 0), "12.0", Decimal(12)),
    (pl.Date(), "2020-02-29", dt.date(2020, 2, 29)),
    (pl.Date(), "0001-01-01", dt.date(1, 1, 1)),
    (pl.Time(), "23:59:59", dt.time(23, 59, 59)),
    (pl.Time(), "01:02:03.5", dt.time(1, 2, 3, 500000)),
    (pl.Datetime("us"), "2020-01-05T01:02:03", local(2020, 1, 5, 1, 2, 3)),
    (pl.Datetime("us"), "2020-01-05 01:02:03", local(2020, 1, 5, 1, 2, 3)),
    (pl.Datetime("us"), "2020-01-05 01:02:03.25", local(2020, 1, 5, 1, 2, 3, 250000)),
    (pl.Datetime("ms"), "2020-01-05T01:02:03.123000", local(2020, 1, 5, 1, 2, 3, 123000)),
    (pl.Datetime("ns"), "2262-04-11T23:47:16", local(2262, 4, 11, 23, 47, 16)),
    (pl.Datetime("us", "UTC"), "2020-01-05T01:02:03Z", dt.datetime(2020, 1, 5, 1, 2, 3, tzinfo=UTC)),
    (pl.Datetime("us", "UTC"), "2020-01-05 01:02:03.5+02:00", dt.datetime(2020, 1, 4, 23, 2, 3, 500000, tzinfo=UTC)),
    (pl.Datetime("us", "UTC"), "2020-01-05T01:02:03-0130", dt.datetime(2020, 1, 5, 2, 32, 3, tzinfo=UTC)),
    (pl.Datetime("us", "Europe/Berlin"), "2020-01-05T01:02:03", dt.datetime(2020, 1, 5, 1, 2, 3, tzinfo=BERLIN)),
    (pl.Datetime("us", "Europe/Berlin"), "2020-07-05T01:02:03Z", dt.datetime(2020, 7, 5, 3, 2, 3, tzinfo=BERLIN)),
    (pl.Enum(["AA", "UA"]), "UA", "UA"),
    (pl.Categorical(), "anything", "anything"),
]

REFUSED = [
    *((pl.Int64(), text) for text in ("1.0", "1e3", "1_000", "0x10", " 1", "1 ", "1\n", "\u0661", "+", "one")),
    *((pl.Int64(), text) for text in ("9223372036854775808", "-9223372036854775809")),
    (pl.Int8(), "128"),
    (pl.UInt8(), "-1"),
    *((pl.Float64(), text) for text in ("1e999", "-1e999", "1,5", "1_0", " 1.5", "1.5 ", "0x1p3", ".", "1d")),
    (pl.Float32(), "1e39"),
    *((pl.Boolean(), text) for text in ("y", "2", " true", "on", "truee")),
    *((pl.Decimal(6, 2), text) for text in ("1.234", "12345.6", "1e2", " 1", "1.5 ", ".", "", "1,5") if text),
    (pl.Decimal(6, 2), "1.2300000000000000000000000000000000000000001"),
    *((pl.Date(), text) for text in (" 2020-01-05", "2020-01-05 ", "2020-1-5", "20-01-05", "2020/01/05")),
    *((pl.Date(), text) for text in ("+2020-01-05", "2020-01- 5", "0000-01-01", "2020-02-30", "2020-13-01")),
    *((pl.Date(), text) for text in ("2020-01-05T00:00:00", "20200105", "12020-01-05")),
    *((pl.Time(), text) for text in ("1:2:3", "24:00:00", "01:02", " 01:02:03", "23:59:60", "01:02:03.")),
    *((pl.Datetime("us"), text) for text in ("2020-01-05", "2020-01-05T24:00:00", "2020-01-05T23:59:60")),
    *((pl.Datetime("us"), text) for text in ("2020-01-05T01:02:03Z", "2020-01-05T01:02:03+02:00", "2020-1-5T1:2:3")),
    *((pl.Datetime("us"), text) for text in (" 2020-01-05T01:02:03", "2020-01-05T01:02:03.", "2020-01-05t01:02:03")),
    (pl.Datetime("us"), "2020-01-05T01:02:03.1234567"),
    (pl.Datetime("ms"), "2020-01-05T01:02:03.1234"),
    (pl.Datetime("ns"), "1500-01-01T00:00:00"),
    (pl.Datetime("ns"), "9999-01-01T00:00:00"),
    (pl.Datetime("us", "UTC"), "2020-01-05T01:02:03 Z"),
    (pl.Datetime("ns", "UTC"), "1500-01-01T00:00:00Z"),
    (pl.Datetime("us", "Europe/Berlin"), "2020-03-29T02:30:00"),  # the clocks skipped it
    (pl.Datetime("us", "Europe/Berlin"), "2020-10-25T02:30:00"),  # the clocks showed it twice
    (pl.Enum(["AA", "UA"]), "ua"),
]


@pytest.mark.parametrize(("dtype", "text", "value"), ACCEPTED, ids=str)
def test_a_text_becomes_the_value_it_says(dtype, text, value, compiled, chunk):
    split = compiled(pa.DataFrameSchema({"x": pa.Column(dtype)})).evaluate(chunk(x=[text])).split()
    assert split.accepted.schema["x"] == dtype
    assert split.accepted["x"].to_list() == [value]


@pytest.mark.parametrize(("dtype", "text"), REFUSED, ids=str)
def test_a_text_that_says_no_such_value_is_a_type_fault_and_nothing_else(dtype, text, compiled, chunk, codes):
    split = compiled(pa.DataFrameSchema({"x": pa.Column(dtype, nullable=False)})).evaluate(chunk(x=[text])).split()
    assert codes(split) == {1: ["x:type"]}
    assert split.rejected["broken"].item()[0]["value"] == text


def test_nan_is_a_float_text(compiled, chunk):
    split = compiled(pa.DataFrameSchema({"x": pa.Column(float, nullable=True)})).evaluate(chunk(x=["NaN"])).split()
    assert split.accepted["x"].is_nan().to_list() == [True]


@pytest.mark.parametrize(
    ("dtype", "date_format", "example"),
    [
        (pl.Date(), "%d/%m/%Y", ("31/01/2013", dt.date(2013, 1, 31))),
        (pl.Datetime("us"), "%d.%m.%Y %H:%M", ("31.01.2013 09:30", local(2013, 1, 31, 9, 30))),
        (
            pl.Datetime("us", "UTC"),
            "%Y%m%d %H%M %z",
            ("20130131 0930 +0200", dt.datetime(2013, 1, 31, 7, 30, tzinfo=UTC)),
        ),
        (pl.Time(), "%H%M%S", ("093015", dt.time(9, 30, 15))),
    ],
    ids=str,
)
def test_a_date_format_replaces_iso_8601(dtype, date_format, example, compiled, chunk):
    text, value = example
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype)}))
    texts = [text, f" {text}", f"{text} ", "2013-01-31T09:30:00"]
    split = contract.with_date_formats({"x": date_format}).evaluate(chunk(x=texts)).split()
    assert split.accepted["x"].to_list() == [value]
    assert split.tallies == {"x:type": 3}
    assert date_format in split.rejected["broken"][0][0]["allowed"]


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (pl.Int8(), "a whole number from -128 to 127"),
        (pl.UInt16(), "a whole number from 0 to 65535"),
        (pl.Float32(), "a number from -3.4028235e38 to 3.4028235e38, inf or nan"),
        (pl.Decimal(6, 2), "a number with at most 6 digits, 2 of them after the point"),
        (pl.Date(), "a date like 2013-01-31"),
        (pl.Datetime("us", "UTC"), "a timestamp like 2013-01-31T09:30:00Z, or without an offset in UTC time"),
        (pl.Enum(["UA", "AA"]), "one of UA, AA"),
    ],
    ids=str,
)
def test_a_type_rule_says_what_is_allowed(dtype, words, compiled):
    assert compiled(pa.DataFrameSchema({"x": pa.Column(dtype)})).rules["x:type"].allowed == words


NAIVE, IN_BERLIN = pl.Datetime("us"), pl.Datetime("us", "Europe/Berlin")
NUMBER = ", with a decimal point and no thousands separators; else declare str and convert it in the transform"
NO_OFFSET = ", without Z or an offset from UTC; "
AS_UTC = "declare pl.Datetime('us', 'UTC'), or another time zone, to read it"
DIGITS = ", with at most 6 decimals of a second; declare pl.Datetime('ns') for 9"
POINT = ", with a point before the decimals of a second; else declare a date format"
OR_NAIVE = "deliver it with its offset from UTC, or declare pl.Datetime without a time zone"
TWICE = f", not in an hour that the clocks of Europe/Berlin show twice; {OR_NAIVE}"
SKIPPED = f", not in an hour that the clocks of Europe/Berlin skip; {OR_NAIVE}"
REASONS = [
    (pl.Decimal(6, 2), None, {"1,5": NUMBER, "1.234,50": NUMBER, "1,234.50": NUMBER, "1;5": "", "1.234": ""}),
    (pl.Int8(), None, {"1,5": NUMBER, "1,000": NUMBER, "1.0": "", ",": ""}),
    (pl.Time(), None, {"10:00:00,5": POINT, "10:00:00.1234567891": ", with at most 9 decimals of a second"}),
    (NAIVE, None, {"2024-01-01T10:00:00Z": NO_OFFSET + AS_UTC, "2024-01-01 10:00:00.1234567+0200": NO_OFFSET + AS_UTC}),
    (NAIVE, None, {"2024-01-01 10:00:00.1234567": DIGITS, "2024-01-01T10:00:00,5": POINT, "2024-01-01": ""}),
    (pl.Datetime("ms"), None, {"2024-01-01 10:00:00.1234": DIGITS.replace("6", "3")}),
    (pl.Datetime("us", "UTC"), None, {"2024-01-01 10:00:00.1234567Z": DIGITS.replace("'ns'", "'ns', 'UTC'")}),
    (
        pl.Datetime("ns"),
        None,
        {
            "9999-12-31 00:00:00": ", from 1677-09-21 to 2262-04-11; declare pl.Datetime('us') for others",
            "2024-01-01 10:00:00.1234567891": ", with at most 9 decimals of a second",
        },
    ),
    (IN_BERLIN, None, {"2024-10-27 02:30:00": TWICE, "2024-03-31 02:30:00": SKIPPED, "2024-02-30 02:30:00": ""}),
    (IN_BERLIN, "%d.%m.%Y %H:%M", {"31.03.2024 02:30": SKIPPED, "31.03.2024 02:30Z": f"{NO_OFFSET}write %z for it"}),
    (NAIVE, "%d.%m.%Y %H:%M", {"31.03.2024 02:30Z": f"{NO_OFFSET}{AS_UTC} by %z", "31.03.2024": ""}),
    (NAIVE, "%d.%m.%Y %H:%M:%S%.f", {"31.03.2024 02:30:00.1234567": DIGITS, "31.02.2024 02:30:00.123": ""}),
    (pl.Date(), "%d.%m.%Y", {"31.12.24": ", its year with four digits; %y reads two", "31.12.": ""}),
    (pl.Date(), "%d.%m.%Y %H:%M", {"1.1.2024 13:45": ", its time at midnight; declare pl.Datetime to keep another"}),
]


@pytest.mark.parametrize(("dtype", "date_format", "texts"), REASONS, ids=str)
def test_a_known_reason_says_what_to_declare(dtype, date_format, texts, compiled, chunk):
    formats = {} if date_format is None else {"x": date_format}
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype)})).with_date_formats(formats)
    split = contract.evaluate(chunk(x=["?", *texts])).split()
    general, *found = (broken[0]["allowed"] for broken in split.rejected["broken"])
    assert found == [general + words for words in texts.values()]
