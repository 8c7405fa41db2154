"""Laws of other readers: what Python's csv and json modules also call well-formed is read with their values."""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from filegate.contract import compile_contract
from filegate.errors import PermanentError
from filegate.formats import ExpectedColumn
from filegate.formats.json import reader as json_reader
from filegate.formats.records import Scalar
from filegate.formats.sources import Csv, Json
from tests.property.test_formats_csv import one_by_one
from tests.reference_readers import assert_read_as_csv, assert_read_as_json, csv_rows, json_records
from tests.unit.formats.csv_oracle import header
from tests.unit.formats.support import Outcome, read_all

NAMES = ["a", "b", "c"]
DIALECTS = st.builds(
    Csv,
    delimiter=st.sampled_from([",", ",", ";", "\t", " ", "|"]),
    quote=st.sampled_from(['"', '"', "'", None]),
    escape=st.sampled_from([None, None, "\\"]),
    trailing_delimiter=st.booleans(),
    encoding=st.just("utf-8"),
)
PIECES = ["", "x", "x y", "5", " ", "é", "\0", "\ufeff", "\\", "\\N", "x\\", "\x1a", "\u2028", "\x85", "\x0b"]
TEXT = st.lists(st.sampled_from([*PIECES, '"', "'", ",", ";", "\t", "\n", "\r\n", "\r"]), max_size=4).map("".join)
LINE_END = st.sampled_from(["\n", "\r\n", "\r"])


