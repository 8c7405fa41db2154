"""An explanation has the values that broke a rule most often, and the first rows that did, at their lines."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.operations import quarantine as module
from filegate.operations.quarantine import ReceivedValue, explain, line_numbers
from filegate.pipeline.parquet import parquet_bytes
from filegate.runs.address import Address
from filegate.runs.manifests import Layout, QuarantineManifest, QuarantinePart
from filegate.runs.record import RunRecord
from filegate.storage.objects import write_document
from tests.unit.operations.fakes import LAYOUT, SCHEMA, MemoryCloud, rejected

TEXT = Layout("csv", 0, None, "utf-8", ("a",), 0)


def quarantined(cloud: MemoryCloud, *parts: list[dict[str, object]]) -> RunRecord:
    """A run with this quarantine."""
    run = cloud.has_partial()
    written = []
    for index, rows in enumerate(parts):
        address = Address("quarantine", f"flights/{run.run_id}/{index:05d}.parquet")
        cloud.store.write(address, parquet_bytes(pl.DataFrame(rows, schema=SCHEMA), compression="zstd"))
        written.append(QuarantinePart(key=address.key, rows=len(rows)))
    manifest = QuarantineManifest(
        run_id=run.run_id, dataset="flights", object="x", layout=LAYOUT, rules={}, parts=tuple(written)
    )
    write_document(cloud.store, Address("quarantine", f"flights/{run.run_id}/manifest.json"), manifest)
    rules: dict[str, int] = {}
    for row in (row for part in parts for row in part):
        for broken in row["broken"]:  # type: ignore[attr-defined]
            rules[broken["rule"]] = rules.get(broken["rule"], 0) + 1
    return run.model_copy(update={"rules": rules})


def too_low(row: int, value: str) -> dict[str, object]:
    return rejected(row, ("flight:ge", "flight", value, ">= 1"))


def test_rules_come_with_their_values_and_first_rows(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    flight, carrier = explain(run, cloud.store)
    assert (flight.rule, flight.column, flight.allowed, flight.rows) == ("flight:ge", "flight", ">= 1", 3)
    assert flight.values == (ReceivedValue("-1", 1), ReceivedValue("-5", 1), ReceivedValue("0", 1))
    assert [(example.line, example.row.row) for example in flight.examples] == [(None, 3), (None, 4), (None, 9)]
    assert (carrier.rule, carrier.rows, carrier.values) == ("carrier:isin", 1, (ReceivedValue("\x1b[2J", 1),))
    assert flight.examples[1].row == carrier.examples[0].row
    assert [broken.rule for broken in carrier.examples[0].row.broken] == ["carrier:isin", "flight:ge"]


def test_the_most_frequent_values_are_counted_over_all_parts(
    cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [
        [too_low(row, value) for row, value in enumerate(["-1", "0", "-2", "0"])],
        [too_low(row, value) for row, value in enumerate(["0", "-2", "-3", "-4", "-5", "-6"], 4)],
    ]
    (rule,) = explain(quarantined(cloud, *parts), cloud.store)
    assert rule.values[:2] == (ReceivedValue("0", 3), ReceivedValue("-2", 2))
    assert len(rule.values) == module.MAX_VALUES
    assert [example.row.row for example in rule.examples] == [0, 1, 2]
    monkeypatch.setattr(module, "MAX_PARTS", 1)
    (rule,) = explain(quarantined(cloud, *parts), cloud.store)
    assert (rule.rows, rule.values[0]) == (10, ReceivedValue("0", 2))


def test_examples_are_found_in_later_parts_too(cloud: MemoryCloud) -> None:
    other = rejected(7, ("carrier:isin", "carrier", "ZZ", "AA"))
    rules = explain(
        quarantined(cloud, [too_low(1, "0")], [too_low(5, "0"), other, too_low(8, "0"), too_low(9, "0")]), cloud.store
    )
    assert {rule.rule: [example.row.row for example in rule.examples] for rule in rules} == {
        "flight:ge": [1, 5, 8],
        "carrier:isin": [7],
    }


def test_a_rule_about_no_value_has_none(cloud: MemoryCloud) -> None:
    row = rejected(1) | {"broken": [{"rule": "*:late", "column": None, "value": None, "allowed": "so"}]}
    (rule,) = explain(quarantined(cloud, [row]), cloud.store)
    assert (rule.column, rule.values, len(rule.examples)) == (None, (), 1)


def test_only_the_parts_of_the_examples_are_read_whole(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    run = quarantined(cloud, *[[too_low(3 * part + row, "0") for row in range(3)] for part in range(9)])
    whole: list[bool] = []
    read = pl.read_parquet

    def noting(data: bytes, **how: Any) -> pl.DataFrame:
        whole.append(not how)
        return read(data, **how)

    monkeypatch.setattr(pl, "read_parquet", noting)
    explain(run, cloud.store)
    assert (whole.count(True), whole.count(False)) == (1, 9)


def test_a_run_without_rejects_has_nothing_to_explain(cloud: MemoryCloud) -> None:
    assert explain(cloud.has("january"), cloud.store) == []


def test_examples_have_the_lines_of_the_file(cloud: MemoryCloud, tmp_path: Path) -> None:
    file = tmp_path / "january.csv"
    file.write_bytes(b"x" * 9 + b"\n" + (b"y" * 99 + b"\n") * 10)  # the fake's rows lie at every hundredth byte
    flight, carrier = explain(cloud.has_partial(), cloud.store, file)
    assert [example.line for example in flight.examples] == [4, 5, 10]
    assert carrier.examples[0].to_json()["line"] == 5


def test_a_file_that_is_no_text_has_no_lines(cloud: MemoryCloud, tmp_path: Path) -> None:
    run = quarantined(cloud, [too_low(1, "0") | {"byte_offset": None}])
    (rule,) = explain(run, cloud.store, tmp_path / "not-opened.parquet")
    assert [example.line for example in rule.examples] == [None]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_line_ends_count_once(tmp_path: Path, end: bytes, prefix: bytes) -> None:
    file = tmp_path / "x.csv"
    lines = [prefix + b"a", b'"1', b'2"', b"3"]
    file.write_bytes(end.join(lines) + end)
    offsets = {sum(len(line) + len(end) for line in lines[:number]): number + 1 for number in range(5)}
    assert line_numbers(file, TEXT, offsets) == offsets


def test_a_carriage_return_inside_a_value_ends_no_line_of_a_file_with_line_feeds(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b'a\n"1\r2"\n3\n')
    assert line_numbers(file, TEXT, [2, 8]) == {2: 2, 8: 3}


@pytest.mark.parametrize("encoding", ["utf-16-le", "cp1252"])
def test_places_are_those_of_the_utf_8_text(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress("é\né\né\n".encode(encoding)))
    assert line_numbers(file, Layout("csv", 0, "gzip", encoding, ("a",), 0), [0, 3, 6]) == {0: 1, 3: 2, 6: 3}


@given(lines=st.lists(st.integers(0, 40), max_size=30), block=st.integers(1, 50))
def test_every_line_is_counted_however_the_text_is_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], block: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "lines.csv"
    file.write_bytes(b"".join(b"x" * length + b"\n" for length in lines))
    starts = {sum(length + 1 for length in lines[:number]): number + 1 for number in range(len(lines) + 1)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_BLOCK", block)
        assert line_numbers(file, TEXT, starts) == starts
