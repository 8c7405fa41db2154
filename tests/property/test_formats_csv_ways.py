"""Law of CSV: whichever of the three ways reads a record of any dialect, its values and broken rules are the same."""

import datetime as dt
from dataclasses import dataclass
from itertools import accumulate
from typing import get_args

import pandera.polars as pa
import polars as pl
from hypothesis import event, example, given, reject, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal

from filegate.contract import compile_contract
from filegate.errors import PermanentError
from filegate.formats import ROW, ExpectedColumn, Records, UnknownColumns
from filegate.formats.csv.reader import CsvReader
from filegate.formats.sources import Csv
from tests.property.sources import CSV_SOURCES
from tests.property.test_formats_csv import one_by_one
from tests.unit.formats import csv_oracle
from tests.unit.formats.csv_oracle import header
from tests.unit.formats.support import Outcome, read_all, read_csv

TEXTS = st.text("ab ,;\"'", max_size=3)
ORDINARY = {
    pl.Int8(): st.integers(-128, 127).map(str),
    pl.Int64(): st.integers(-(2**63), 2**63 - 1).map(str),
    pl.UInt64(): st.integers(0, 2**64 - 1).map(str),
    pl.Float32(): st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    pl.Float64(): (st.floats(-1e50, 1e50) | st.floats(allow_nan=False, allow_infinity=False)).map(repr),
    pl.Decimal(6, 2): st.decimals(-9999, 9999, places=2).map(str),
    pl.Decimal(38, 10): st.decimals(-(10**20), 10**20, places=10).map("{:f}".format),
    pl.Decimal(5, 0): st.integers(-99999, 99999).map(str),
    pl.Date(): st.dates().map(str),
    pl.String(): TEXTS,
}
"""How values of a type are mostly written."""
ODD = st.one_of(
    st.sampled_from(
        ["", "NA", "-", " 1", "1 ", "+1", "1e5", "1E-7", "1e999", "nan", "2020-1-5", "-0", "007", "5.", "x"]
    ),
    st.sampled_from(
        ["0000-01-01", "0999-01-01", "2023-02-29", "2024-02-29", "2020-13-01", "2020-00-10", "2020-01-01 ", "-1", "0"]
    ),
    st.integers(-(2**130), 2**130).map(str),
    st.from_regex(r"-?[0-9]{1,40}\.[0-9]{1,40}(e-?[0-9]{1,3})?", fullmatch=True),
    *ORDINARY.values(),
)


@dataclass(frozen=True)
class File:
    """A CSV file: `types` of the contract's columns, in the file's order; all records after the header."""

    types: dict[str, pl.DataType]
    source: Csv
    body: bytes
    extra: bool = False
    on_unknown_columns: UnknownColumns = "reject"

    @property
    def columns(self) -> list[str]:
        return [*self.types, "z"] if self.extra else list(self.types)

    @property
    def text(self) -> bytes:
        return (header(self.source, self.columns) if self.source.header else b"") + self.body

    @property
    def data(self) -> bytes:
        encoding = self.source.encoding or "utf-8"
        return self.text if encoding == "utf-8" else self.text.decode().encode(encoding)


