"""A partition's folder gives its value back to its readers, or the row is rejected: asked of other readers."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow as arrow
import pyarrow.dataset
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import filegate
from filegate import Dataset, Json
from filegate.contract.partitions import HIVE_NULL, NotAFolder, folder, not_a_folder

READ_WRONG = ["", HIVE_NULL]
HOSTILE = [
    *(
        "a/b",
        "a=b",
        "..",
        ".",
        "/",
        "%",
        "%41",
        "100%",
        " a ",
        "+",
        "?#&",
        "é",
        "e\u0301",
        "日本",
        "\U0001f600",
        "\x00",
        "\n\r\t",
    ),
    *(
        "\x7f",
        "\x85",
        "\u2028",
        "\\",
        '"',
        "'",
        ":*<>|",
        "[x]{y}^~`",
        "007",
        "1e5",
        "true",
        "null",
        "nan",
        "%5F",
        "_x",
        ".x",
    ),
    *("x" * 253, "x" * 254, "/" * 84, "/" * 85, "é" * 126, "é" * 127),
]
TEXTS = st.one_of(st.sampled_from([*READ_WRONG, *HOSTILE]), st.text(max_size=12))


def hive(name: str) -> str | None:
    """A folder's value as Hive and Spark read it: each `%XX` is one character, whatever its neighbours are."""
    if name == HIVE_NULL:
        return None
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda code: chr(int(code[1], 16)), name)


def readings(root: Path, dtype: pl.DataType) -> dict[str, list[Any]]:
    """The values of column `c` of a folder of partitions, as others read them."""
    arrow_type = pl.Series(dtype=dtype).to_arrow().type
    flavor = pyarrow.dataset.partitioning(arrow.schema([("c", arrow_type)]), flavor="hive")
    files = root / "**" / "*.parquet"
    return {
        "polars": pl.scan_parquet(files, hive_partitioning=True, hive_schema={"c": dtype}).collect()["c"].to_list(),
        "pyarrow": pyarrow.dataset.dataset(root, partitioning=flavor).to_table()["c"].to_pylist(),
    }


def test_hive_unescapes_byte_by_byte() -> None:
    """Why characters beyond ASCII stand as they are: percent-encoded, Spark and Hive would read others."""
    assert hive("%C3%A9") == "Ã©"
    assert folder("c", pl.Series(["é/"])) == "c=é%2F"


@given(text=TEXTS)
def test_a_folder_gives_its_text_back_or_there_is_none(text: str) -> None:
    values = pl.Series("c", [text])
    refused = pl.DataFrame([values]).select(not_a_folder("c")).item()
    try:
        name = folder("c", values)
    except NotAFolder:
        assert refused or set(text) & {"\ufffe", "\uffff"}
        return
    assert not refused, "the rule and the folders are of one mind"
    assert "/" not in name
    assert len(name.encode()) <= 255
    assert hive(name.removeprefix("c=")) == text
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / name).mkdir()
        pl.DataFrame({"id": [1]}).write_parquet(Path(root) / name / "part.parquet")
        assert readings(Path(root), pl.String()) == {"polars": [text], "pyarrow": [text]}


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (pl.Boolean(), True),
        (pl.Int64(), -(2**63)),
        (pl.UInt64(), 2**64 - 1),
        (pl.Float64(), 1e22),
        (pl.Float64(), 5e-324),
        (pl.Float64(), float("-inf")),
        (pl.Float32(), 0.10000000149011612),
        (pl.Date(), dt.date(1, 1, 1)),
        (pl.Datetime("us"), dt.datetime(2024, 1, 31, 13, 45, 0, 1)),  # noqa: DTZ001 - the type has none
        (pl.Datetime("us", "Europe/Berlin"), dt.datetime(2024, 10, 27, 1, 30, tzinfo=dt.UTC)),
        (pl.String(), None),
    ],
    ids=str,
)
def test_values_of_other_types_come_back(dtype: pl.DataType, value: Any, tmp_path: Path) -> None:
    values = pl.Series("c", [value], dtype)
    (tmp_path / folder("c", values)).mkdir()
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / folder("c", values) / "part.parquet")
    assert readings(tmp_path, dtype) == {"polars": [values[0]], "pyarrow": [values[0]]}


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("c", [Decimal("-0.0000001"), Decimal(0)], pl.Decimal(38, 7)),
        pl.Series("c", [float("nan")]),
        pl.Series("c", [1_706_708_700_123_456_789, 1_706_708_700_123_456_790, 1_706_708_700_000_000_000]).cast(
            pl.Datetime("ns")
        ),
        pl.Series("c", [1_706_708_700_123_456_789]).cast(pl.Datetime("ns", "UTC")),
        pl.Series("c", ["b", "a"], pl.Categorical),
        pl.Series("c", ["b"], pl.Enum(["a", "b"])),
    ],
    ids=lambda values: str(values.dtype),
)
def test_values_that_only_polars_types_come_back(values: pl.Series, tmp_path: Path) -> None:
    for index in range(len(values)):
        place = tmp_path / folder("c", values[index : index + 1])
        place.mkdir()  # a second one of this name would be two values in one folder
        pl.DataFrame({"id": [index]}).write_parquet(place / "part.parquet")
    found = pl.scan_parquet(tmp_path, hive_partitioning=True, hive_schema={"c": values.dtype}).sort("id").collect()
    assert found["c"].equals(values)


@pytest.mark.parametrize("dtype", [pl.Float64(), pl.Float32()], ids=str)
def test_values_that_are_equal_share_a_folder(dtype: pl.DataType) -> None:
    assert {folder("c", pl.Series([zero], dtype=dtype)) for zero in (0.0, -0.0)} == {"c=0.0"}


@settings(max_examples=25)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
@example(texts=HOSTILE)
def test_what_is_published_is_what_the_file_says(texts: list[str]) -> None:
    schema = pa.DataFrameSchema({"id": pa.Column(int), "c": pa.Column(str)})
    dataset = Dataset("rows", schema=schema, source=Json(), partition_by=["c"], tolerated_rejects=1.0)
    kept = [text for text in texts if not pl.DataFrame({"c": [text]}).select(not_a_folder("c")).item()]
    kept = [text for text in kept if not set(text) & {"\ufffe", "\uffff"}]
    place = Path(tempfile.mkdtemp())
    try:
        rows = pl.DataFrame({"id": range(len(texts) + 1), "c": [*texts, "kept"]})
        rows.write_ndjson(place / "a.ndjson")
        outcome = filegate.run(place / "a.ndjson", dataset, folder=place / "out")
        if outcome.record.error_type is not None:  # what S3 cannot name: nothing is published
            assert any(set(text) & {"\ufffe", "\uffff"} for text in texts)
            return
        assert outcome.record.rules == ({"c:partition": len(texts) - len(kept)} if len(kept) < len(texts) else {})
        for read in readings(place / "out" / "processed" / "rows", pl.String()).values():
            assert Counter(read) == Counter([*kept, "kept"])
    finally:
        shutil.rmtree(place)
