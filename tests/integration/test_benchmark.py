"""A candidate's time counts only for the right result: what is held against it, and that a difference is seen."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from benchmarks.compare import WrongResult, compare
from benchmarks.data import Data, prepared
from benchmarks.jobs import job, reference
from benchmarks.measure import measured
from benchmarks.reference import write_reference
from benchmarks.tables import TABLES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    data = prepared(0.001, tmp_path_factory.mktemp("benchmark"))
    for name in ("lineitem", "flights", "half_rejected"):
        write_reference(job(name, data), reference(name, data))
    return data


# The others' libraries are in an environment of their own; make bench compares them, too.
@pytest.mark.parametrize("candidate", ["filegate", "polars_pandera"])
@pytest.mark.parametrize("name", ["lineitem", "flights", "half_rejected"])
def test_a_candidate_has_the_reference_s_result(data: Data, candidate: str, name: str) -> None:
    with data.output() as output:
        taken = measured(candidate, name, data, output)
        compare(TABLES[job(name, data).table], output, reference(name, data))
    assert taken.cpu_s > 0
    assert taken.anonymous_mb <= taken.peak_mb


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_filegate_has_the_same_result_from_a_compressed_file(data: Data, name: str) -> None:
    with data.output() as output:
        parts = measured("filegate", name, data, output).parts
        compare(TABLES["lineitem"], output, reference(name, data))
    assert list(parts) == ["ingest", "validate", "transform", "publish"]


def test_all_that_is_spoiled_is_found(data: Data) -> None:
    """Each fault is one that the rules are there for, and the rows add up."""
    rejected = pl.read_parquet(reference("lineitem", data) / "rejected/*.parquet")
    assert rejected["row"].to_list() == [row for row in range(100, 6006, 100) if row // 100 % 10 != 5]
    assert set(rejected["broken"].list.join(" ")) == {
        "l_quantity:type",
        "l_discount:in_range",
        "l_shipmode:isin",
        "l_partkey:not_null",
        "*:received_after_shipping",
        "l_shipdate:type",
        "l_comment:str_length",
        "l_returnflag:isin l_tax:in_range",
        "l_extendedprice:type",
    }


def test_the_reference_keeps_the_first_row_of_a_key(data: Data) -> None:
    lines = job("lineitem", data).input.read_text().splitlines()
    first, repeated = (line.split(",")[:6] for line in lines[499:501])
    assert (first[0], first[3]) == (repeated[0], repeated[3])
    published = pl.read_parquet(reference("lineitem", data) / "published/**/*.parquet")
    (kept,) = published.filter(l_orderkey=int(first[0]), l_linenumber=int(first[3])).to_dicts()
    assert str(kept["l_extendedprice"]) == first[5] != repeated[5]


def altered(change: Callable[[pl.DataFrame], pl.DataFrame], place: str) -> Callable[[Path], None]:
    def alter(result: Path) -> None:
        file = sorted((result / place).rglob("*.parquet"))[0]
        change(pl.read_parquet(file, hive_partitioning=False)).write_parquet(file)

    return alter


DIFFERENCES: dict[str, Callable[[Path], object]] = {
    "a row less": altered(lambda rows: rows.slice(1), "published"),
    "a row twice": altered(lambda rows: pl.concat([rows, rows.head(1)]), "published"),
    "a cent more": altered(
        lambda rows: rows.with_columns(
            pl.when(pl.int_range(pl.len()) == 7).then(1).otherwise("revenue").alias("revenue")
        ),
        "published",
    ),
    "another partition": lambda result: (result / "published/ship_year=1992").rename(
        result / "published/ship_year=1999"
    ),
    "a reason less": altered(lambda rows: rows.with_columns(pl.col("broken").list.head(1)), "rejected"),
    "another value received": altered(lambda rows: rows.with_columns(l_tax=pl.lit("0.03")), "rejected"),
    "no reject at all": altered(lambda rows: rows.clear(), "rejected"),
}


@pytest.mark.parametrize("alter", DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_seen(data: Data, alter: Callable[[Path], None], tmp_path: Path) -> None:
    expected = reference("lineitem", data)
    shutil.copytree(expected, tmp_path / "result")
    compare(TABLES["lineitem"], tmp_path / "result", expected)
    alter(tmp_path / "result")
    with pytest.raises(WrongResult):
        compare(TABLES["lineitem"], tmp_path / "result", expected)
