"""A date format accepts what its author wrote, and a format that cannot be read exactly is refused with advice."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
import pytest

from filegate.contract import UnsupportedFormat
from filegate.contract.date_formats import date_format

DATE, TIME, LOCAL = pl.Date(), pl.Time(), pl.Datetime("us")
UTC, BERLIN = pl.Datetime("us", "UTC"), pl.Datetime("us", "Europe/Berlin")


def moment(*parts: Any, zone: str | None = None) -> dt.datetime:
    local: dt.datetime = dt.datetime(*parts)  # noqa: DTZ001
    return local if zone is None else local.replace(tzinfo=ZoneInfo(zone))


READ = [
    (DATE, "%d.%m.%Y", "31.12.2024", dt.date(2024, 12, 31)),
    (DATE, "%d.%m.%Y", "1.5.2024", dt.date(2024, 5, 1)),
    (DATE, "%d.%m.%y", "01.05.24", dt.date(2024, 5, 1)),
    (DATE, "%d.%m.%y", "1.5.68", dt.date(2068, 5, 1)),
    (DATE, "%d.%m.%y", "01.05.69", dt.date(1969, 5, 1)),
    (DATE, "%y%m%d", "690501", dt.date(1969, 5, 1)),
    (DATE, "%d-%b-%Y", "01-JAN-2024", dt.date(2024, 1, 1)),
    (DATE, "%a, %d %B %Y", "Mon, 01 January 2024", dt.date(2024, 1, 1)),
    (DATE, "%b %e %Y", "Jan  1 2024", dt.date(2024, 1, 1)),
    (DATE, "%Y-%j", "2024-366", dt.date(2024, 12, 31)),
    (DATE, "%G-W%V-%u", "2024-W01-1", dt.date(2024, 1, 1)),
    (DATE, "%G-W%V-%u", "9999-W52-5", dt.date(9999, 12, 31)),
    (DATE, "%Y-%m", "2024-5", dt.date(2024, 5, 1)),
    (DATE, "%F", "2024-05-01", dt.date(2024, 5, 1)),
    (DATE, "%D", "05/01/24", dt.date(2024, 5, 1)),
    (DATE, "%Y-%m-%d %H:%M:%S", "2024-01-02 00:00:00", dt.date(2024, 1, 2)),
    (DATE, "%Y-%m-%d %H:%M:%S.%f", "2024-01-02 00:00:00.000000000", dt.date(2024, 1, 2)),
    (DATE, "%m/%d/%Y %I:%M:%S %p", "5/1/2024 12:00:00 AM", dt.date(2024, 5, 1)),
    (DATE, "%s", "1704067200", dt.date(2024, 1, 1)),
    (TIME, "%H%M", "0930", dt.time(9, 30)),
    (TIME, "%H:%M", "9:30", dt.time(9, 30)),
    (TIME, "%I:%M %p", "9:30 pm", dt.time(21, 30)),
    (TIME, "%H", "9", dt.time(9)),
    (TIME, "%T.%f", "09:30:00.25", dt.time(9, 30, 0, 250000)),
    (LOCAL, "%d.%m.%Y", "01.05.2024", moment(2024, 5, 1)),
    (LOCAL, "%Y%m%d%H", "2024050109", moment(2024, 5, 1, 9)),
    (LOCAL, "%Y-%m-%d %H:%M:%S%.f", "2024-01-01 10:00:00", moment(2024, 1, 1, 10)),
    (LOCAL, "%Y-%m-%d %H:%M:%S%.f", "2024-01-01 10:00:00.5", moment(2024, 1, 1, 10, 0, 0, 500000)),
    (LOCAL, "%Y-%m-%d %H:%M:%S.%f", "2024-01-01 10:00:00.5", moment(2024, 1, 1, 10, 0, 0, 500000)),
    (LOCAL, "%Y-%m-%d %H:%M:%S,%3f", "2024-01-01 10:00:00,123", moment(2024, 1, 1, 10, 0, 0, 123000)),
    (LOCAL, "%Y%m%d%H%M%S%9f", "20240101100000123456000", moment(2024, 1, 1, 10, 0, 0, 123456)),
    (LOCAL, "100%% on %d.%m.%Y", "100% on 01.05.2024", moment(2024, 5, 1)),
    (LOCAL, "%Y-%m-%dT%H:%M:%SZ", "2024-05-01T09:30:00Z", moment(2024, 5, 1, 9, 30)),
    (LOCAL, "%s", "1714555800", moment(2024, 5, 1, 9, 30)),
    (UTC, "%Y-%m-%dT%H:%M:%SZ", "2024-05-01T09:30:00Z", moment(2024, 5, 1, 9, 30, zone="UTC")),
    (BERLIN, "%Y-%m-%d %H:%M", "2024-05-01 09:30", moment(2024, 5, 1, 9, 30, zone="Europe/Berlin")),
    (BERLIN, "%Y-%m-%d %H:%M%z", "2024-05-01 09:30Z", moment(2024, 5, 1, 11, 30, zone="Europe/Berlin")),
    (BERLIN, "%Y-%m-%d %H:%M %z", "2024-10-27 02:30 +02:00", moment(2024, 10, 27, 2, 30, zone="Europe/Berlin")),
    (BERLIN, "%s", "1714555800", moment(2024, 5, 1, 11, 30, zone="Europe/Berlin")),
]

REJECTED = [
    *((DATE, "%d.%m.%Y", text) for text in ("01.05.24", "1.5.24", "01.05.12024", "01.05.+2024", "01.05.-2024")),
    *((DATE, "%d.%m.%Y", text) for text in ("01.05.0000", "001.05.2024", " 1.05.2024", "1. 5.2024", "01.05.2024\n")),
    *((DATE, "%d.%m.%Y", text) for text in ("31.02.2024", "00.05.2024", "01.13.2024", "01.05.2024 ", "01.05.2024Z")),
    *((DATE, "%d%m%Y", text) for text in ("1112024", "152024", "010524")),
    *((DATE, "%d.%m.%y", text) for text in ("01.05.1924", "01.05.4", "29.02.23")),
    *((DATE, "%d %b %Y", text) for text in ("01  Jan 2024", "01Jan 2024", "01\tJan 2024", "01 January 2024")),
    *((DATE, "%d %B %Y", text) for text in ("01 Jan 2024", "01 Januar 2024")),
    *((DATE, "%a %d %b %Y", text) for text in ("Tue 01 Jan 2024", "Monday 01 Jan 2024")),
    *((DATE, "%Y-%j", text) for text in ("2024-1", "2024-000", "2023-366", "2024-367")),
    *((DATE, "%G-W%V-%u", text) for text in ("9999-W52-6", "2024-W53-1", "2024-W00-1", "2024-W1-1", "2024-W01-0")),
    *((DATE, "%Y-%m-%d %H:%M", text) for text in ("2024-01-02 13:45", "2024-01-02 24:00", "2024-01-02")),
    (DATE, "%Y-%m-%d %H:%M:%S.%f", "2024-01-02 00:00:00.0000001"),
    (DATE, "%s", "1704067201"),
    *((TIME, "%H:%M:%S", text) for text in ("23:59:60", "24:00:00", "9:5:3", "10:00:00 ", "10:00:00.5")),
    *((TIME, "%I:%M %p", text) for text in ("13:00 PM", "00:30 AM", "10:00")),
    *((LOCAL, "%Y-%m-%d %H:%M:%S", text) for text in ("2024-01-01 23:59:60", "2024-01-01  10:00:00")),
    *((LOCAL, "%Y-%m-%d %H:%M:%S", text) for text in ("2024-01-0110:00:00", "2024-01-01T10:00:00")),
    *((LOCAL, f"%Y-%m-%d %H:%M:%S{each}", "2024-01-01 10:00:00.1234567") for each in ("%.f", ".%f")),
    *((LOCAL, f"%Y-%m-%d %H:%M:%S{each}", "2024-01-01 10:00:00.") for each in ("%.f", ".%f")),
    (LOCAL, "%Y-%m-%d %H:%M:%S%.9f", "2024-01-01 10:00:00.123456789"),
    (LOCAL, "%Y-%m-%d %H:%M:%S%.3f", "2024-01-01 10:00:00.1234"),
    (pl.Datetime("ms"), "%Y-%m-%d %H:%M:%S%.f", "2024-01-01 10:00:00.1234"),
    (pl.Datetime("ns"), "%d.%m.%Y", "31.12.9999"),
    *((LOCAL, "%s", text) for text in ("1714567890123", "-5", "+5", " 5", "1714567890.5")),
    *((BERLIN, "%Y-%m-%d %H:%M", text) for text in ("2024-03-31 02:30", "2024-10-27 02:30", "2024-05-01 09:30Z")),
    *((UTC, "%Y-%m-%d %H:%M%z", text) for text in ("2024-05-01 09:30", "2024-05-01 09:30 Z", "2024-05-01 09:30+2")),
    *((UTC, "%Y-%m-%d %H:%M%z", text) for text in ("2024-05-01 09:30+02 00", "2024-05-01 09:30+2500")),
]

REFUSED = [
    (
        LOCAL,
        "%Y-%m-%dT%H:%M:%S%z",
        "pl.Datetime without a time zone cannot hold an offset",
        r"pl\.Datetime\('us', 'UTC'\)",
    ),
    (DATE, "%Y-%m-%d%z", "pl.Date cannot hold an offset", "Datetime"),
    (TIME, "%H:%M%z", "pl.Time cannot hold an offset", "Datetime"),
    (TIME, "%d.%m.%Y %H:%M", "has a date, which pl.Time cannot hold", "Datetime"),
    (BERLIN, "%Y-%m-%dT%H:%M:%SZ", "has Z as a mere word", "%z"),
    (BERLIN, "%Y-%m-%d %H:%M UTC", "has UTC as a mere word", "time zone"),
    (UTC, "%Y-%m-%d %H:%M+02:00", r"has \+02:00 as a mere word", "%z"),
    *((LOCAL, text, "does not say one date", "%d.%m.%Y") for text in ("%H:%M", "%Y", "%d.%m. %H:%M", "%a %Y-%m", "")),
    *((LOCAL, f"%Y-%m-%d {text}", "does not say one time of day", "%H:%M") for text in ("%M", "%H %S", "%M:%S")),
    *((LOCAL, f"%Y-%m-%d {text}", "has %I or %p", "Write both") for text in ("%I:%M", "%H:%M %p", "%p")),
    (LOCAL, "%Y-%m-%d %H:%M.%f", "does not say one time of day", ""),
    (LOCAL, "%s %H:%M", "does not say one time of day", ""),
    (DATE, "%d.%m.%y %Y", "says the year twice, as %y and %Y", "one of them"),
    *((DATE, f"{text} %Y-%m-%d", f"has {text}, which cannot be read exactly", "") for text in ("%c", "%U", "%C", "%E")),
    *((DATE, text, "cannot be read exactly", "%d") for text in ("%-d.%m.%Y", "%_d.%m.%Y", "%0d.%m.%Y")),
    (LOCAL, "%Y-%m-%d %H:%M %Z", "has %Z", "%z for an offset"),
    (LOCAL, "%Y-%m-%d %H:%M:%S,%f", "has %f", "%3f"),
    (LOCAL, "%Y-%m-%d %H:%M:%S%5f", "has %5f", ""),
    (UTC, "%+", r"has %\+", "no format at all"),
    (DATE, "%Y-%m-%d 100%", "has %,", "%% for a percent sign"),
]


@pytest.mark.parametrize(("dtype", "text", "example"), [(*case[:2], case[2:]) for case in READ], ids=str)
def test_a_format_reads_what_is_written_by_it(dtype, text, example, compiled, chunk):
    string, value = example
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype)})).with_date_formats({"x": text})
    accepted = contract.evaluate(chunk(x=[string])).split().accepted
    assert accepted["x"].to_list() == [value]
    assert accepted.schema["x"] == dtype


@pytest.mark.parametrize(("dtype", "text", "string"), REJECTED, ids=str)
def test_a_format_reads_nothing_else(dtype, text, string, compiled, chunk):
    contract = compiled(pa.DataFrameSchema({"x": pa.Column(dtype)})).with_date_formats({"x": text})
    assert contract.evaluate(chunk(x=[string])).split().tallies == {"x:type": 1}


@pytest.mark.parametrize(("dtype", "text", "problem", "advice"), REFUSED, ids=str)
def test_a_format_that_cannot_be_read_exactly_is_refused(dtype, text, problem, advice):
    with pytest.raises(UnsupportedFormat, match=problem) as refused:
        date_format(text, dtype)
    assert refused.match(advice)


def test_nanoseconds_are_kept(compiled, chunk):
    schema = pa.DataFrameSchema({"x": pa.Column(pl.Datetime("ns")), "t": pa.Column(pl.Time)})
    contract = compiled(schema).with_date_formats({"x": "%Y-%m-%d %H:%M:%S.%f", "t": "%H%M%S%9f"})
    accepted = contract.evaluate(chunk(x=["1970-01-01 00:00:00.123456789"], t=["000000123456789"])).split().accepted
    assert accepted.select(pl.col("x", "t").to_physical()).rows() == [(123456789, 123456789)]
