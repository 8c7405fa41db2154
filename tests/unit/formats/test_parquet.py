import datetime as dt
import io
import json

import polars as pl
import pyarrow as pa
import pytest

from filegate.errors import MalformedObject, ObjectTooLarge, PermanentError, SchemaMismatch
from filegate.formats import ExpectedColumn, parquet_schema, sniff, split
from filegate.formats.parquet import footer, pages, reader, table, thrift
from filegate.formats.sources import Parquet
from tests.unit.formats.parquet_files import GROUPS, ROWS, SCHEMA, encrypted_column, int96, parquet, places, with_byte
from tests.unit.formats.support import MemoryBlob, Outcome, expected, read_all

FRAME = pl.DataFrame(
    {
        "a": range(1000),
        "b": [f"text {n}" for n in range(1000)],
        "day": [dt.date(2024, 1, 1)] * 1000,
        "nested": [{"x": [n]} for n in range(1000)],
        "bytes": [b"\xff"] * 1000,
    }
)


def written(frame):
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=300)
    return file.getvalue()


DATA = written(FRAME)


@pytest.mark.parametrize("chunk_bytes", [1, 4000, 1 << 20])
def test_slices_are_the_file_with_its_types(chunk_bytes):
    frame = FRAME.head(20) if chunk_bytes == 1 else FRAME
    result = read_all(written(frame), ["a", "day"], Parquet(), chunk_bytes=chunk_bytes, on_unknown_columns="ignore")
    assert result.frame.drop("__row__").equals(frame.select("a", "day"))
    assert result.frame["__row__"].to_list() == list(range(1, frame.height + 1))
    assert len(result.chunks) >= min(frame.height, frame.height * 8 * frame.width / chunk_bytes)
    assert result.offsets == [None] * frame.height


def test_unknown_columns_are_rescued_as_json():
    result = read_all(DATA, ["a", "b"], Parquet(), on_unknown_columns="rescue")
    assert json.loads(result.frame["_rescued"][7]) == {"day": "2024-01-01", "nested": {"x": [7]}, "bytes": "/w=="}


@pytest.mark.parametrize(
    ("values", "rescued"),
    [
        (pa.array([[b"ab", None]]), ["YWI=", None]),
        (pa.array([{"a": [{"b": b"\xff"}]}]), {"a": [{"b": "/w=="}]}),
        (pa.array([[2**64 - 1]], pa.list_(pa.uint64())), [2**64 - 1]),
        (pa.array([{"a": 2**32 - 1}], pa.struct([("a", pa.uint32())])), {"a": 2**32 - 1}),
        (pa.array([[1.5]], pa.list_(pa.float16())), [1.5]),
        (pa.array([[1.5, None]]), [1.5, None]),
        (pa.array([[float("nan"), None, float("inf"), 0.1]]), ["NaN", None, "inf", "0.1"]),
        (pa.array([[("null", float("nan"))]], pa.map_(pa.string(), pa.float64())), {"null": "NaN"}),
        (pa.array([[("k", b"v")]], pa.map_(pa.string(), pa.binary())), {"k": "dg=="}),
        (
            pa.array([[(1, "a"), (2, None)]], pa.map_(pa.int64(), pa.string())),
            [{"key": 1, "value": "a"}, {"key": 2, "value": None}],
        ),
        (pa.array([dt.time(1, 2, 3, 4)]), "01:02:03.000004"),
    ],
    ids=str,
)
def test_nothing_of_a_rescued_value_is_lost(values, rescued):
    result = read(parquet({"x": [1], "other": values}), on_unknown_columns="rescue")
    assert json.loads(result.frame["_rescued"][0]) == {"other": rescued}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pa.array([[2**31 - 1]], pa.list_(pa.date32())), "cannot be rescued as JSON: out-of-range date"),
        (pa.array([[0]], pa.list_(pa.timestamp("us"))), "INT96 values within nested ones"),
    ],
    ids=["date", "int96"],
)
def test_nested_values_that_are_not_supported_are_refused(values, reason):
    data = parquet({"x": [1], "other": values}, use_deprecated_int96_timestamps=True)
    with pytest.raises(SchemaMismatch, match=reason):
        read(data, on_unknown_columns="rescue")


