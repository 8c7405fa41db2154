"""Laws of CSV: chunks never change what a record is, no byte is lost, and both ways of reading agree."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from filegate.errors import PermanentError
from filegate.formats.csv.index import RecordIndex, Span
from filegate.formats.encoding import UTF8_BOM
from filegate.formats.sources import Csv
from tests.unit.formats import csv_oracle
from tests.unit.formats.csv_oracle import header
from tests.unit.formats.support import Outcome, read_all

NAMES = ["a", "b", "c"]

TROUBLE = st.sampled_from(
    [
        *(b",", b",", b'"', b'"', b'""', b'","', b'"x"', b'x"y', b"\r", b"\n", b"\n", b"\r\n", b"x", b"NA", b" "),
        *(b"\\", b"\\N", b"\t", b"\n \t\n", b"a,b,c\n", b"a,b\n", b"a\n"),
        *(b"\0", "é".encode(), b"\xff", b"\xc3", b"\x1a", b"\xef\xbb\xbf"),
    ]
)
BYTES = st.lists(TROUBLE, max_size=40).map(b"".join)
SOURCES = st.builds(
    Csv,
    quote=st.sampled_from(['"', '"', None]),
    escape=st.sampled_from([None, None, "\\"]),
    null_values=st.sampled_from([(), ("NA",), ("", "x"), ("\\N",), {"a": ["NA", "x"], "b": "x"}]),
    trailing_delimiter=st.booleans(),
    encoding=st.just("utf-8"),
)
COLUMNS = st.integers(1, 3).map(lambda count: NAMES[:count])
UTF8 = Csv(encoding="utf-8")
LIMITS = st.sampled_from([1 << 20, 1 << 20, 4, 12])
RECORD = st.lists(
    st.sampled_from(["", "x", '"x"', '""', '"x,y"', '"x\ny"', '"a""b"', "é", "NA"]), min_size=3, max_size=3
)
"""Fields as a file has them: mostly well-formed records, so that the fast way is taken too."""

few = settings(max_examples=250)


@contextmanager
def record_limit(limit: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", limit)
        yield


@contextmanager
def one_by_one() -> Iterator[None]:
    """The grammar reads every record, polars none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecordIndex, "span", lambda _, start, stop: Span([], start))
        yield


def outcome(body: bytes, source: Csv, columns: list[str], limit: int, chunk_bytes: int) -> Outcome:
    with record_limit(max(limit, len(header(source, columns)))):
        return read_all(header(source, columns) + body, columns, source, chunk_bytes=chunk_bytes)


def expected(body: bytes, source: Csv, columns: list[str], limit: int) -> list[tuple[int, object]]:
    """What the oracle makes of it: offsets in the file, and values or rules."""
    start = len(header(source, columns))
    records = csv_oracle.records(body, source, columns, max(limit, start))
    return [(start + offset, record) for offset, record in records]


def found_in(result: Outcome) -> list[tuple[int, object]]:
    """What the formats make of it, in the oracle's terms."""
    by_row: dict[int, object] = {row[0]: row[1:] for row in result.frame.rows()}
    by_row |= {record.row: record.broken.rule for record in result.malformed}
    assert sorted(by_row) == list(range(1, len(by_row) + 1))
    return [(offset, by_row[row]) for row, offset in enumerate(result.offsets, 1)]


@few
@given(BYTES, SOURCES, COLUMNS, LIMITS, st.integers(1, 60))
@example(b'x,"\nx,y\n', UTF8, ["a", "b"], 1 << 20, 3)
@example(b"x,y\r\nx,y\r\n", UTF8, ["a", "b"], 1 << 20, 9)
@example(b"\n\n\r\n\n", UTF8, ["a"], 1 << 20, 1)
@example(b"x\r" + UTF8_BOM + b"\x1a", UTF8, ["a"], 1 << 20, 5)
@example(b'\\\r,"', Csv(encoding="utf-8", escape="\\"), ["a"], 1 << 20, 1)
def test_any_bytes_in_any_chunks_are_the_records_of_the_grammar(body, source, columns, limit, chunk_bytes):
    truth = expected(body, source, columns, limit)
    assume(truth)
    result = outcome(body, source, columns, limit, chunk_bytes)
    assert found_in(result) == truth
    longest = chunk_bytes + body.endswith(b"\x1a")
    assert all(chunk.length <= longest for chunk in result.chunks if chunk.rows > 1)
    last = result.chunks[-1]
    assert last.start + last.length == len(header(source, columns)) + len(body)


@few
@given(BYTES, SOURCES, COLUMNS)
def test_only_a_file_without_records_is_refused(body, source, columns):
    try:
        read_all(header(source, columns) + body, columns, source)
    except PermanentError:
        assert not expected(body, source, columns, 1 << 20)


@few
@given(st.lists(RECORD, min_size=1), st.sampled_from(["\n", "\r\n", "\r"]), BYTES, SOURCES)
def test_polars_and_the_grammar_read_alike(records, end, tail, source):
    body = "".join(",".join(record) + "," * source.trailing_delimiter + end for record in records).encode() + tail
    fast = outcome(body, source, NAMES, 1 << 20, 1 << 20)
    with one_by_one():
        slow = outcome(body, source, NAMES, 1 << 20, 1 << 20)
    event(f"malformed: {bool(slow.malformed)}")
    assert fast.frame.equals(slow.frame)
    assert fast.malformed == slow.malformed
    assert fast.offsets == slow.offsets


@few
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=3, max_size=3), min_size=1
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 200),
)
def test_a_table_written_by_pythons_csv_module_comes_back(table, end, chunk_bytes):
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerows([NAMES, *table])
    result = read_all(text.getvalue().encode(), NAMES, UTF8, chunk_bytes=chunk_bytes)
    assert result.rows == [tuple(row) for row in table]
    assert result.malformed == []
