"""Laws of JSON: chunks never change what a record is, an array is read as its lines would be, and no byte is lost."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from filegate.errors import MalformedObject
from filegate.formats import ROW
from filegate.sources import Json
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
    st.sampled_from([b'{"a": 1}', b'{"a": "x"', b"}", b"[", b"\n", b"\r\n", b"\r", b"\xff", b"\0", b"NaN", b'"', b"\\"])
).map(b"".join)

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
    assert sum(len(piece.data or b"") for piece in array.pieces) == len(text.encode()) - array.layout.data_start
    assert array.frame.equals(plain.frame)
    assert array.rules == plain.rules
    assert array.faults == plain.faults


@few
@given(LINE, st.integers(1, 40))
def test_any_lines_in_any_chunks_are_the_same_records(data, chunk_bytes):
    data = b'{"a": 1}\n' + data
    whole = read_all(data, COLUMNS, UTF8)
    pieces = read_all(data, COLUMNS, UTF8, chunk_bytes=chunk_bytes)
    assert pieces.frame.equals(whole.frame)
    assert pieces.malformed == whole.malformed
    assert pieces.offsets == whole.offsets
    lines = [line for line in data.replace(b"\r", b"\n").split(b"\n") if line]
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