def test_a_time_keeps_its_decimals_beside_one_beyond_the_day():
    times = pa.array([3_723_000_004, 86_400_000_000]).cast(pa.time64("us"))
    assert values(parquet({"x": times})) == ["01:02:03.000004", "86400000000 us since midnight"]


@pytest.mark.parametrize("name", ["__row__", "_rescued", "^.*$", ""])
def test_an_unknown_column_may_have_any_name(name):
    data = written(pl.DataFrame({"a": [1], name: [7], "z": ["8"]}))
    [rescued] = read_all(data, ["a"], Parquet(), on_unknown_columns="rescue").frame.to_dicts()
    assert rescued == {"__row__": 1, "a": 1, "_rescued": json.dumps({name: "7", "z": "8"}, separators=(",", ":"))}


def test_the_schema_is_in_the_footer():
    flat = FRAME.drop("nested", "bytes")
    assert parquet_schema(MemoryBlob(DATA), expected(*flat.columns)) == flat.schema


@pytest.mark.parametrize(
    ("columns", "says"), [(["a", "z"], "missing 'z'"), (["a", "b"], "unknown 'day'"), (["A"], "'a' for 'A'")]
)
def test_columns_are_checked_like_a_header(columns, says):
    with pytest.raises(SchemaMismatch, match=says):
        read_all(DATA, columns, Parquet())


def test_a_wanted_column_must_not_be_nested():
    with pytest.raises(SchemaMismatch, match="nested values: 'nested'"):
        read_all(DATA, ["a", "nested"], Parquet(), on_unknown_columns="ignore")


