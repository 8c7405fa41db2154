import codecs
import gzip
import io
import tarfile
import zipfile

import polars as pl
import pytest
import zstandard

from filegate.errors import EmptyObject, MalformedObject, SchemaMismatch
from filegate.formats import sniff
from filegate.formats.csv.header import MAX_COLUMNS
from filegate.formats.sources import Csv, Json, Parquet
from filegate.runs.run import FoundLayout
from tests.unit.formats.support import MemoryBlob, expected, read_all

TABLE = b"a,b\n1,2\n"


def parquet(**columns):
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("rows.csv", TABLE)
    return file.getvalue()


def layout(data, *sources, columns=("a", "b"), on_unknown_columns="reject"):
    return sniff(MemoryBlob(data), sources or (Csv(),), expected(*columns), on_unknown_columns)


@pytest.mark.parametrize(
    ("data", "sources", "form", "compression", "encoding"),
    [
        (TABLE, (Json(), Csv()), "csv", None, "utf-8"),
        (b"[id],b\n1,2\n", (Csv(), Json()), "csv", None, "utf-8"),
        (b'{"a": 1}\n', (Csv(), Json()), "ndjson", None, "utf-8"),
        (b' \n[ {"a": 1}]', (Csv(), Json()), "json_array", None, "utf-8"),
        (parquet(a=[1], b=[2]), (Csv(), Parquet()), "parquet", None, "utf-8"),
        (gzip.compress(TABLE, mtime=0), (Csv(),), "csv", "gzip", "utf-8"),
        (zstandard.compress(TABLE), (Csv(),), "csv", "zstd", "utf-8"),
        (codecs.BOM_UTF8 + TABLE, (Csv(),), "csv", None, "utf-8"),
        (TABLE.decode().encode("utf-16"), (Csv(),), "csv", None, "utf-16"),
        (TABLE.decode().encode("utf-32"), (Csv(),), "csv", None, "utf-32"),
        (TABLE.decode().encode("utf-16-le"), (Csv(),), "csv", None, "utf-16-le"),
        (TABLE.decode().encode("utf-16-be"), (Csv(),), "csv", None, "utf-16-be"),
        (TABLE.decode().encode("utf-16-be"), (Csv(encoding="utf-16"),), "csv", None, "utf-16-be"),
        (TABLE.decode().encode("utf-16-le")[:-1], (Csv(),), "csv", None, "utf-16-le"),
        ("a,b\né,2\n".encode() + b"\xff,3\n", (Csv(),), "csv", None, "utf-8"),
        ("a,b\n€,2\n".encode("cp1252"), (Csv(encoding="windows-1252"),), "csv", None, "cp1252"),
    ],
)
def test_the_bytes_tell_what_the_file_is(data, sources, form, compression, encoding):
    columns = ("[id]", "b") if data.startswith(b"[id]") else ("a", "b")
    found = layout(data, *sources, columns=columns)
    assert (found.format, found.compression, found.encoding) == (form, compression, encoding)
    assert type(sources[found.source]).__name__.lower() in {form, "json"}


@pytest.mark.parametrize(
    ("data", "source", "found"),
    [
        (TABLE, Csv(), FoundLayout(format="csv", encoding="utf-8", delimiter=",", line_end="LF", header_line=1)),
        (
            gzip.compress(b"\r\n\r\na;b\r\n1;2\n", mtime=0),
            Csv(delimiter=";"),
            FoundLayout(
                format="csv", encoding="utf-8", compression="gzip", delimiter=";", line_end="CRLF", header_line=3
            ),
        ),
        (
            b'"a","b\nb"\r1,2\n',
            Csv(),
            FoundLayout(format="csv", encoding="utf-8", delimiter=",", line_end="CR", header_line=1),
        ),
        (
            b"\xb3,2\r\n",
            Csv(encoding="cp1250", header=False),
            FoundLayout(format="csv", encoding="cp1250", delimiter=",", line_end="CRLF"),
        ),
        (b"1,2", Csv(header=False), FoundLayout(format="csv", encoding="utf-8", delimiter=",")),
        (b'{"a": 1}\r\n', Json(), FoundLayout(format="ndjson", encoding="utf-8", line_end="CRLF")),
        (b'[{"a": 1}]', Json(), FoundLayout(format="json_array", encoding="utf-8")),
        (parquet(a=[1], b=[2]), Parquet(), FoundLayout(format="parquet")),
    ],
)
def test_what_is_found_is_said(data, source, found):
    assert layout(data, source, columns=("a", "b\nb") if b"b\nb" in data else ("a", "b")).found == found


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped(), "ZIP archive"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
        (gzip.compress(parquet(a=[1]), mtime=0), "Parquet file inside gzip"),
        (gzip.compress(gzip.compress(TABLE, mtime=0), mtime=0), "gzip data inside gzip"),
        (gzip.compress(zipped(), mtime=0), "ZIP archive .* inside gzip"),
        (parquet(a=[1]), "Parquet; its dataset declares Csv"),
        (b'[{"a": 1}]', "JSON; its dataset declares Csv"),
    ],
)
def test_another_format_is_named(data, what):
    with pytest.raises(MalformedObject, match=what):
        layout(data)


