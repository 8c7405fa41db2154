"""Laws of date formats, on generated formats and strings; Python's strptime is the reference."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from filegate.contract import Contract, compile_contract
from filegate.formats.records import ROW

DATES = ["%Y{}%m{}%d", "%d{}%m{}%Y", "%m{}%d{}%y", "%d{}%b{}%Y", "%B{}%d{}%Y", "%y{}%j", "%Y{}%m", "%G{}W%V{}%u"]
WEEKDAYS = ["", "%a, ", "%A "]
TIMES = ["%H{}%M{}%S", "%H{}%M{}%S.%f", "%I{}%M{}%S %p", "%H{}%M", "%I{}%M%p", "%H"]
BETWEEN = st.sampled_from(["", "-", ".", "/", " ", "  ", "_", "%%", "T", "o'clock ", "Ä"])
TYPES = {
    "date": pl.Date(),
    "time": pl.Time(),
    "timestamp": pl.Datetime("us"),
    "instant": pl.Datetime("us", "UTC"),
}


def moment(*parts: Any) -> dt.datetime:
    return dt.datetime(*parts)  # noqa: DTZ001


YEARS = st.integers(1000, 9999) | st.integers(1969, 2068)
MOMENTS = st.builds(
    lambda year, time: time.replace(year=year),
    YEARS,
    st.datetimes(moment(2023, 1, 1), moment(2024, 1, 1)),
)
OFFSETS = st.sampled_from(["+0000", "+02:00", "-0930", "Z", "+14:00"])
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace"]), st.integers(0, 40), st.sampled_from("0123456789 +-:.TZap")
    ),
    max_size=2,
)


@st.composite
def formats(draw: st.DrawFn, kind: str) -> str:
    date, time = draw(st.sampled_from(DATES)), draw(st.sampled_from(TIMES))
    if "%d" in date:
        date = draw(st.sampled_from(WEEKDAYS)) + date
    if kind == "time":
        text = time
    elif kind == "date":
        text = draw(st.sampled_from([date, f"{date} {time}"]))
    else:
        text = f"{date} {time}" + ("%z" if kind == "instant" else "")
    return re.sub(r"\{}", lambda _: draw(BETWEEN), text)


def edited(text: str, edits: list[tuple[str, int, str]]) -> str:
    for edit, number, character in edits:
        place = number % (len(text) + 1)
        after = text[place:] if edit == "insert" else text[place + 1 :]
        text = text[:place] + ("" if edit == "delete" else character) + after
    return text


def contract(kind: str, date_format: str) -> Contract:
    schema = pa.DataFrameSchema({"x": pa.Column(TYPES[kind], nullable=True)})
    return compile_contract(schema, dataset="d").with_date_formats({"x": date_format})


def read(contract: Contract, text: str) -> Any:
    """The value; None if the string is rejected."""
    chunk = pl.DataFrame({ROW: [1], "x": [text]}, schema={ROW: pl.Int64, "x": pl.String})
    accepted = contract.evaluate(chunk).split().accepted
    return accepted["x"].item() if accepted.height else None


def as_python(kind: str, text: str, date_format: str) -> Any:
    """What Python reads, which knows microseconds only; None if that is nothing that the type holds."""
    text = re.sub(r"(\.\d{6})\d{1,3}" if kind == "time" else r"(\.\d{6})0+", r"\1", text)
    try:
        value = dt.datetime.strptime(text, date_format)  # noqa: DTZ007
    except ValueError:
        return None
    if kind == "date":
        return value.date() if value.time() == dt.time() else None
    if kind == "time":
        return value.time()
    return value.astimezone(dt.UTC) if kind == "instant" else value


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str, str]:
    """A kind, a format, and how Python writes some moment by it."""
    kind = draw(st.sampled_from(sorted(TYPES)))
    date_format = draw(formats(kind))
    moment = draw(MOMENTS)
    if kind == "date":
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return kind, date_format, moment.strftime(date_format.replace("%z", draw(OFFSETS)))


@settings(max_examples=600)
@given(written())
def test_what_python_writes_by_a_format_is_read_as_python_reads_it(case):
    kind, date_format, text = case
    value = as_python(kind, text, date_format)
    event(f"{kind}: {value is not None}")
    assume(value is not None)
    written_as = dt.datetime.strptime(text, date_format)  # noqa: DTZ007
    assume(written_as.strftime(date_format)[:3] == text[:3])  # the weekday may be another century's
    assert read(contract(kind, date_format), text) == value


@settings(max_examples=1500)
@given(written(), EDITS)
@example(("date", "%d.%m.%Y", "01.05.24"), [])
@example(("date", "%d.%m.%y", "01.05.69"), [])
@example(("date", "%d%m%Y", "1112024"), [])
@example(("timestamp", "%Y-%m-%d %H:%M:%S", "2024-01-01 23:59:60"), [])
@example(("timestamp", "%Y-%m-%d %H:%M:%S", "2024-01-01  10:00:00"), [])
@example(("date", "%Y-%m-%d %H:%M", "2024-01-01 13:45"), [])
def test_a_string_is_rejected_or_read_as_python_reads_it(case, edits):
    kind, date_format, text = case
    text = edited(text, edits)
    value = read(contract(kind, date_format), text)
    event(f"{kind}: {value is not None}")
    assert value is None or value == as_python(kind, text, date_format)