@pytest.mark.parametrize("data", [DATA[:-20], b"PAR1", b"PAR1" + b"x" * 500, DATA[: len(DATA) // 2]])
def test_a_truncated_file_is_malformed(data):
    with pytest.raises(MalformedObject, match="cannot be read"):
        read_all(data, ["a"], Parquet(), on_unknown_columns="ignore")


def test_corrupt_pages_are_malformed():
    for start in range(10, 4000, 130):
        damaged = DATA[:start] + b"\xff" * 60 + DATA[start + 60 :]
        try:
            read_all(damaged, list(FRAME.columns[:3]), Parquet(), on_unknown_columns="ignore")
        except MalformedObject:
            continue


def test_a_file_without_rows_has_no_chunks():
    blob = MemoryBlob(written(FRAME.head(0).select("a")))
    layout = sniff(blob, [Parquet()], expected("a"), "reject")
    assert list(split(blob, layout, Parquet(), chunk_bytes=100)) == []


def read(data: bytes, dtype: pl.DataType | None = None, name: str = "x", **options) -> Outcome:
    """The one column, read for a contract of this type."""
    return read_all(data, [ExpectedColumn(name, dtype=dtype)], Parquet(), **{"on_unknown_columns": "ignore"} | options)


def values(data: bytes, dtype: pl.DataType | None = None, name: str = "x") -> list[object]:
    return read(data, dtype, name).frame[name].to_list()


def julian(day: int, nanoseconds: int = 0) -> bytes:
    """A timestamp as INT96 has it; day 2,440,588 is 1970-01-01."""
    return nanoseconds.to_bytes(8, "little") + day.to_bytes(4, "little", signed=True)


# --- what the footer says


def test_the_footer_and_its_row_groups_must_have_the_same_rows():
    data = parquet({"x": list(range(50))}, row_group_size=25)
    [place] = places(data, ROWS)
    with pytest.raises(MalformedObject, match="announces 20 rows, its 2 row groups have 50"):
        read(with_byte(data, place, 2 * 20))


def test_a_row_group_and_its_pages_must_have_the_same_rows():
    data = parquet({"x": list(range(25))})
    for path in [(ROWS,), (GROUPS, 3), (GROUPS, 1, 3, 5)]:
        [place] = places(data, *path)
        data = with_byte(data, place, 2 * 20)
    with pytest.raises(MalformedObject, match="announces 20 values of column 'x', its pages have 25"):
        read(data)


def test_a_page_must_have_the_checksum_of_its_header():
    data = parquet({"x": list(range(50))}, write_page_checksum=True, use_dictionary=False, compression="none")
    place = data.index(bytes([7, 0, 0, 0, 0, 0, 0, 0, 8]))
    with pytest.raises(MalformedObject, match="has another checksum than its header says"):
        read(with_byte(data, place, 9))


@pytest.mark.parametrize(
    "content",
    [
        b"\x15\x02\x19\xfc\xff\xff\xff\xff\x0f" + bytes(20),  # a schema of 4 billion elements
        b"\x15\x02\x19\xf3\xff\xff\xff\xff\x0f" + bytes(20),  # of bytes
        b"\x18\xff\xff\xff\xff\x0f" + bytes(20),  # a string of 4 GB
        b"\x1c" * 5000,  # structs in structs
        b"\x19" * 5000,  # lists in lists
        b"",
    ],
)
def test_a_footer_that_announces_more_than_it_has_is_refused(content):
    with pytest.raises(MalformedObject, match="footer is corrupt"):
        read(b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1")


def test_a_footer_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(footer, "MAX_FOOTER_BYTES", 100)
    with pytest.raises(ObjectTooLarge, match=r"its footer has [0-9,]+ bytes; at most 100 are read"):
        read(parquet({"x": [1]}))


def test_a_footer_with_too_many_row_groups_is_refused(monkeypatch):
    monkeypatch.setattr(thrift, "MAX_ITEMS", 10)
    with pytest.raises(MalformedObject, match="11 elements, at most 10"):
        read(parquet({"x": list(range(11))}, row_group_size=1))


# --- columns that are not read, and columns that cannot be


def unknown_type(data: bytes) -> bytes:
    """The file, whose last column has a logical type that nobody knows."""
    return with_byte(data, places(data, SCHEMA, 10)[-1], 0x9C)


OTHER = {
    "an unknown logical type": unknown_type(parquet({"x": ["a", "b"], "other": ["c", "d"]})),
    "decimals of 76 digits": parquet({"x": ["a", "b"], "other": pa.array([1, 2]).cast(pa.decimal256(76, 2))}),
    "a zone of minutes": parquet({"x": ["a", "b"], "other": pa.array([1, 2], pa.timestamp("us", "-02:15"))}),
    "half floats": parquet({"x": ["a", "b"], "other": pa.array([1, 2]).cast(pa.float32()).cast(pa.float16())}),
    "columns of one name": parquet({"x": ["a", "b"], "1": [1, 2], "2": [3, 4]}).replace(b"\x18\x011", b"\x18\x012"),
    "sorting columns": parquet({"x": ["a", "b"], "other": [2, 1]}, sorting_columns=[]),
}


@pytest.mark.parametrize("other", OTHER)
def test_columns_that_are_not_in_the_contract_are_passed_over(other):
    assert values(OTHER[other]) == ["a", "b"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ("an unknown logical type", "column 'other' has unknown values, which are not supported"),
        ("decimals of 76 digits", "column 'other' has DECIMAL values, which are not supported"),
    ],
)
def test_a_column_of_the_contract_that_cannot_be_read_is_named(other, says):
    with pytest.raises(SchemaMismatch, match=says):
        read(OTHER[other], name="other")


def test_two_columns_of_a_name_in_the_contract_are_named():
    data = OTHER["columns of one name"]
    with pytest.raises(SchemaMismatch, match="found twice '2'"):
        read(data, name="2")


def test_an_encrypted_file_is_called_so():
    with pytest.raises(MalformedObject, match="an encrypted Parquet file"):
        read(b"PARE" + bytes(50) + b"PARE")


def test_an_encrypted_column_is_passed_over_or_named():
    data = encrypted_column({"x": ["a", "b"], "other": [1, 2]}, "other")
    assert values(data) == ["a", "b"]
    with pytest.raises(SchemaMismatch, match="column 'other' is encrypted"):
        values(data, name="other")


def test_an_encoding_that_is_not_supported_is_called_so():
    data = parquet(
        {"x": pa.array([1, 2]).cast(pa.decimal128(38, 2))},
        use_dictionary=False,
        column_encoding={"x": "BYTE_STREAM_SPLIT"},
    )
    with pytest.raises(MalformedObject, match="column 'x' is written in a way that is not supported"):
        read(data)


# --- values


def test_int96_is_what_the_contract_s_type_can_hold():
    stored = [julian(2_440_588, 1000), None, julian(5_373_484, 86_399 * 10**9), julian(1_721_426)]
    micro = [dt.datetime(1970, 1, 1, 0, 0, 0, 1), None, dt.datetime(9999, 12, 31, 23, 59, 59), dt.datetime(1, 1, 1)]  # noqa: DTZ001
    assert values(int96(*stored), pl.Datetime("us"), "at") == micro
    assert values(int96(*stored[:2]), pl.Datetime("ns"), "at") == micro[:2]
    assert parquet_schema(MemoryBlob(int96(*stored)), [ExpectedColumn("at", dtype=pl.Datetime("us"))]) == {
        "at": pl.Datetime("us")
    }


def test_int96_under_utc_is_the_instant_that_was_written():
    instant = dt.datetime(2024, 10, 27, 1, 30, tzinfo=dt.UTC)  # in an hour that Berlin's clocks show twice
    times = pa.array([int(instant.timestamp()) * 10**6, None]).cast(pa.timestamp("us", "Europe/Berlin"))
    written = parquet({"at": times}, use_deprecated_int96_timestamps=True)
    utc = pl.Datetime("us", "UTC")
    assert parquet_schema(MemoryBlob(written), [ExpectedColumn("at", dtype=utc)]) == {"at": utc}
    assert values(written, utc, "at") == [instant, None]
    beyond = values(int96(julian(2_440_588), julian(5_373_484)), pl.Datetime("ns", "UTC"), "at")
    assert beyond == ["1970-01-01 00:00:00.000000000Z", "9999-12-31 00:00:00.000000000Z"]


def test_int96_is_not_read_in_another_zone_than_utc():
    wanted = pl.Datetime("ms", "Europe/Berlin")
    found = parquet_schema(MemoryBlob(int96(julian(2_440_588))), [ExpectedColumn("at", dtype=wanted)])
    assert found == {"at": pl.Datetime("ms")}


@pytest.mark.parametrize(
    ("stored", "unit", "shown"),
    [
        (julian(5_373_484), "ns", "9999-12-31 00:00:00.000000000"),
        (julian(1_721_426), "ns", "0001-01-01 00:00:00.000000000"),
        (julian(2_440_588, 1), "us", "1970-01-01 00:00:00.000000001"),
        (julian(107_655_427, 3_600 * 10**9), "us", "290038-06-12 01:00:00.000000000"),
        (julian(-(2**31)), "us", "-5884323-05-15 00:00:00.000000000"),
        (julian(2**31 - 1), "ns", "5874898-06-03 00:00:00.000000000"),
    ],
)
def test_an_int96_beyond_the_type_is_shown_as_it_is(stored, unit, shown):
    assert values(int96(julian(2_440_588), stored), pl.Datetime(unit), "at") == [
        str(pl.Series([dt.datetime(1970, 1, 1)], dtype=pl.Datetime(unit)).cast(pl.String)[0]),  # noqa: DTZ001
        shown,
    ]


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([0, 2**31 - 1], pa.int32()).view(pa.date32()), ["1970-01-01", "5881580-07-11"]),
        (pa.array([0, 2**63 - 1]).view(pa.timestamp("us")), [None, "294247-01-10 04:00:54.775807000"]),
        (pa.array([0, -(2**63)]).view(pa.timestamp("ms", "UTC")), [None, "-292275055-05-16 16:47:04.192000000Z"]),
        (pa.array([0, 86_400_000], pa.int32()).view(pa.time32("ms")), ["00:00:00", "86400000 ms since midnight"]),
        (pa.array([0, -1]).view(pa.time64("us")), ["00:00:00", "-1 us since midnight"]),
    ],
)
def test_dates_and_times_beyond_the_type_are_shown_as_they_are(column, shown):
    found = values(parquet({"x": column}))
    assert [value for value, wanted in zip(found, shown, strict=True) if wanted is not None] == [
        wanted for wanted in shown if wanted is not None
    ]
    assert all(isinstance(value, str) for value in found)


