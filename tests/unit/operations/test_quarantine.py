"""Rejected rows come back as they were kept."""

from __future__ import annotations

import itertools
import json

import pytest

from filegate.errors import WrongUse
from filegate.operations.quarantine import rejected_rows
from filegate.runs.address import Address
from filegate.runs.broken_rule import BrokenRule
from tests.unit.operations.fakes import MemoryCloud


def test_all_rows_in_order(cloud: MemoryCloud) -> None:
    rows = list(rejected_rows(cloud.has_partial(), cloud.store))
    assert [row.row for row in rows] == [3, 4, 9]
    assert rows[0].broken == (BrokenRule("flight:ge", "flight", "-1", ">= 1"),)
    assert rows[0].values == {"carrier": "AA", "flight": "-1"}
    assert (rows[2].values, rows[2].raw, rows[2].byte_offset) == (None, b'"AA,\xff', 900)


def test_rows_that_broke_a_rule(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    assert [row.row for row in rejected_rows(run, cloud.store, rule="flight:ge")] == [3, 4, 9]
    with pytest.raises(WrongUse, match="Broken were carrier:isin, flight:ge"):
        rejected_rows(run, cloud.store, rule="flight:gt")


def test_parts_are_read_one_by_one(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    run = cloud.has_partial()
    read: list[Address] = []
    keep = cloud.store.read

    def recorded(address: Address) -> bytes:
        read.append(address)
        return keep(address)

    monkeypatch.setattr(cloud.store, "read", recorded)
    list(itertools.islice(rejected_rows(run, cloud.store), 2))
    assert [address.key.rpartition("/")[2] for address in read] == ["manifest.json", "00000.parquet"]


def test_a_row_as_json(cloud: MemoryCloud) -> None:
    *_, malformed = rejected_rows(cloud.has_partial(), cloud.store)
    assert json.loads(json.dumps(malformed.to_json())) == {
        "row": 9,
        "byte_offset": 900,
        "values": None,
        "raw": '"AA,\\xff',
        "broken": [{"rule": "flight:ge", "column": "flight", "value": "0", "allowed": ">= 1"}],
    }


def test_a_run_without_rejects(cloud: MemoryCloud) -> None:
    assert list(rejected_rows(cloud.has("january"), cloud.store)) == []