def written(table, source: Csv, end: str, quoting) -> bytes:
    """The table as the csv module writes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=source.delimiter,
        quotechar=source.quote,
        escapechar=source.escape,
        quoting=quoting if source.quote else csv.QUOTE_NONE,
        lineterminator=source.delimiter * source.trailing_delimiter + end,
    )
    writer.writerows(table)
    return text.getvalue().encode()


def csv_ways(text: bytes, columns: list[str], source: Csv) -> list[Outcome]:
    """However it is read: by polars, by the grammar, and in chunks."""
    ways = [read_all(text, columns, source), read_all(text, columns, source, chunk_bytes=20)]
    with one_by_one():
        return [*ways, read_all(text, columns, source)]


@settings(max_examples=200)
@given(st.data(), DIALECTS, st.integers(1, 3), LINE_END, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_the_csv_module_writes_is_read_as_the_csv_module_reads_it(data, source, columns, end, quoting):
    table = data.draw(st.lists(st.lists(TEXT, min_size=columns, max_size=columns), min_size=1, max_size=5))
    try:
        body = written(table, source, end, quoting)
    except csv.Error:  # nothing in the dialect makes the delimiter an ordinary character
        assume(False)
    rows = csv_rows(body, source, columns)
    for outcome in csv_ways(header(source, NAMES[:columns]) + body, NAMES[:columns], source):
        event(f"both call it well-formed: {rows is not None and not outcome.malformed}")
        assert_read_as_csv(outcome, body, source, columns)


FIELD = st.sampled_from([b"x", b'"', b'""', b'"x"', b"'", b" ", b"5", b"\\", "é".encode(), b"\r", b"\n", b"\r\n"])


@settings(max_examples=200)
@given(st.lists(FIELD | st.sampled_from([b",", b";", b"\t"]), max_size=30).map(b"".join), DIALECTS, st.integers(1, 3))
@example(b'a,"b""c",d\r\n', Csv(encoding="utf-8"), 3)
@example(b'5" pipe,x\n', Csv(encoding="utf-8"), 2)
@example(b"x\\\ny,z\n", Csv(encoding="utf-8", escape="\\"), 2)
def test_any_text_is_read_as_the_csv_module_reads_it(body, source, columns):
    try:
        ways = csv_ways(header(source, NAMES[:columns]) + body, NAMES[:columns], source)
    except PermanentError:
        return
    for outcome in ways:
        assert_read_as_csv(outcome, body, source, columns)


CONVERTED: dict[pl.DataType, Callable[[str], Any]] = {
    pl.Int64(): int,
    pl.Float64(): float,
    pl.Decimal(12, 3): Decimal,
    pl.Date(): dt.date.fromisoformat,
    pl.String(): str,
}
WRITTEN = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-(10**8), 10**8, places=3).map("{:f}".format),
    st.dates(dt.date(1, 1, 1)).map(str),
    st.sampled_from(["", "0", "-0", "007", "+1", "1e3", "1E-3", "0.1", ".5", "5.", "1_000", " 1", "1 ", "1,5", "x"]),
)


@settings(max_examples=150)
@given(st.data())
def test_typed_values_are_those_that_python_converts(data):
    """An accepted value is what Python makes of the same characters; Python may make something of more."""
    types = data.draw(st.lists(st.sampled_from(list(CONVERTED)), min_size=2, max_size=4), label="types")
    names = [f"c{place}" for place in range(len(types))]
    table = data.draw(st.lists(st.lists(WRITTEN, min_size=len(types), max_size=len(types)), min_size=1, max_size=8))
    body = written(table, UTF8, "\n", csv.QUOTE_MINIMAL)
    columns = [ExpectedColumn(name, dtype=dtype) for name, dtype in zip(names, types, strict=True)]
    records = read_all(header(UTF8, names) + body, columns, UTF8).records[0]
    schema = {name: pa.Column(dtype, nullable=True) for name, dtype in zip(names, types, strict=True)}
    contract = compile_contract(pa.DataFrameSchema(schema), dataset="d")
    evaluated = contract.evaluate(records.frame, strings=records.strings)
    rows = csv_rows(body, UTF8, len(names))
    assert rows is not None
    event(f"accepted: {evaluated.split().accepted.height > 0}")
    for number, *values in evaluated.split().accepted.rows():
        for dtype, value, string in zip(types, values, rows[number - 1], strict=True):
            expected = None if string is None else CONVERTED[dtype](string)
            assert value == expected, (dtype, string)


UTF8 = Csv(encoding="utf-8")

NUMBER = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
STRING = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["null", "1", "\u2028", "\x7f", "\\", '"'])
SCALAR = st.none() | st.booleans() | NUMBER.map(lambda number: f"\0{number}\0") | STRING
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRING, inner, max_size=3), max_leaves=4
)
RECORD = st.dictionaries(st.sampled_from(NAMES), VALUE, min_size=1)
SCALARS: list[Scalar] = ["text", "number", "boolean", "temporal"]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """JSON whose numbers are written in any way, and whose characters are escaped or not."""
    value = draw(RECORD)
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    )
    return text.replace('"\\u0000', "").replace('\\u0000"', "")


MESS = st.sampled_from(
    [
        *(
            '{"a":1}',
            '{"a": "x", "b": [1.50]}',
            "{}",
            "[1]",
            "1",
            "null",
            "NaN",
            '{"a":NaN}',
            '{"a":1,"a":2}',
            "x",
        ),
        *(r'{"a":"\ud800"}', r'{"a":"\ud83d\ude00"}', '{"a":"\t"}', '{"a":01}', '{"a":1.}', '{"a":-}', '{"a":1}}', "{"),
        *('{"a":1e400}', '{"a":-0}', '{"a":1} {"a":2}', "\ufeff{}", '{"a":true,}', "{'a':1}", '{"a":"\x7f"}', "[" * 90),
        *('{"a":Infinity}', '{"\\u0061":1}', '{"a":1,"\\u0061":2}', '{"a":' + "[" * 101 + "]" * 101 + "}"),
    ]
)


@settings(max_examples=200)
@given(st.lists(documents() | MESS, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_json_is_read_as_the_json_module_reads_it(lines, end, data):
    columns = [
        ExpectedColumn(
            name, required=False, scalar=data.draw(st.sampled_from(SCALARS)), coerce=data.draw(st.booleans())
        )
        for name in NAMES
    ]
    as_lines, as_array = end.join(lines).encode(), f"[{','.join(lines)}]".encode()
    for text in (as_lines, as_array):
        for chunk_bytes, plain in ((8 << 20, True), (8 << 20, False), (20, True)):
            with pytest.MonkeyPatch.context() as patch:
                if not plain:
                    patch.setattr(json_reader, "plain_lines", lambda *_: iter(()))
                try:
                    outcome = read_all(
                        text, columns, Json(encoding="utf-8"), chunk_bytes=chunk_bytes, on_unknown_columns="ignore"
                    )
                except PermanentError:
                    event("refused")
                    continue
            records = json_records(text, outcome.layout.format)
            event(f"compared: {records is not None}")
            if records is not None:
                assert_read_as_json(outcome, records, NAMES)