SPARK = "org.apache.spark.version"


@pytest.mark.parametrize("note", [{SPARK: "2.4.8"}, {SPARK: "3.5.0", "org.apache.spark.legacyDateTime": ""}])
def test_old_dates_of_spark_s_former_calendar_are_not_taken_for_others(note):
    days = pa.table({"x": pa.array([-719_164, -141_428, -141_427, None], pa.date32())})
    old = values(parquet(days.replace_schema_metadata(note)))
    marked = "or thereabouts: written by Spark in the Julian calendar"
    assert old == [f"0000-12-30 {marked}", f"1582-10-14 {marked}", "1582-10-15", None]
    assert values(parquet(days[1:].replace_schema_metadata({SPARK: "3.5.0"})))[0] == dt.date(1582, 10, 14)
    times = pa.table({"x": pa.array([-25_568 * 86_400_000, 0], pa.timestamp("ms"))}).replace_schema_metadata(note)
    assert values(parquet(times))[0] == f"1899-12-31 00:00:00.000000000 {marked}"


def test_an_instant_is_shown_in_the_contract_s_zone():
    data = parquet({"x": pa.array([0], pa.timestamp("us", "America/New_York"))})
    wanted = pl.Datetime("us", "Europe/Berlin")
    assert parquet_schema(MemoryBlob(data), [ExpectedColumn("x", dtype=wanted)]) == {"x": wanted}
    assert str(values(data, wanted)[0]) == "1970-01-01 01:00:00+01:00"
    assert parquet_schema(MemoryBlob(data), [ExpectedColumn("x", dtype=pl.Datetime("us"))])["x"] == pl.Datetime(
        "us", "UTC"
    )