def test_text_other_than_json_is_refused_if_json_is_declared():
    with pytest.raises(MalformedObject, match=r"begins neither with \{ nor with .*Json or Parquet.*an object on each"):
        layout(TABLE, Json(), Parquet())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\n\r\n\n",
        b"\x1a",
        b"a,b\n",
        b"a,b",
        b"a,b\r\n\r\n\x1a",
        b"\0" * 100,
        gzip.compress(b"", mtime=0),
        codecs.BOM_UTF16_LE,
    ],
)
def test_a_file_without_rows_is_empty(data):
    with pytest.raises(EmptyObject):
        layout(data)


@pytest.mark.parametrize("data", [b"[]", b" [ \n ] ", b"\n\n", b"\xef\xbb\xbf[]"])
def test_json_without_records_is_empty(data):
    with pytest.raises(EmptyObject):
        layout(data, Json())


def test_a_blank_line_is_a_null_where_there_is_one_column():
    assert read_all(b"a\n\nx\n", ["a"]).rows == [(None,), ("x",)]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"a\n1\n", "missing 'b'"),
        (b"a,b,b\n1,2,3\n", "found twice 'b'"),
        (b"a,b,c\n1,2,3\n", "unknown 'c'.*on_unknown_columns='ignore'"),
        (b"A, b\n1,2\n", r"'A' for 'a', ' b' for 'b'"),
        (b"a,bb_\n1,2\n", r"'bb_' for 'b'"),
        (b"a;b\n1;2\n", r"delimiter=';'"),
        (b"a\tb\n1\t2\n", r"delimiter='\\t'"),
        (b"a,2013-01-01,7\n1,2,3\n", r"is the header missing\? .*header=False"),
        (b"1,2013-01-01\n1,2\n", r"is the header missing\? .*header=False"),
        (b"a,b,\n1,2,\n", r"declare Csv\(trailing_delimiter=True\)"),
        (b"sep=,\r\na,b\r\n1,2\r\n", "'sep=', tells Excel the delimiter.* Remove it"),
        (b'"sep=;"\na;b\n1;2\n', "'sep=', tells Excel the delimiter.* Remove it"),
        (b"Report of 2024-01-31\n\na,b\n1,2\n", "Line 3 has the columns' names: remove the lines before it"),
        (b"Report,2024\n\n,\nb,a\n1,2\n", "Line 4 has the columns' names: remove the lines before it"),
        (b"2024-01-31\nA,B\n1,2\n", "Correct the file, or the contract"),
    ],
)
def test_a_wrong_header_is_explained(header, says):
    with pytest.raises(SchemaMismatch, match=says):
        layout(header)


def test_the_separator_line_of_excel_is_not_a_row():
    with pytest.raises(SchemaMismatch, match="not part of the table"):
        layout(b"sep=;\na;b\n", Csv(delimiter=";", header=False))


def test_a_file_has_no_more_columns_than_a_worksheet():
    names = [f"c{index}" for index in range(MAX_COLUMNS)]
    assert layout(csv_line(names) + csv_line(names), columns=["c1"], on_unknown_columns="ignore").columns == (*names,)
    with pytest.raises(SchemaMismatch, match=r"has 16,385 columns; at most 16,384 are read"):
        layout(csv_line([*names, "x"]) + b"1\n", columns=["c1"], on_unknown_columns="ignore")


