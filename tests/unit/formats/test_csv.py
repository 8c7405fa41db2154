import json
import tracemalloc
from contextlib import nullcontext

import polars as pl
import pytest

from filegate.errors import ConservationError, MalformedObject
from filegate.formats import ExpectedColumn, RawChunk, make_reader, sniff, split
from filegate.formats.sources import Csv
from filegate.formats.text import max_chunk_rows
from filegate.storage.folder import FileBlob
from tests.property.test_formats_csv import one_by_one
from tests.unit.formats.support import MemoryBlob, chunk_of, expected, read_all

HEADER = b"a,b\n"
UTF8 = Csv(encoding="utf-8")


def test_fields_are_texts_and_an_unquoted_empty_one_is_null():
    result = read_all(HEADER + b'1,\n"",NA\n"NA", x \n', ["a", "b"], Csv(null_values=("NA",)))
    assert result.rows == [("1", None), ("", None), (None, " x ")]


@pytest.mark.parametrize(
    ("line", "rule", "received"),
    [
        (b"1", "record:fields", "1 fields"),
        (b"1,2,3", "record:fields", "3 fields"),
        (b"1,2,", "record:fields", "3 fields"),
        (b'"1,2', "record:quote", "not closed"),
        (b'1,"2"x', "record:quote", "text after its closing quote"),
        (b'1,"2" ', "record:quote", "text after its closing quote"),
        (b"1,\0", "record:nul", "NUL at byte 2"),
        (b"1,\xff", "record:encoding", "0xff at byte 2"),
        (b"1,\xed\xa0\x80", "record:encoding", "0xed at byte 2"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_one_malformed_record_costs_one_row(line, rule, received, end):
    result = read_all(end.join([b"a,b", b"x,y", line, b"x,y", b""]), ["a", "b"], UTF8)
    assert result.rows == [("x", "y")] * 2
    [bad] = result.malformed
    assert (bad.row, bad.raw, bad.broken.rule) == (2, line, rule)
    assert received in str(bad.broken.value)
    assert result.offsets[1] == 2 * (3 + len(end))


def test_an_unclosed_quote_costs_its_own_line_only():
    result = read_all(HEADER + b'1,"x\n2,y\n3,z\n', ["a", "b"])
    assert result.rows == [("2", "y"), ("3", "z")]
    assert result.rules == [(1, "record:quote")]


def test_quotes_are_text_within_unquoted_fields_and_doubled_within_quoted_ones():
    result = read_all(HEADER + b'1,5" pipe\n"a""b","x,\ny"\n', ["a", "b"])
    assert result.rows == [("1", '5" pipe'), ('a"b', "x,\ny")]


@pytest.mark.parametrize(
    "line",
    [
        b'AN-1,$33.83"Oxford Shirt, Plaid"',
        b'x, "a, b"',
        b'x, "a", "b"',
        b'5",6"',
        b'x,"q",a"b,c"',
        b'"q",5" x 3",""",",4"',
    ],
)
def test_a_delimiter_between_quotes_of_unquoted_fields_is_not_read_as_either(line):
    [bad] = read_all(b"a,b,c\n" + line + b"\n", ["a", "b", "c"]).malformed
    assert (bad.raw, bad.broken.rule) == (line, "record:quote")
    assert bad.broken.value == "a delimiter between quotes inside of unquoted fields"


@pytest.mark.parametrize("field", [b'5" pipe', b'5" x 3"', b'x""', b'a"b"c'])
def test_quotes_in_one_unquoted_field_are_text(field):
    assert read_all(HEADER + field + b',"x, ""y"""\n', ["a", "b"]).rows == [(field.decode(), 'x, "y"')]


def test_an_escaped_quote_is_no_stray_one():
    assert read_all(HEADER + b'a\\"b,c\\"d\n', ["a", "b"], Csv(escape="\\")).rows == [('a"b', 'c"d')]
    assert read_all(HEADER + b'a\\"b,c"d\n', ["a", "b"], Csv(escape="\\")).rows == [('a"b', 'c"d')]


def test_a_null_value_with_the_escape_character_is_a_field_as_it_is_written():
    body = b'\\N,\\\\N\n"\\N","\\\\N"\nN,N\\A\nNA,"NA"\n'
    result = read_all(HEADER + body, ["a", "b"], Csv(escape="\\", null_values=["\\N", "NA"]))
    assert result.rows == [(None, "\\N"), ("N", "\\N"), ("N", "NA"), (None, None)]


def test_null_values_may_be_given_by_column():
    source = Csv(null_values={"a": ["NA", "-"], "c": "0"})
    result = read_all(b'a,b,c,d\nNA,NA,NA,NA\n-,-,"0",-\na,0,1,"x\ny"\n', ["a", "b", "c", "d"], source)
    assert result.rows == [(None, "NA", "NA", "NA"), (None, "-", None, "-"), ("a", "0", "1", "x\ny")]
    rescued = read_all(b"a,b,z\nNA,NA,NA\n", ["a", "b"], source, on_unknown_columns="rescue")
    assert rescued.rows == [(None, "NA", '{"z":"NA"}')]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    "repeated", [b"a,b", b'"a",b', b'"a","b"', b"\xef\xbb\xbfa,b", b'\xef\xbb\xbf"a","b"', b'\xef\xbb\xbf"a",b']
)
def test_a_repeated_header_is_not_a_row(repeated, end):
    result = read_all(end.join([b"a,b", b"1,2", repeated, b"a,3", b"b,b", b""]), ["a", "b"])
    assert result.rows == [("1", "2"), ("a", "3"), ("b", "b")]
    assert result.rules == [(2, "record:header")]


@pytest.mark.parametrize("way", [nullcontext, one_by_one])
@pytest.mark.parametrize("again", [b"c,a,b", b'"b",a,c', b"\xef\xbb\xbfb,c,a", b'\xef\xbb\xbf"b",c,a'])
@pytest.mark.parametrize("chunk_bytes", [1, 8, 1000])
def test_a_header_in_another_order_refuses_the_object(way, again, chunk_bytes):
    """Whatever follows it has its values in other columns."""
    data = b"\n".join([b"a,b,c", b"1,2,3", again, b"4,5,6", b""])
    with way(), pytest.raises(MalformedObject, match=r"Record 2 is a header .* in another order"):
        read_all(data, ["a", "b", "c"], chunk_bytes=chunk_bytes)
    with pytest.raises(MalformedObject, match="Record 2"):
        read_all(data, [ExpectedColumn(name, dtype=pl.Int64()) for name in "abc"], chunk_bytes=chunk_bytes)


@pytest.mark.parametrize("way", [nullcontext, one_by_one])
@pytest.mark.parametrize(
    "data", [b"a,b,c\na,a,b\nc,b,b\nb,c,d\n", b"0,1,2\n2,0,1\n1,0,0\n", b"a,_,1\n_,a,1\n", b"a\nb\n"]
)
def test_names_of_columns_are_values(way, data):
    """Some of them, one twice, or numbers, which are names of columns that nobody named."""
    header, *records = data.decode().split()
    with way():
        result = read_all(data, header.split(","))
    assert result.rows == [tuple(record.split(",")) for record in records]


@pytest.mark.parametrize("source", [Csv(trailing_delimiter=True), Csv(trailing_delimiter=True, header=False)])
def test_a_header_with_a_trailing_delimiter_is_repeated_with_it(source):
    header = b"a,b,\n" if source.header else b""
    assert read_all(header + b"1,2,\na,b,\n", ["a", "b"], source).rules == [(2, "record:header")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_of_blanks_are_not_records(end):
    lines = [b"a,b", b" ", b"1,2", b"", b" \t ", b"\t", b" 3, ", b"  ", b" 4,x ", b"   "]
    result = read_all(end.join(lines), ["a", "b"], chunk_bytes=3)
    assert result.rows == [("1", "2"), (" 3", " "), (" 4", "x ")]
    assert [end.join(lines)[offset] for offset in result.offsets] == [ord("1"), ord(" "), ord(" ")]
    assert result.offsets[1] == end.join(lines).index(b" 3")


def test_a_line_of_delimiters_is_a_record():
    result = read_all(b"a\tb\n\t\n \n \t\n1\t2\n", ["a", "b"], Csv(delimiter="\t"))
    assert result.rows == [(None, None), (" ", None), ("1", "2")]
    assert read_all(b"a b\n \n\t\n1 2\n", ["a", "b"], Csv(delimiter=" ")).rows == [(None, None), ("1", "2")]


def test_in_one_column_a_line_of_blanks_is_its_value():
    assert read_all(b"a\n \n\n\t\n", ["a"]).rows == [(" ",), (None,), ("\t",)]


def test_a_delimiter_after_each_record_leads_to_its_declaration():
    result = read_all(HEADER + b'1,2,\n1,2,""\n1\n1,2,,\n', ["a", "b"])
    allowed = [bad.broken.allowed for bad in result.malformed]
    assert ["trailing_delimiter=True" in each for each in allowed] == [True, False, False, False]


def test_line_ends_may_be_mixed():
    result = read_all(b"a,b\r1,2\n3,4\r\n5,6\r\r\n\n7,8", ["a", "b"])
    assert result.rows == [("1", "2"), ("3", "4"), ("5", "6"), ("7", "8")]
    assert result.offsets == [4, 8, 13, 20]


def test_a_final_ctrl_z_is_not_a_record():
    assert read_all(HEADER + b"1,2\r\n\x1a", ["a", "b"]).rows == [("1", "2")]
    assert read_all(HEADER + b"1,2\x1a", ["a", "b"]).rows == [("1", "2")]
    assert read_all(HEADER + b"1,\x1a\n3,4\n", ["a", "b"]).rows == [("1", "\x1a"), ("3", "4")]


def test_an_escape_character_takes_the_next_one_literally():
    result = read_all(HEADER + b'1\\,1,"a\\"b"\nx,\\\\\n\\"q,y\\\nz\n', ["a", "b"], Csv(escape="\\"))
    assert result.rows == [("1,1", 'a"b'), ("x", "\\"), ('"q', "y\nz")]


def test_without_quotes_a_quote_is_text():
    assert read_all(HEADER + b'"1,2"\n', ["a", "b"], Csv(quote=None)).rows == [('"1', '2"')]


def test_a_trailing_delimiter_ends_the_last_field():
    source = Csv(delimiter="|", header=False, trailing_delimiter=True)
    result = read_all(b"1|2|\n3|4\n5|6|7\n|8|\n", ["a", "b"], source)
    assert result.rows == [("1", "2"), (None, "8")]
    assert result.rules == [(2, "record:fields"), (3, "record:fields")]


def test_unknown_columns_are_ignored_or_rescued():
    data = b'a,x,b,"y z"\n1,\xc3\xa9,2,\n3,"q""q",4,w\n'
    assert read_all(data, ["a", "b"], on_unknown_columns="ignore").rows == [("1", "2"), ("3", "4")]
    rescued = read_all(data, ["a", "b"], on_unknown_columns="rescue").frame["_rescued"].to_list()
    assert rescued == ['{"x":"é","y z":null}', '{"x":"q\\"q","y z":"w"}']


@pytest.mark.parametrize("name", ["__row__", "_rescued", "^.*$", "0"])
@pytest.mark.parametrize("line", ["1,7,2,8", "1,7,2,8\n1,2"])
def test_an_unknown_column_may_have_any_name(name, line):
    data = f"a,{name},b,z\n{line}\n".encode()
    assert read_all(data, ["a", "b"], on_unknown_columns="ignore").rows == [("1", "2")]
    rescued = read_all(data, ["a", "b"], on_unknown_columns="rescue")
    assert rescued.frame.to_dicts() == [
        {"__row__": 1, "a": "1", "b": "2", "_rescued": json.dumps({name: "7", "z": "8"}, separators=(",", ":"))}
    ]


def test_a_file_with_no_unknown_column_has_nothing_to_rescue():
    assert read_all(HEADER + b"1,2\n3\n", ["a", "b"], on_unknown_columns="rescue").rows == [("1", "2", None)]


def test_a_byte_order_mark_in_the_text_is_text():
    assert read_all(HEADER + b"\xef\xbb\xbf1,2\n", ["a", "b"], chunk_bytes=1).rows == [("\ufeff1", "2")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_endless_record_is_a_chunk_of_its_own(end, monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    monkeypatch.setattr("filegate.formats.reader.WHOLE_READ_BYTES", 200)
    line = b"x" * 5000
    result = read_all(HEADER + b"1,2" + end + line + end + b'"' + line + end + b"3,4" + end, ["a", "b"], chunk_bytes=64)
    assert result.rows == [("1", "2"), ("3", "4")]
    assert result.rules == [(2, "record:too_long"), (3, "record:too_long")]
    assert [(record.raw, record.broken.value) for record in result.malformed] == [
        (line[:101], "5000 bytes"),
        (b'"' + line[:100], "5001 bytes"),
    ]


def test_a_record_of_exactly_the_limit_is_read(monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 10)
    result = read_all(HEADER + b"1,34567890\r\n1,345678901\r\n1,2\r\n", ["a", "b"])
    assert result.rows == [("1", "34567890"), ("1", "2")]
    assert result.rules == [(2, "record:too_long")]


def test_a_line_of_100_megabytes_is_never_in_memory(tmp_path):
    file = tmp_path / "rows.csv"
    with file.open("wb") as stream:
        stream.write(HEADER + b"1,2\n")
        for _ in range(100):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\n3,4\n")
    blob, columns = FileBlob(file), expected("a", "b")
    layout = sniff(blob, [Csv()], columns, "reject")
    tracemalloc.start()
    chunks = list(split(blob, layout, Csv(), chunk_bytes=4 << 20))
    reader = make_reader(layout, Csv(), columns, "reject")
    records = [reader.read(blob, chunk_of(raw, row)) for row, raw in enumerate(chunks, 1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [chunk.rows for chunk in chunks] == [1, 1, 1]
    [bad] = records[1].malformed
    assert (bad.broken.value, len(bad.raw), bad.broken.rule) == (f"{100 << 20} bytes", 64 << 10, "record:too_long")
    assert peak < 20 << 20


@pytest.mark.parametrize("head", [b"", b'"\n"', b'x"', b'"x"'])
@pytest.mark.parametrize("delimiters", [2, 1_000_000])
def test_a_record_of_too_many_fields_is_counted(head, delimiters):
    record = head + b"," * delimiters
    result = read_all(HEADER + (record + b"\n") * 2 + b'1,"2,3"\n', ["a", "b"])
    assert result.rows == [("1", "2,3")]
    assert [bad.broken.value for bad in result.malformed] == [f"{delimiters + 1} fields"] * 2


def test_splitting_holds_a_few_chunks_whatever_the_files_size(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(HEADER + b'1,"2, and more"\n' * 2_000_000)
    blob = FileBlob(file)
    layout = sniff(blob, [Csv()], expected("a", "b"), "reject")
    tracemalloc.start()
    rows = sum(chunk.rows for chunk in split(blob, layout, Csv(), chunk_bytes=1 << 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 2_000_000
    assert peak < 8 << 20


def test_a_blob_that_lost_bytes_is_a_defect():
    blob = MemoryBlob(HEADER + b"1,2\n")
    layout = sniff(blob, [Csv()], expected("a", "b"), "reject")
    with pytest.raises(ConservationError, match="has only 4"):
        make_reader(layout, Csv(), expected("a", "b"), "reject").read(blob, chunk_of(RawChunk(4, 5, 1), 1))


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_a_chunk_of_short_rows_ends_before_it_is_full(rows, monkeypatch):
    monkeypatch.setattr("filegate.formats.text.MAX_CHUNK_ROWS", rows)
    table = [(str(n), str(n * n)) for n in range(100)]
    data = HEADER + "".join(f"{a},{b}\n" for a, b in table).encode()
    result = read_all(data, ["a", "b"], chunk_bytes=100)
    assert result.rows == table
    assert max(chunk.rows for chunk in result.chunks) <= rows


def test_blank_lines_count_for_the_bound_of_a_chunk(monkeypatch):
    monkeypatch.setattr("filegate.formats.text.MAX_CHUNK_ROWS", 7)
    result = read_all(HEADER + b"1,2\n" + b"\n" * 50 + b" \n" * 50 + b"3,4\n", ["a", "b"])
    assert result.rows == [("1", "2"), ("3", "4")]
    assert max(chunk.length for chunk in result.chunks) <= 2 * 7 + len("1,2")


def test_a_chunk_of_many_columns_has_fewer_rows():
    assert max_chunk_rows(["column"] * 12) == max_chunk_rows([]) == 1 << 17
    assert max_chunk_rows(["c"] * 9003) < 200
    assert max_chunk_rows(["n" * 100] * 9003) < 30
    assert max_chunk_rows(["n" * 100] * 900_000) == 1


def test_what_polars_refuses_is_read_by_the_grammar(monkeypatch):
    data = HEADER + b'1,2\n3\n4,"5\n6"\n7,8'
    trusted = read_all(data, ["a", "b"])

    def refuse(*_, **__):
        raise pl.exceptions.ComputeError("no")

    monkeypatch.setattr(pl.LazyFrame, "collect", refuse)
    refused = read_all(data, ["a", "b"])
    assert refused.frame.equals(trusted.frame)
    assert refused.malformed == trusted.malformed