@pytest.mark.parametrize("wanted", [pl.Categorical(), pl.Enum(["a"])])
def test_text_fits_categories(wanted):
    data = parquet({"x": ["a", "b", None]})
    assert parquet_schema(MemoryBlob(data), [ExpectedColumn("x", dtype=wanted)]) == {"x": wanted}
    assert values(data, wanted) == ["a", "b", None]


def test_a_whole_number_beyond_its_type_stays_a_number():
    data = parquet({"x": pa.array([1, 300], pa.int16())})
    data = with_byte(data, places(data, SCHEMA, 10, 10, 1)[0], 8)
    assert read(data).frame["x"].to_list() == [1, 300]


def test_text_that_is_not_utf_8_stays_bytes_and_is_kept():
    stored = [b"Zo\xc3\xab", b"Zo\xeb", None]
    outcome = read(parquet({"x": pa.array(stored, pa.binary())}))
    assert outcome.frame["x"].to_list() == stored
    assert outcome.originals.rows() == [(2, b"Zo\xeb")]
    [records] = outcome.records
    assert records.strings(records.frame)["x"].to_list() == ["Zoë", "Zo\\xeb", None]


def test_text_that_is_not_utf_8_is_refused_where_it_is_rescued():
    data = parquet({"x": [1], "other": ["abc"]}, use_dictionary=False, compression="none", write_statistics=False)
    with pytest.raises(MalformedObject, match="'other' is corrupt: it has text that is not UTF-8"):
        read(data.replace(b"abc", b"a\xffc"), on_unknown_columns="rescue")


def test_a_column_of_nulls_has_no_type():
    data = parquet({"x": pa.nulls(3)})
    assert parquet_schema(MemoryBlob(data), expected("x")) == {"x": pl.Null}
    assert values(data) == [None] * 3