def csv_line(cells):
    return ",".join(cells).encode() + b"\n"


def test_columns_without_a_name_are_unknown_ones():
    spreadsheet = b"a,b,,\n1,2,,\n"
    assert read_all(spreadsheet, ["a", "b"], on_unknown_columns="ignore").rows == [("1", "2")]
    with pytest.raises(SchemaMismatch, match=r"unknown ''.*on_unknown_columns='ignore'"):
        layout(spreadsheet)
    with pytest.raises(SchemaMismatch, match="found twice ''"):
        layout(spreadsheet, on_unknown_columns="rescue")
    assert read_all(b"a,b,\n1,2,3\n", ["a", "b"], on_unknown_columns="rescue").rows == [("1", "2", '{"":"3"}')]


@pytest.mark.parametrize("on_unknown_columns", ["reject", "ignore", "rescue"])
def test_a_column_of_the_contract_must_not_be_there_twice(on_unknown_columns):
    with pytest.raises(SchemaMismatch, match="found twice 'b'"):
        layout(b"a,b,b\n1,2,3\n", on_unknown_columns=on_unknown_columns)


def test_a_file_without_header_has_as_many_fields_as_the_contract():
    assert layout(b"1,2\n", Csv(header=False)).columns == ("a", "b")
    with pytest.raises(SchemaMismatch, match="3 fields, the contract 2 columns"):
        layout(b"1,2,3\n", Csv(header=False))
    with pytest.raises(SchemaMismatch, match="delimiter=';'"):
        layout(b"1;2\n", Csv(header=False))
    with pytest.raises(SchemaMismatch, match="header=True"):
        layout(b"a,b\n1,2\n", Csv(header=False))


def test_the_order_of_columns_is_the_files_affair():
    assert read_all(b"b,a\n2,1\n", ["a", "b"]).frame.to_dicts() == [{"__row__": 1, "b": "2", "a": "1"}]


def test_a_header_may_be_quoted_marked_and_broken_over_lines():
    result = read_all(b'\xef\xbb\xbf"a","b\nb"\r\n1,2\r\n', ["a", "b\nb"])
    assert result.rows == [("1", "2")]
    assert result.offsets == [14]


def test_a_malformed_header_is_refused():
    with pytest.raises(MalformedObject, match="quoted field that is not closed"):
        layout(b'"a,b\n1,2\n')
    with pytest.raises(MalformedObject, match=r"0xff at byte 1 of the record; allowed is UTF-8, .*Csv\(encoding="):
        layout(b"a\xff," + "é\n1,2\n".encode())
    with pytest.raises(MalformedObject, match=r"0x81 at character 3 of the record; allowed is text in .* cp1252"):
        layout(b"a,\x81\n1,2\n", Csv(encoding="cp1252"))
    with pytest.raises(MalformedObject, match="longer than"):
        layout(b"a" * (2 << 20))


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("rows.csv")
        entry.size = len(TABLE)
        archive.addfile(entry, io.BytesIO(TABLE))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (tarred(), "this is a tar archive"),
        (gzip.compress(tarred()), "this is a tar archive inside gzip"),
        (b"\x04\x22\x4d\x18" + TABLE, "this is lz4 data"),
        (b"\x1f\x9d\x90" + TABLE, r"data of Unix compress \(.Z\)"),
        (b"Rar!\x1a\x07\x01\x00", "this is a RAR archive"),
        (b"ORC\x08" + TABLE, "this is an ORC file"),
        (b"ARROW1\0\0", "this is an Arrow"),
        (b"\x89PNG\r\n\x1a\n", "this is a picture"),
        (b"SQLite format 3\0", "this is an SQLite database"),
        (b"PGCOPY\n\xff\r\n\0", "this is a binary COPY of PostgreSQL"),
    ],
)
def test_what_no_reader_takes_is_named(data, problem):
    with pytest.raises(MalformedObject, match=problem):
        layout(data)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_compressed_file_of_nothing_is_called_empty(compress):
    with pytest.raises(EmptyObject, match="the file is empty inside"):
        layout(compress(b""))