@st.composite
def files(draw: st.DrawFn) -> File:
    """Columns, a dialect and records: half of the files would be plain, had not a field or two been written oddly."""
    chosen = draw(st.lists(st.sampled_from(list(ORDINARY)), min_size=1, max_size=5))
    types = {f"c{index}": dtype for index, dtype in enumerate(chosen)}
    source = draw(CSV_SOURCES)
    on_unknown: UnknownColumns = draw(st.sampled_from(get_args(UnknownColumns)))
    extra = source.header and on_unknown != "reject" and draw(st.booleans())
    values = [_values(source.date_formats.get(name), dtype) for name, dtype in types.items()]
    values += [TEXTS] * extra
    table = [[draw(value) for value in values] for _ in range(draw(st.integers(1, 5)))]
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        draw(st.sampled_from(table))[draw(st.integers(0, len(values) - 1))] = draw(ODD)
    q, quote_all = source.quote, draw(st.booleans())

    def field(place: int, value: str) -> str:
        is_string = place >= len(chosen) or chosen[place] == pl.String
        return q + value.replace(q, q + q) + q if q and (quote_all or is_string) else value

    end = source.delimiter * source.trailing_delimiter + draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    lines = [source.delimiter.join(map(field, range(len(row)), row)) + end for row in table]
    short, long = lines[-1].replace(source.delimiter, "", 1), source.delimiter + lines[-1]
    body = lines[-1].rstrip("\r\n")
    longer = body + "x" + lines[-1][len(body) :]
    names = [*(f"c{index}" for index in range(len(chosen))), *["z"] * extra]
    mark = "" if source.encoding == "cp1252" else draw(st.sampled_from(["", "\ufeff"]))
    repeated = mark + source.delimiter.join(names) + end
    blank = " \t" + end
    odd = [end, short, long, longer, "x" + end, f'"{end}', "\0" + end, f"'x\\{end}", repeated, blank]
    lines[1:1] = draw(st.just([]) | st.sampled_from(odd).map(lambda line: [line]))
    return File(types, source, "".join(lines).encode(), extra, on_unknown)


def _values(date_format: str | None, dtype: pl.DataType) -> st.SearchStrategy[str]:
    if dtype == pl.Date and date_format is not None:
        return st.dates(dt.date(1000, 1, 1)).map(lambda date: date.strftime(date_format)) | ORDINARY[dtype]
    return ORDINARY[dtype]


def read_file(file: File, chunk_bytes: int, *, typed: bool) -> Outcome:
    columns = [ExpectedColumn(name, dtype=dtype if typed else None) for name, dtype in file.types.items()]
    return read_all(
        file.data, columns, file.source, chunk_bytes=chunk_bytes, on_unknown_columns=file.on_unknown_columns
    )


