"""Whole real files through the whole pipeline, held against independent computations on the same bytes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from filegate.runs.states import Status
from harness.pipeline import Drop, Pipeline

REPOSITORY = Path(__file__).parents[2]
FORMATS = ("lineitem.csv", "lineitem.csv.gz", "lineitem.parquet")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    script = REPOSITORY / "scripts" / "sample_data.py"
    subprocess.run([sys.executable, script, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def drops(pipeline: Pipeline, data: Path) -> dict[str, Drop]:
    """Every file, dropped."""
    keys = {
        "flights": ("flights/flights.csv", "flights.csv"),
        "the same flights": ("flights/again.csv", "flights.csv"),
        "cars": ("cars/cars.json", "cars.json"),
        **{name: (f"lineitem/{name}", name) for name in FORMATS},
    }
    return {name: pipeline.drop(key, (data / file).read_bytes()) for name, (key, file) in keys.items()}


TAIL_NUMBER = re.compile(r"N[0-9A-Z]{4,5}")


def flight_is_good(row: dict[str, str]) -> bool:
    """What datasets/flights.py asks of a row beyond what all rows of 2013 have."""
    return (row["tailnum"] == "NA" or TAIL_NUMBER.fullmatch(row["tailnum"]) is not None) and (
        row["arr_time"] == "NA" or row["air_time"] != "NA"
    )


def test_flights_are_parted_as_the_csv_module_and_plain_python_part_them(
    pipeline: Pipeline, drops: dict[str, Drop], data: Path
) -> None:
    with (data / "flights.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    good = [row for row in rows if flight_is_good(row)]
    run = pipeline.run(drops["flights"].run_id)
    assert len(rows) == 336_776
    assert (run.status, run.rows_in, run.rows_accepted, run.rows_out) == (
        Status.PARTIAL,
        len(rows),
        len(good),
        len(good),
    )
    quarantined = pipeline.quarantined("flights", run.run_id)
    assert quarantined["row"].to_list() == [n for n, row in enumerate(rows, 1) if not flight_is_good(row)]
    text = (data / "flights.csv").read_bytes()
    for row, offset in quarantined.select("row", "byte_offset").sample(50, seed=1).iter_rows():
        assert text[offset:].startswith(",".join(rows[row - 1].values()).encode())
    assert quarantined["values"].struct.unnest().fill_null("NA").rows() == [
        tuple(row.values()) for row in rows if not flight_is_good(row)
    ]
    broken = Counter(broken["rule"] for row in quarantined["broken"] for broken in row)
    assert broken == run.rules


def test_flights_are_published_as_a_plain_scan_of_the_file_gives_them(
    pipeline: Pipeline, drops: dict[str, Drop], data: Path
) -> None:
    airlines = pl.read_csv(REPOSITORY / "datasets" / "references" / "airlines.csv")
    plain = pl.read_csv(data / "flights.csv", null_values="NA", infer_schema_length=None)
    expected = (
        plain.filter(
            pl.col("tailnum").is_null() | pl.col("tailnum").str.contains(r"^N[0-9A-Z]{4,5}$"),
            pl.col("arr_time").is_null() | pl.col("air_time").is_not_null(),
        )
        .join(airlines, on="carrier", how="left", maintain_order="left")
        .select(
            pl.col("month").cast(pl.String),
            pl.exclude("month", "name", "time_hour"),
            pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC"),
            airline="name",
            cancelled=pl.col("dep_time").is_null(),
            miles_per_hour=(pl.col("distance") * 60 / pl.col("air_time")).round(1),
        )
    )
    published = pipeline.published("flights", drops["flights"].run_id)
    key = ["time_hour", "carrier", "flight"]
    assert_frame_equal(published.sort(key), expected.sort(key), check_column_order=False, check_exact=True)


def test_flights_lie_in_a_folder_a_month(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    run_id = drops["flights"].run_id
    folders = {key.split("/")[1] for key in pipeline.parts("flights", run_id)}
    assert folders == {f"month={month}" for month in range(1, 13)}


def test_the_same_bytes_give_the_same_bytes(pipeline: Pipeline, drops: dict[str, Drop]) -> None:
    digests = []
    for name in ("flights", "the same flights"):
        run_id = pipeline.run(drops[name].run_id).run_id
        parts = pipeline.parts("flights", run_id)
        digests.append({key.replace(run_id, ""): hashlib.sha256(part).hexdigest() for key, part in parts.items()})
    assert digests[0] == digests[1]
    assert len(digests[0]) >= 12


def test_lineitem_is_published_alike_from_every_format(pipeline: Pipeline, drops: dict[str, Drop], data: Path) -> None:
    plain = pl.read_parquet(data / "lineitem.parquet")
    key = ["l_orderkey", "l_linenumber"]
    published = {}
    for name in FORMATS:
        run = pipeline.run(drops[name].run_id)
        assert (run.status, run.rows_in, run.rows_out) == (Status.SUCCEEDED, plain.height, plain.height)
        published[name] = pipeline.published("lineitem", run.run_id).sort(key)
    assert_frame_equal(published["lineitem.csv"], published["lineitem.parquet"], check_exact=True)
    assert_frame_equal(published["lineitem.csv"], published["lineitem.csv.gz"], check_exact=True)
    given = published["lineitem.csv"].select(plain.columns)
    assert_frame_equal(given, plain.sort(key).cast(given.schema), check_exact=True)


def test_lineitem_gets_its_revenue_and_year(pipeline: Pipeline, drops: dict[str, Drop], data: Path) -> None:
    pipeline.run(drops["lineitem.csv"].run_id)
    published = pipeline.published("lineitem", drops["lineitem.csv"].run_id)
    with (data / "lineitem.csv").open("rb") as file:
        assert gzip.decompress((data / "lineitem.csv.gz").read_bytes()) == file.read()
    rows = csv.DictReader(io.StringIO((data / "lineitem.csv").read_text()))
    cents = sum(
        round(float(row["l_extendedprice"]) * 100) * (100 - round(float(row["l_discount"]) * 100)) for row in rows
    )
    assert published["revenue"].sum() * 10_000 == cents
    assert (published["l_shipdate"].dt.year().cast(pl.String) == published["ship_year"]).all()


def test_cars_without_a_consumption_are_rejected(pipeline: Pipeline, drops: dict[str, Drop], data: Path) -> None:
    plain = pl.read_json(data / "cars.json", infer_schema_length=None)
    run = pipeline.run(drops["cars"].run_id)
    good = plain.filter(pl.col("Miles_per_Gallon") > 0)
    assert (run.status, run.rows_in, run.rows_out) == (Status.PARTIAL, plain.height, good.height)
    published = pipeline.published("cars", run.run_id)
    assert sorted(published["name"]) == sorted(good["Name"])
    assert Counter(published["origin"]) == Counter(good["Origin"])
