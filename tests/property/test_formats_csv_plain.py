"""Laws of plain chunks: to be read with types at once changes nothing that the contract says of a record."""

from itertools import accumulate

import pandera.polars as pa
import polars as pl
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal

from filegate.contract import compile_contract
from filegate.formats import ROW, ExpectedColumn, Records
from filegate.formats.csv.reader import CsvReader
from filegate.formats.sources import Csv
from tests.unit.formats.support import read_csv

TEXTS = st.text("ab ,;\"'", max_size=3)
ORDINARY = {
    pl.Int8(): st.integers(-128, 127).map(str),
    pl.Int64(): st.integers(-(2**63), 2**63 - 1).map(str),
    pl.UInt64(): st.integers(0, 2**64 - 1).map(str),
    pl.Float32(): st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    pl.Float64(): st.floats(allow_nan=False, allow_infinity=False).map(repr),
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
SOURCES = st.builds(
    Csv,
    delimiter=st.sampled_from([",", ",", ",", ",", ";", ".", "-"]),
    quote=st.sampled_from(['"', '"', "'", None]),
    escape=st.sampled_from([None, None, None, "\\", "e"]),
    null_values=st.sampled_from([(), ("NA",), ("-1", "0", "2020-01-01", '"', "a")]),
    trailing_delimiter=st.booleans(),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, pl.DataType], Csv, bytes]:
    """Columns, a dialect and a chunk: half of the chunks would be plain, had not a field or two been written oddly."""
    chosen = draw(st.lists(st.sampled_from(list(ORDINARY)), min_size=1, max_size=5))
    types = {f"c{index}": dtype for index, dtype in enumerate(chosen)}
    source = draw(SOURCES)
    table = [[draw(ORDINARY[dtype]) for dtype in chosen] for _ in range(draw(st.integers(1, 5)))]
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        draw(st.sampled_from(table))[draw(st.integers(0, len(chosen) - 1))] = draw(ODD)
    q, quote_all = source.quote, draw(st.booleans())

    def field(dtype: pl.DataType, text: str) -> str:
        return q + text.replace(q, q + q) + q if q and (quote_all or dtype == pl.String) else text

    end = source.delimiter * source.trailing_delimiter + draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return types, source, "".join(source.delimiter.join(map(field, chosen, row)) + end for row in table).encode()


def records(types: dict[str, pl.DataType], source: Csv, data: bytes, *, typed: bool) -> Records:
    expected = [ExpectedColumn(name, dtype=dtype if typed else None) for name, dtype in types.items()]
    return read_csv(data, CsvReader(source, list(types), expected, "reject"), first_row=8, origin=100)


@settings(max_examples=600)
@given(cases())
@example(({"a": pl.Date(), "b": pl.Int8()}, Csv(), b"2020-02-30,1\n"))
@example(({"a": pl.Date(), "b": pl.Int8()}, Csv(), b"0000-01-01,1\n"))
@example(({"a": pl.Date(), "b": pl.Int8()}, Csv(delimiter="-"), b"2020-02-28-1\n"))
@example(({"a": pl.Int8(), "b": pl.Int8()}, Csv(), b"128,1\n"))
@example(({"a": pl.Int8(), "b": pl.Int8()}, Csv(null_values=["1\n2"]), b"1\n2,1\n"))
@example(({"a": pl.Int8()}, Csv(), b"\n"))
@example(({"a": pl.Float32(), "b": pl.Int8()}, Csv(), b"9" * 40 + b",1\n"))
@example(({"a": pl.Float64(), "b": pl.Int8()}, Csv(), b"1e999,1\n"))
@example(({"a": pl.Decimal(6, 2), "b": pl.Int8()}, Csv(), b"12345.67,1\n"))
@example(({"a": pl.Decimal(6, 2), "b": pl.Int8()}, Csv(), b"1.234,1\n"))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(), b"\xff,1\n"))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(), b"\xef\xbb\xbfx,1\n"))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(), b'x"y,1\nz"w,1\n'))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(quote=None), b'"x,1\n'))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(), b'"x\ny",1\n'))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(), b"x\0,1\n"))
@example(({"a": pl.String(), "b": pl.Int8()}, Csv(null_values=['"']), b'"""",1\n'))
def test_a_chunk_is_evaluated_alike_with_types_and_as_strings(case):
    types, source, data = case
    schema = pa.DataFrameSchema({name: pa.Column(dtype, nullable=True) for name, dtype in types.items()})
    contract = compile_contract(schema, dataset="d")
    with_types, as_texts = (records(types, source, data, typed=typed) for typed in (True, False))
    event(f"plain: {with_types.frame.schema != as_texts.frame.schema}")
    assert with_types.malformed == as_texts.malformed
    split, truth = (contract.evaluate(each.frame, strings=each.strings).split() for each in (with_types, as_texts))
    assert_frame_equal(split.accepted, truth.accepted, check_exact=True)
    assert_frame_equal(split.rejected, truth.rejected)
    assert_frame_equal(with_types.strings(with_types.frame), as_texts.frame)
    rows = as_texts.frame[ROW]
    assert_series_equal(with_types.byte_offsets(rows), as_texts.byte_offsets(rows))


@given(st.lists(st.tuples(st.integers(0, 999), st.text("ab", max_size=3), st.booleans()), min_size=1), st.data())
def test_the_strings_and_offsets_of_any_records_are_those_of_their_chunk(lines, data):
    texts = [f"0{number},{text},\r\n" if returns else f"0{number},{text},\n" for number, text, returns in lines]
    found = records(
        {"n": pl.Int64(), "s": pl.String()}, Csv(trailing_delimiter=True), "".join(texts).encode(), typed=True
    )
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
