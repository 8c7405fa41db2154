"""Laws of JSON: chunks never change what a record is, an array is read as its lines would be, and no byte is lost."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filegate.errors import MalformedObject
from filegate.formats import ROW, ExpectedColumn
from filegate.formats.json import reader as json_reader
from filegate.formats.sources import Json
from tests.property.sources import JSON_SOURCES
from tests.unit.formats.support import read_all

COLUMNS = ["a", "b"]
UTF8 = Json(encoding="utf-8")
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
RECORD = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUE) | VALUE
SPACE = st.sampled_from(["", " ", "\n", "\r\n  "])
LINE = st.lists(
    st.sampled_from(
        [b'{"a": 1}', b'{"a": "x"', b"}", b"[", b"\n", b"\r\n", b"\r", b" ", b"\t", b"\xff", b"\0", b"NaN", b'"', b"\\"]
    )
).map(b"".join)

COLUMN = st.builds(
    ExpectedColumn,
    st.just("?"),
    coerce=st.booleans(),
    scalar=st.sampled_from(["text", "number", "boolean", "temporal"]),
)
KEY = st.sampled_from(["a", "b", "c", "d", "é", "", ",", "}", "a b", "null"])
WRITTEN = st.sampled_from(
    [
        *("null", "true", "false", "0", "-1", "1.50", "1e5", "1E+05", '""', '"x"', '"null"', '"true"', '"1"', '"a,b"'),
        *('"}"', '"{"', '", "', '" : "', '",a"', '"é"', '"\ufeff"', '"\ufffd"', '"\ud800"', r'"\"', r'"\x"'),
        *(r'"a\n"', r'"\\"', r'"\""', r'"\u0022"', r'"\u00e9\uD7ff\/"', r'"\ud83d\ude00"', r'"\uDC00"'),
        *("01", "1.", "NaN", "x", "[1]", '{"a": 1}', '"a\tb"', "", "1 1"),
    ]
)
BLANK = st.sampled_from(["", "", " ", "\t", "  "])

few = settings(max_examples=150)


@few
@given(st.lists(st.tuples(RECORD, SPACE, SPACE)), st.integers(1, 80), st.booleans())
def test_an_array_is_read_as_its_lines_would_be(records, chunk_bytes, indented):
    records.insert(0, ({}, "", ""))
    dumped = [json.dumps(record, ensure_ascii=False, indent=2 if indented else None) for record, _, _ in records]
    text = (
        "[" + ",".join(f"{before}{one}{after}" for one, (_, before, after) in zip(dumped, records, strict=True)) + "]"
    )
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record, _, _ in records)
    array = read_all(text.encode(), COLUMNS, UTF8, chunk_bytes=chunk_bytes, on_unknown_columns="rescue")
    plain = read_all(lines.encode(), COLUMNS, UTF8, on_unknown_columns="rescue")
    assert [text.encode()[offset : offset + 1] for offset in array.offsets] == [one[:1].encode() for one in dumped]
    assert sum(len(chunk.data or b"") for chunk in array.chunks) == len(text.encode()) - array.layout.data_start
    assert array.frame.equals(plain.frame)
    assert array.rules == plain.rules
    assert array.broken == plain.broken


@few
@given(st.lists(st.tuples(RECORD, SPACE, st.booleans())), st.integers(1, 80))
def test_concatenated_values_are_read_as_their_lines_would_be(records, chunk_bytes):
    dumped = [
        '{\n"a": 1}',
        *(json.dumps(one, ensure_ascii=False, indent=2 if nice else None) for one, _, nice in records),
    ]
    between = [after or " " * (not one.endswith("}")) for one, (_, after, _) in zip(dumped, records, strict=False)]
    text = "".join(f"{one}{after}" for one, after in zip(dumped, [*between, ""], strict=True)).encode()
    lines = "\n".join(one.replace("\n", " ") for one in dumped).encode()
    concatenated = read_all(text, COLUMNS, UTF8, chunk_bytes=chunk_bytes, on_unknown_columns="rescue")
    plain = read_all(lines, COLUMNS, UTF8, on_unknown_columns="rescue")
    assert [concatenated.layout.format, plain.layout.format] == ["concatenated_json", "ndjson"]
    assert [text[offset : offset + 1] for offset in concatenated.offsets] == [one[:1].encode() for one in dumped]
    assert concatenated.frame.equals(plain.frame)
    assert concatenated.malformed == plain.malformed
    assert concatenated.broken == plain.broken
    assert concatenated.originals.equals(plain.originals)


@few
@given(LINE, st.integers(1, 40))
def test_any_lines_in_any_chunks_are_the_same_records(data, chunk_bytes):
    data = b'{"a": 1}\n' + data
    whole = read_all(data, COLUMNS, UTF8)
    pieces = read_all(data, COLUMNS, UTF8, chunk_bytes=chunk_bytes)
    assert pieces.frame.equals(whole.frame)
    assert pieces.malformed == whole.malformed
    assert pieces.offsets == whole.offsets
    lines = [line for line in data.replace(b"\r", b"\n").split(b"\n") if line.strip(b" \t")]
    assert len(lines) == whole.frame.height + len(whole.malformed)


@few
@given(LINE, st.integers(1, 40))
def test_a_broken_array_is_refused_or_read(data, chunk_bytes):
    try:
        result = read_all(b"[1," + data + b"]", COLUMNS, UTF8, chunk_bytes=chunk_bytes)
    except MalformedObject:
        return
    elements = json.loads((b"[1," + data + b"]").decode(errors="surrogateescape"))
    assert len(elements) == result.frame.height + len(result.malformed)
    assert result.frame[ROW].to_list() == [row for row, one in enumerate(elements, 1) if isinstance(one, dict)]


@few
@given(st.data())
def test_plain_lines_are_read_as_any_other(data):
    keys = data.draw(st.lists(KEY, min_size=1, max_size=4), label="keys")
    blanks = data.draw(st.lists(BLANK, min_size=5, max_size=5), label="blanks")
    usual = data.draw(st.lists(WRITTEN, min_size=1, max_size=6), label="usual values")
    rows = st.lists(st.sampled_from(usual) | WRITTEN, min_size=len(keys), max_size=len(keys))
    lines = [_written(keys, row, blanks) for row in data.draw(st.lists(rows, min_size=1, max_size=20), label="rows")]
    lines[1:1] = data.draw(st.lists(st.sampled_from(['{"a": 1}', '{"a": 1{"b": 2}', "{}", " ", ""])), label="others")
    source = data.draw(JSON_SOURCES)
    encoding = source.encoding or "utf-8"
    text = ("\n".join(lines) + "\n").encode(encoding, "surrogatepass" if encoding != "cp1252" else "replace")
    columns = [replace(data.draw(COLUMN), name=name) for name in data.draw(st.sampled_from(["ab", "abé", "c"]))]
    on_unknown = data.draw(st.sampled_from(["reject", "ignore", "rescue"]))
    at_once = read_all(text, columns, source, on_unknown_columns=on_unknown)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reader, "plain_lines", lambda *_: iter(()))
        one_by_one = read_all(text, columns, source, on_unknown_columns=on_unknown)
    assert at_once.frame.rows() == one_by_one.frame.rows()
    assert at_once.frame.schema == one_by_one.frame.schema
    assert at_once.malformed == one_by_one.malformed
    assert at_once.broken == one_by_one.broken
    assert at_once.originals.equals(one_by_one.originals)


def _written(keys: list[str], values: list[str], blanks: list[str]) -> str:
    first, before, colon, after, last = blanks
    members = (f'{before}"{key}"{colon}:{after}{value}' for key, value in zip(keys, values, strict=True))
    return f"{first}{{{','.join(members)}{last}}}{first}"
