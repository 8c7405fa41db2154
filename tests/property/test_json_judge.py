"""Python's `json` is the oracle: what it calls well-formed is read as it reads it, the rest is malformed.

Where RFC 8259 leaves a choice, the reader is stricter. It refuses what the RFC warns of: repeated keys and half
surrogate pairs; what is no data: values nested over a hundred times; and what Python alone accepts: NaN and Infinity.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, NoReturn

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filegate.contract.compiler import compile_contract
from filegate.formats import ROW, ExpectedColumn
from filegate.formats.json import reader as json_reader
from filegate.formats.sources import Json
from tests.unit.formats.support import Outcome, read_all

COLUMNS = ["a", "b"]
UTF8 = Json(encoding="utf-8")
MAX_DEPTH = 100

NUMBER = st.from_regex(r"\A-?[0-9]{1,25}(\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?\Z") | st.sampled_from(
    [
        *(
            "-0",
            "-0.0",
            "0e0",
            "1.0",
            "1e400",
            "-1E-400",
            "1e+308",
            "00",
            "01",
            "1.",
            ".5",
            "+1",
            "0x1",
            "1_0",
            "1e",
            "-",
        ),
        *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 400, "0." + "1" * 400, "\u0661"),
        *("NaN", "Infinity", "-Infinity", "nan", "True", "None", "tru", "nulll"),
    ]
)
HEX = st.sampled_from("dD").flatmap(lambda d: st.from_regex(rf"\A\\u({d}[89abAB][0-9a-f]{{2}}|[0-9a-fA-F]{{4}})\Z"))
CHARACTERS = st.characters(codec="utf-8") | st.sampled_from('"\\\0\t\x1e\x1f\x7f\x85\u2028\ufeff\ufffd\U0010ffff')
PIECE = CHARACTERS | HEX | st.sampled_from([r"\"", r"\\", r"\/", r"\b", r"\n", r"\u00e9", r"\u12", r"\x", r"\'", "é"])
STRING = st.lists(PIECE, max_size=5).map(lambda pieces: f'"{"".join(pieces)}"') | st.text(max_size=5).map(json.dumps)
SCALAR = st.sampled_from(["null", "true", "false"]) | NUMBER | STRING
KEY = st.sampled_from(['"a"', '"a"', '"b"', '"b"', '"c"', r'"\u0061"', '"A"', '""', "a", '"a'])
SPACE = st.sampled_from(["", "", "", " ", "\t", " \t", "\x0b", "\xa0"])


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]") | _object(inner)


def _object(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(SPACE, KEY, SPACE, values, SPACE).map("{0[0]}{0[1]}{0[2]}:{0[3]}{0[4]}".format)
    return st.lists(member, max_size=4).map(lambda members: f"{{{','.join(members)}}}")


VALUE = st.recursive(SCALAR, _nested, max_leaves=4)
LINE = st.one_of(_object(VALUE), _object(SCALAR), VALUE).map(lambda line: re.sub("[\r\n]", " ", line).encode())
FAULT = st.sampled_from(
    [b"", b",", b"}", b"]", b'"', b"\\", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b" ", b"{}"]
)


@st.composite
def texts(draw: st.DrawFn) -> list[bytes]:
    """Lines, some of them with a fault."""
    lines = draw(st.lists(LINE, min_size=1, max_size=8))
    for place in draw(st.sets(st.integers(0, len(lines) - 1), max_size=2)):
        line = lines[place]
        start = draw(st.integers(0, len(line)))
        lines[place] = line[:start] + draw(FAULT) + line[start + draw(st.integers(0, 2)) :]
    return [b'{"a": 1}', *(line for line in lines if line.strip(b" \t"))]


@settings(max_examples=100)
@given(texts(), st.integers(1, 60))
@example([b'{"a": 1}', b'{"a": ' + b"[" * 101 + b"]" * 101 + b"}", b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}"], 60)
@example([b'{"a": 1}', b'{"a": "\\ud800", "b": "\\udc00\\ud800"}', b'{"a": "\\ud83d\\ude00"}'], 60)
def test_every_line_is_read_as_python_reads_it(lines: list[bytes], chunk_bytes: int) -> None:
    found = read_all(b"\n".join(lines), COLUMNS, UTF8, chunk_bytes=chunk_bytes, on_unknown_columns="rescue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reader, "plain_lines", lambda *_: iter(()))
        one_by_one = read_all(b"\n".join(lines), COLUMNS, UTF8, on_unknown_columns="rescue")
    for result in (found, one_by_one):
        assert_read_as_judged(result, [by_python(line) for line in lines])


@settings(max_examples=100)
@given(texts(), st.integers(1, 60), st.sampled_from([b"", b" ", b"\n"]))
def test_every_element_is_read_as_python_reads_it(lines: list[bytes], chunk_bytes: int, blank: bytes) -> None:
    elements = [line for line in lines if is_json(line)]
    array = read_all(
        b"[" + (blank + b"," + blank).join(elements) + b"]",
        *(COLUMNS, UTF8),
        chunk_bytes=chunk_bytes,
        on_unknown_columns="rescue",
    )
    assert_read_as_judged(array, [by_python(element) for element in elements])
    objects = [element for element in elements if element.rstrip(b" \t").endswith(b"}")]
    text = b'{\n"a": 1}' + (blank or b"").join(objects)
    concatenated = read_all(text, COLUMNS, UTF8, chunk_bytes=chunk_bytes, on_unknown_columns="rescue")
    assert_read_as_judged(concatenated, [{"a": 1}, *map(by_python, objects)])


TYPES: dict[str, Any] = {"i": int, "f": float, "b": bool, "d": pl.Decimal(20, 3), "s": str}
TYPED = compile_contract(
    pa.DataFrameSchema({key: pa.Column(of, nullable=True) for key, of in TYPES.items()}), dataset="t"
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([*TYPES]), SCALAR), min_size=1, max_size=12))
def test_a_published_value_is_the_one_that_python_reads(cells: list[tuple[str, str]]) -> None:
    lines = [f'{{"{key}": {value}}}'.replace("\n", "").replace("\r", "").encode() for key, value in cells]
    scalars = {"i": "number", "f": "number", "b": "boolean", "d": "number", "s": "text"}
    columns = [ExpectedColumn(key, False, scalars[key], False) for key in TYPES]  # type: ignore[arg-type]
    [records] = read_all(b"\n".join([b'{"i": 1}', *lines]), columns, UTF8).records
    evaluation = TYPED.evaluate(records.frame, strings=records.strings)
    split = evaluation.split(records.broken, None)
    published = {row[ROW]: row for row in split.accepted.to_dicts()}
    for row, (line, (key, written)) in enumerate(zip(lines, cells, strict=True), 2):
        record = by_python(line, TYPES)
        fits = record is not None and fitting(key, written, record[key])
        assert (row in published) == (fits is not False), line
        if row in published:
            assert [published[row][key]] == fits


def fitting(key: str, written: str, value: Any) -> list[Any] | Literal[False]:
    """The value in the column's type, alone in a list; False if that does not hold it exactly."""
    if value is None:
        return [None]
    if isinstance(value, bool) or key == "b":
        return isinstance(value, bool) and key == "b" and [value]
    if isinstance(value, str) or key == "s":
        return isinstance(value, str) and key == "s" and [value]
    if key == "f":
        return math.isfinite(float(written)) and [float(written)]
    if key == "i":
        return isinstance(value, int) and -(2**63) <= value < 2**63 and [value]
    exponent, fraction = "e" in written.lower(), written.partition(".")[2].rstrip("0")
    return not exponent and len(fraction) <= 3 and abs(value) < 10**17 and [value]  # digits, as in every format