def test_the_pages_of_a_row_group_are_walked_once_a_pass(monkeypatch):
    walked = []

    def counted(*args):
        walked.append(args)
        return pages.walk(*args)

    monkeypatch.setattr(table, "walk", counted)
    columns = {f"c{index}": list(range(50)) for index in range(6)}
    assert read_all(parquet(columns, row_group_size=5), list(columns), Parquet()).frame.height == 50
    assert len(walked) == 2 * 6 * 10, "for each column in each row group: to split it, and to read it"


def test_a_footer_is_decoded_once_for_a_file(monkeypatch):
    decoded = []
    footer_bytes = footer._footer_bytes

    def counted(blob, file):
        decoded.append(blob)
        return footer_bytes(blob, file)

    monkeypatch.setattr(footer, "_footer_bytes", counted)
    blob, another, columns = MemoryBlob(DATA), MemoryBlob(DATA, "another"), expected("a", "day")
    for each in (blob, blob, another):
        layout = sniff(each, [Parquet()], columns, "ignore")
        assert parquet_schema(each, columns) == {"a": pl.Int64, "day": pl.Date}
        assert list(split(each, layout, Parquet(), chunk_bytes=1 << 20, columns=columns))
    assert decoded == [blob, another]


# --- bounds


def strings(*longest: str, rows: int = 1, **options) -> bytes:
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(longest))
    return parquet({"x": column}, compression="zstd", dictionary_pagesize_limit=1 << 30, **options)


def test_a_page_that_is_too_large_is_refused():
    with pytest.raises(ObjectTooLarge, match="a page of column 'x' has 40,000,004 bytes; at most 33,554,432 are read"):
        read(strings("x" * 40_000_000))


def test_strings_of_a_dictionary_are_as_long_as_the_longest(monkeypatch):
    monkeypatch.setattr(reader, "MAX_DECODED_BYTES", 2_000_000)
    outcome = read(strings("x" * 100_000, "y", rows=100))
    assert max(chunk.rows for chunk in outcome.chunks) < 20
    assert sum(chunk.rows for chunk in outcome.chunks) == 100


def test_strings_that_repeat_their_beginnings_count_whole(monkeypatch):
    monkeypatch.setattr(reader, "MAX_DECODED_BYTES", 2_000_000)
    text = ["x" * 100_000] * 100
    options = {"use_dictionary": False, "column_encoding": {"x": "DELTA_BYTE_ARRAY"}, "compression": "zstd"}
    outcome = read(parquet({"x": text}, **options))
    assert max(chunk.rows for chunk in outcome.chunks) < 21
    assert outcome.frame["x"].to_list() == text
    with pytest.raises(ObjectTooLarge, match="a page of column 'x' holds 50,"):
        read(parquet({"x": ["x" * 100_000] * 500}, **options))


def test_a_row_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(table, "MAX_DECODED_BYTES", 1000)
    with pytest.raises(ObjectTooLarge, match="rows 1 to 1 hold 5,016 bytes; at most 1,000 are read at once"):
        read(strings("x" * 5000))


def test_a_small_file_of_many_long_strings_is_refused():
    with pytest.raises(ObjectTooLarge, match="more than 10,000 times its"):
        read(strings("x" * 10_000_000, rows=200))


def test_nested_values_of_a_row_group_are_bounded(monkeypatch):
    monkeypatch.setattr(table, "MAX_NESTED_BYTES", 1000)
    data = parquet({"x": [1], "n": pa.array([[None] * 1000], pa.list_(pa.int8()))})
    with pytest.raises(ObjectTooLarge, match=r"column 'n' has [0-9,]+ bytes in a row group; at most 1,000"):
        read(data, on_unknown_columns="rescue")


def test_a_dictionary_has_as_many_values_as_its_bytes_allow():
    data = strings("abc")
    header = data.index(b"\x15\x02\x15\x00", 4)  # its number of values, and its encoding
    with pytest.raises(PermanentError, match="is a dictionary of 63 values in 7 bytes"):
        read(with_byte(data, header + 1, 2 * 63))
