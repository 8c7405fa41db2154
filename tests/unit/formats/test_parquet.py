import datetime as dt
import io
import json

import polars as pl
import pytest

from filegate.errors import MalformedObject, SchemaMismatch
from filegate.formats import parquet_schema, sniff, split
from filegate.formats.sources import Parquet
from tests.unit.formats.support import MemoryBlob, expected, read_all

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


@pytest.mark.parametrize("name", ["__row__", "_rescued", "^.*$"])
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
