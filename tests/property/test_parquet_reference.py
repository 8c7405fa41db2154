"""Parquet, beside pyarrow: what is published is what it reads; and a file that lies is refused, or read right."""

from __future__ import annotations

import datetime as dt
import io
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.polars as pan
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import filegate
from filegate import Dataset, Parquet
from filegate.errors import PermanentError
from filegate.formats.parquet.footer import read_footer
from filegate.formats.parquet.pages import walk
from filegate.pipeline.in_process import SETTINGS
from filegate.runs.address import Address
from filegate.runs.manifests import OutputManifest
from filegate.runs.states import Status
from filegate.storage.objects import read_document
from tests.unit.formats.parquet_files import GROUPS, ROWS, footer_start, parquet, places, with_byte
from tests.unit.formats.support import MemoryBlob, expected, read_all

_TIMES = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))  # noqa: DTZ001 - of no zone
_NEAR = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001
_WHOLE = ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT")
_TEXT = ("PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY")
_PLAIN = ("PLAIN",)


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda digits: Decimal(f"{digits}e-{scale}"))


# How it is written; how it is compared; its values; the encodings besides a dictionary.
TYPES: list[tuple[pa.DataType, pa.DataType, st.SearchStrategy[Any], tuple[str, ...]]] = [
    (pa.bool_(), pa.bool_(), st.booleans(), ("PLAIN", "RLE")),
    *[
        (kind, kind, st.integers(0 if unsigned else -(2 ** (bits - 1)), 2 ** (bits - (not unsigned)) - 1), _WHOLE)
        for kind, bits, unsigned in [
            (pa.int8(), 8, False),
            (pa.int16(), 16, False),
            (pa.int32(), 32, False),
            (pa.int64(), 64, False),
            (pa.uint8(), 8, True),
            (pa.uint16(), 16, True),
            (pa.uint32(), 32, True),
            (pa.uint64(), 64, True),
        ]
    ],
    (pa.float16(), pa.float32(), st.floats(width=16), _PLAIN),
    (pa.float32(), pa.float32(), st.floats(width=32), ("PLAIN", "BYTE_STREAM_SPLIT")),
    (pa.float64(), pa.float64(), st.floats(), ("PLAIN", "BYTE_STREAM_SPLIT")),
    (pa.string(), pa.string(), st.text(max_size=30), _TEXT),
    (pa.large_string(), pa.string(), st.text(max_size=3), _TEXT),
    (pa.binary(), pa.string(), st.text(max_size=30).map(str.encode), _TEXT),
    (pa.dictionary(pa.int8(), pa.string()), pa.string(), st.sampled_from("abc"), _PLAIN),
    *[
        (pa.decimal128(*digits), pa.decimal128(*digits), _decimals(*digits), _PLAIN)
        for digits in [(5, 2), (15, 3), (38, 10)]
    ],
    (pa.date32(), pa.date32(), st.dates(), _WHOLE),
    *[(kind, pa.time64("ns"), st.times(), _WHOLE) for kind in [pa.time32("ms"), pa.time64("us"), pa.time64("ns")]],
    (pa.timestamp("ms"), pa.timestamp("ms"), _TIMES, _WHOLE),
    (pa.timestamp("us"), pa.timestamp("us"), _TIMES, _WHOLE),
    (pa.timestamp("ns"), pa.timestamp("ns"), _NEAR, _WHOLE),
    *[
        (
            pa.timestamp("us", zone),
            pa.timestamp("us", "UTC"),
            _NEAR.map(lambda time: time.replace(tzinfo=dt.UTC)),
            _WHOLE,
        )
        for zone in ["UTC", "-02:15", "Europe/Berlin"]
    ],
]
NESTED = pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())]))


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, dict[str, pa.DataType]]:
    """A file, and how the columns of its contract are compared."""
    rows = draw(st.integers(1, 40))
    columns: dict[str, pa.Array] = {}
    compared: dict[str, pa.DataType] = {}
    encodings: dict[str, str] = {}
    for index, (kind, as_, values, ways) in enumerate(draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))):
        name = f"c{index}"
        cells = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns[name] = pa.array([_cell(cell, kind) for cell in cells], kind)
        compared[name] = as_
        if not pa.types.is_dictionary(kind):
            encodings[name] = draw(st.sampled_from(ways))
    if draw(st.booleans()):
        columns["nested"] = pa.array([[{"a": row, "b": "x"}] * (row % 3) for row in range(rows)], NESTED)
    with_dictionary = draw(st.booleans())
    int96 = draw(st.booleans())
    options = {
        "compression": draw(st.sampled_from(["none", "snappy", "gzip", "zstd", "brotli", "lz4"])),
        "data_page_version": draw(st.sampled_from(["1.0", "2.0"])),
        "row_group_size": draw(st.sampled_from([rows, max(1, rows // 3)])),
        "max_rows_per_page": draw(st.sampled_from([1, 7, 20_000])),
        "write_batch_size": draw(st.sampled_from([1, 5, 1000])),
        "write_page_checksum": draw(st.booleans()),
        "store_schema": draw(st.booleans()),
        "use_deprecated_int96_timestamps": int96,
        "use_dictionary": with_dictionary or [name for name in columns if name not in encodings],
    }
    if int96:
        compared = {
            name: pa.timestamp("us", each.tz) if pa.types.is_timestamp(each) else each
            for name, each in compared.items()
        }
    elif not with_dictionary:
        options["column_encoding"] = encodings
    return parquet(columns, **options), compared


def _cell(cell: Any, kind: pa.DataType) -> Any:
    if isinstance(cell, dt.datetime) and kind.unit == "ms":
        return cell.replace(microsecond=cell.microsecond // 1000 * 1000)
    if isinstance(cell, dt.time) and pa.types.is_time32(kind):
        return cell.replace(microsecond=cell.microsecond // 1000 * 1000)
    return cell


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(files(), st.sampled_from([300, 6 << 20]))
def test_what_is_published_is_what_pyarrow_reads(file: tuple[bytes, dict[str, pa.DataType]], chunk_bytes: int) -> None:
    data, compared = file
    table = pq.read_table(io.BytesIO(data), columns=list(compared), coerce_int96_timestamp_unit="us")
    wanted = pl.DataFrame({name: _polars(table[name].combine_chunks().cast(as_)) for name, as_ in compared.items()})
    published = _published(data, wanted.schema, chunk_bytes)
    assert published.schema == wanted.schema
    assert published.equals(wanted)


def _polars(column: pa.Array) -> pl.Series:
    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)
    return series


def _published(data: bytes, schema: pl.Schema, chunk_bytes: int) -> pl.DataFrame:
    columns = {name: pan.Column(dtype, nullable=True) for name, dtype in schema.items()}
    dataset = Dataset(
        "rows",
        schema=pan.DataFrameSchema(columns),
        source=Parquet(),
        on_unknown_columns="ignore",
        tolerated_rejects=1.0,
    )
    sizes = SETTINGS.model_copy(update={"chunk_bytes": chunk_bytes})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.parquet"
        path.write_bytes(data)
        outcome = filegate.run(path, dataset, folder=Path(folder) / "out", settings=sizes)
        assert outcome.record.status == Status.SUCCEEDED, outcome.record.error_message
        manifest = read_document(outcome.store, Address.parse(outcome.record.output or ""), OutputManifest)
        parts = [outcome.store.read(Address("processed", part.target)) for part in manifest.parts]
        return pl.concat(pl.read_parquet(part) for part in parts)


_FRAME = pl.DataFrame({"n": range(50), "t": [None if n % 7 == 0 else f"text {n}" for n in range(50)]})
_OPTIONS = {"row_group_size": 20, "max_rows_per_page": 8, "write_batch_size": 4, "write_page_checksum": True}
_FILES = {
    version: parquet(
        {"n": _FRAME["n"].to_arrow(), "t": _FRAME["t"].cast(pl.String).to_list()}, data_page_version=version, **_OPTIONS
    )
    for version in ("1.0", "2.0")
}


def _right_or_refused(data: bytes) -> bool:
    """Whether a file is refused; if it is not, its rows are the right ones."""
    try:
        found = read_all(data, expected("n", "t"), Parquet())
    except PermanentError:
        return True
    assert found.frame.drop("__row__").equals(_FRAME)
    return False


@pytest.mark.parametrize("version", _FILES)
@pytest.mark.parametrize("path", [(ROWS,), (GROUPS, 3), *[(GROUPS, 1, 3, field) for field in (4, 5, 7, 9, 11)]])
def test_numbers_of_the_footer_are_not_believed(version: str, path: tuple[int, ...]) -> None:
    data = _FILES[version]
    for place in places(data, *path):
        for bit in range(7):
            _right_or_refused(with_byte(data, place, data[place] ^ 1 << bit))


@pytest.mark.parametrize("version", _FILES)
@pytest.mark.parametrize("path", [(ROWS,), (GROUPS, 3), (GROUPS, 1, 3, 5)])
def test_other_numbers_of_rows_are_refused(version: str, path: tuple[int, ...]) -> None:
    data = _FILES[version]
    for place in places(data, *path):
        assert _right_or_refused(with_byte(data, place, data[place] ^ 2))


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.sampled_from(sorted(_FILES)), st.data())
def test_a_changed_page_is_refused(version: str, data: st.DataObject) -> None:
    bodies = _bodies(_FILES[version])
    place = data.draw(st.sampled_from(bodies))
    changed = with_byte(_FILES[version], place, _FILES[version][place] ^ data.draw(st.integers(1, 255)))
    assert _right_or_refused(changed)


def _bodies(data: bytes) -> list[int]:
    """The bytes of the file that are in pages, behind their headers."""
    file = io.BytesIO(data)
    footer = read_footer(MemoryBlob(data))
    found: list[int] = []
    for group in footer.row_groups:
        for leaf, chunk in footer.column_chunks(group, footer.columns).items():
            pages = walk(file, "x", footer.columns[leaf], chunk)
            for page in [*([pages.dictionary] if pages.dictionary else []), *pages.data]:
                found += range(page.body, page.end)
    return found


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.sampled_from(sorted(_FILES)), st.data())
def test_a_truncated_file_is_refused(version: str, data: st.DataObject) -> None:
    whole = _FILES[version]
    assert _right_or_refused(whole[: data.draw(st.integers(4, len(whole) - 1))])


@settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.sampled_from(sorted(_FILES)), st.data())
def test_no_footer_breaks_the_reader(version: str, data: st.DataObject) -> None:
    """What a footer with another byte means cannot be known; but nothing other than a refusal comes of it."""
    whole = _FILES[version]
    place = data.draw(st.integers(footer_start(whole), len(whole) - 1))
    try:
        read_all(with_byte(whole, place, data.draw(st.integers(0, 255))), expected("n", "t"), Parquet())
    except PermanentError:
        return