def evaluated(file: File, outcome: Outcome) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All accepted rows, and all rejected ones."""
    schema = pa.DataFrameSchema({name: pa.Column(dtype, nullable=True) for name, dtype in file.types.items()})
    contract = compile_contract(schema, dataset="d").with_date_formats(file.source.date_formats)
    splits = [contract.evaluate(each.frame, strings=each.strings).split(each.broken) for each in outcome.records]
    return pl.concat(split.accepted for split in splits), pl.concat(split.rejected for split in splits)


UTF8 = Csv(encoding="utf-8")


@settings(max_examples=400)
@given(files(), st.sampled_from([1 << 20, 1 << 20, 30]))
@example(File({"a": pl.Date(), "b": pl.Int8()}, UTF8, b"2020-02-30,1\n"), 1 << 20)
@example(File({"a": pl.Date(), "b": pl.Int8()}, UTF8, b"0000-01-01,1\n"), 1 << 20)
@example(File({"a": pl.Date(), "b": pl.Int8()}, Csv(delimiter="-"), b"2020-02-28-1\n"), 1 << 20)
@example(File({"c0": pl.Date(), "b": pl.Int8()}, Csv(date_formats={"c0": "%Y-%d-%m"}), b"2020-02-03,1\n"), 1 << 20)
@example(File({"a": pl.Int8(), "b": pl.Int8()}, UTF8, b"128,1\n"), 1 << 20)
@example(File({"a": pl.Int8(), "b": pl.Int8()}, Csv(null_values=["1\n2"]), b"1\n2,1\n"), 1 << 20)
@example(File({"a": pl.Int8()}, UTF8, b"\n"), 1 << 20)
@example(File({"a": pl.Float32(), "b": pl.Int8()}, UTF8, b"9" * 40 + b",1\n"), 1 << 20)
@example(File({"a": pl.Float64(), "b": pl.Int8()}, UTF8, b"1e999,1\n"), 1 << 20)
@example(File({"a": pl.Float64(), "b": pl.Int8()}, Csv(escape="e"), b"1e5,1\n"), 1 << 20)
@example(File({"a": pl.Int8(), "b": pl.Int8()}, Csv(trailing_delimiter=True), b"1,2,\n1,2\n"), 1 << 20)
@example(File({"a": pl.Int8(), "b": pl.Int8()}, Csv(trailing_delimiter=True), b"1,2,\n1,2,3\n"), 1 << 20)
@example(File({"a": pl.Decimal(6, 2), "b": pl.Int8()}, UTF8, b"12345.67,1\n"), 1 << 20)
@example(File({"a": pl.Decimal(6, 2), "b": pl.Int8()}, UTF8, b"1.234,1\n"), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, UTF8, b"\xff,1\n"), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, UTF8, b"\xef\xbb\xbfx,1\n"), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, UTF8, b'x"y,1\nz"w,1\n'), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, Csv(quote=None), b'"x,1\n'), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, UTF8, b'"x\ny",1\n'), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, UTF8, b"x\0,1\n"), 1 << 20)
@example(File({"a": pl.String(), "b": pl.Int8()}, Csv(null_values=['"']), b'"""",1\n'), 1 << 20)
def test_the_three_ways_to_read_a_record_and_the_oracle_agree(file, chunk_bytes):
    try:
        typed = read_file(file, chunk_bytes, typed=True)
    except PermanentError:
        reject()
    strings = read_file(file, chunk_bytes, typed=False)
    with one_by_one():
        grammar = read_file(file, chunk_bytes, typed=False)
    schemas = {tuple(records.frame.schema.values()) for records in typed.records}
    event(f"plain: {schemas != {tuple(records.frame.schema.values()) for records in strings.records}}")
    event(f"malformed: {bool(grammar.malformed)}")

    start = typed.layout.data_start
    oracle = csv_oracle.records(file.text[start:], file.source, file.columns)
    assert [start + offset for offset, _ in oracle] == grammar.offsets
    assert [(row, each) for row, (_, each) in enumerate(oracle, 1) if isinstance(each, str)] == grammar.rules
    values = [each[: len(file.types)] for _, each in oracle if isinstance(each, tuple)]
    assert grammar.frame.select(list(file.types)).rows() == values

    accepted, rejected = evaluated(file, grammar)
    for way in (typed, strings):
        assert way.malformed == grammar.malformed
        assert way.offsets == grammar.offsets
        assert_frame_equal(pl.concat(each.strings(each.frame) for each in way.records), grammar.frame)
        found_accepted, found_rejected = evaluated(file, way)
        assert_frame_equal(found_accepted, accepted, check_exact=True)
        assert_frame_equal(found_rejected, rejected)


def records(types: dict[str, pl.DataType], source: Csv, data: bytes) -> Records:
    expected = [ExpectedColumn(name, dtype=dtype) for name, dtype in types.items()]
    return read_csv(data, CsvReader(source, list(types), expected, "reject"), first_row=8, origin=100)


@given(st.lists(st.tuples(st.integers(0, 999), st.text("ab", max_size=3), st.booleans()), min_size=1), st.data())
def test_the_strings_and_offsets_of_any_records_are_those_of_their_chunk(lines, data):
    texts = [f"0{number},{text},\r\n" if returns else f"0{number},{text},\n" for number, text, returns in lines]
    found = records({"n": pl.Int64(), "s": pl.String()}, Csv(trailing_delimiter=True), "".join(texts).encode())
    assert found.frame.schema["n"] == pl.Int64
    wanted = pl.Series(data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines))), dtype=pl.Boolean)
    rows = found.frame.filter(wanted)
    expected = [
        (f"0{number}", text or None) for (number, text, _), is_wanted in zip(lines, wanted, strict=True) if is_wanted
    ]
    assert found.strings(rows).drop(ROW).rows() == expected
    assert_series_equal(found.strings(rows)[ROW], rows[ROW])
    starts = [100, *(100 + end for end in accumulate(map(len, texts)))]
    assert found.byte_offsets(rows[ROW]).to_list() == [starts[row - 8] for row in rows[ROW]]