def assert_read_as_judged(result: Outcome, records: list[dict[str, Any] | None]) -> None:
    read = {row[ROW]: row for row in result.frame.to_dicts()}
    assert sorted(read) == [number for number, record in enumerate(records, 1) if record is not None]
    broken = {row for row, _ in result.broken}
    for number, row in read.items():
        record = dict(records[number - 1] or {})
        for column in COLUMNS:
            value = record.pop(column, None)
            if isinstance(value, list | dict):
                assert number in broken
                assert row[column] is None
            else:
                assert_written(row[column], value)
        rescued = json.loads(row["_rescued"] or "{}", parse_float=Decimal)
        assert rescued.keys() == record.keys()
        for key, value in record.items():
            if isinstance(value, list | dict):
                assert rescued[key] == value
            else:
                assert_written(rescued[key], value)


def assert_written(string: str | None, value: Any) -> None:
    """Whether a string is how a value is written, its digits included."""
    if isinstance(value, bool):
        assert string == ("true" if value else "false")
    elif isinstance(value, int | Decimal):
        assert type(value)(string or "") == value
    else:
        assert string == value


def by_python(line: bytes, columns: Iterable[str] = COLUMNS) -> dict[str, Any] | None:
    """The record in a line, its fractions exact; None if it is malformed, or has none of the columns."""
    try:
        record = json.loads(line.decode(), parse_float=Decimal, parse_constant=_refused, object_pairs_hook=_unique)
        json.dumps(record, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        return None
    is_record = isinstance(record, dict) and not record.keys().isdisjoint(columns) and depth(record) <= MAX_DEPTH
    return record if is_record else None


def is_json(line: bytes) -> bool:
    try:
        json.loads(line.decode())
    except (ValueError, RecursionError):
        return False
    return True


def depth(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if items is None else 1 + max(map(depth, items), default=0)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _refused(literal: str) -> NoReturn:
    raise ValueError(literal)
