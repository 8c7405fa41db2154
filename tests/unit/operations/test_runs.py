"""Runs are found by any start of their id that is theirs alone, and listed the latest first."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.errors import WrongUse
from filegate.operations import find as module
from filegate.operations.find import chain, find, latest
from filegate.runs.states import Status
from tests.unit.operations.fakes import START, MemoryCloud

LONG_AGO = START - timedelta(days=1)


@given(st.integers(min_value=4, max_value=64))
def test_a_run_is_found_by_any_start_of_its_id(digits: int) -> None:
    cloud = MemoryCloud()
    run, _ = cloud.has("january", minute=10**6), cloud.has("february", minute=10**6)
    assert find(cloud.ledger, run.run_id[:digits].upper()) == run


@pytest.mark.parametrize("prefix", ["", "abc", "wxyz", "abcd" * 17, "../etc"])
def test_what_is_no_start_of_an_id_is_refused(cloud: MemoryCloud, prefix: str) -> None:
    with pytest.raises(WrongUse, match="is not a run id"):
        find(cloud.ledger, prefix)


def test_an_ambiguous_start_names_the_candidates(cloud: MemoryCloud) -> None:
    for number in range(7):
        cloud.has(f"file-{number}", minute=10**6 + number, run_id="abcd" + str(number) * 60)
    with pytest.raises(WrongUse, match=r"7 runs start with abcd: abcd66666666 \(flights/file-6\.csv\).* and 2 more"):
        find(cloud.ledger, "abcd")


def test_only_the_latest_runs_are_looked_through(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger of half a year would take minutes to read."""
    monkeypatch.setattr(module, "MAX_SEARCHED", 3)
    made = [cloud.has(f"file-{number}", minute=10**6 + number, run_id=f"{number}" * 64) for number in range(4)]
    assert find(cloud.ledger, "1111") == made[1]
    with pytest.raises(WrongUse, match=r"None of the latest 3 runs starts with 0000\. Give all 64 digits"):
        find(cloud.ledger, "0000")
    assert find(cloud.ledger, "0" * 64) == made[0]
    with pytest.raises(WrongUse, match="No run starts with ffff"):
        find(cloud.ledger, "f" * 64)


@pytest.mark.parametrize("prefix", ["0123", "0" * 64])
def test_an_unknown_run_names_the_latest(cloud: MemoryCloud, prefix: str) -> None:
    with pytest.raises(WrongUse, match="no runs yet"):
        find(cloud.ledger, prefix)
    cloud.has("january", minute=10**6)
    with pytest.raises(WrongUse, match=r"flights/january\.csv"):
        find(cloud.ledger, prefix)


def test_the_latest_runs_of_all_datasets_and_statuses(cloud: MemoryCloud) -> None:
    statuses = [status for status in Status if status != Status.DUPLICATE]
    made = [
        cloud.has(f"file-{minute}", status, minute=minute, dataset=dataset)
        for minute, (status, dataset) in enumerate(itertools.product(statuses, ["flights", "cars"]))
    ]
    assert list(latest(cloud.ledger, since=LONG_AGO)) == made[::-1]
    assert list(latest(cloud.ledger, since=START + timedelta(minutes=7))) == made[:6:-1]
    of_cars = [run for run in made[::-1] if run.dataset == "cars"]
    assert list(latest(cloud.ledger, dataset="cars", since=LONG_AGO)) == of_cars
    rejected = list(latest(cloud.ledger, dataset="cars", status=Status.REJECTED, since=LONG_AGO))
    assert rejected == [run for run in of_cars if run.status == Status.REJECTED]
    assert list(latest(cloud.ledger, status=Status.FAILED, since=LONG_AGO)) == made[:-3:-1]


def test_the_replays_of_a_run(cloud: MemoryCloud) -> None:
    """The second replay repeats the first one's request, so that it names the first run, too."""
    one, two, three = "1" * 64, "2" * 64, "3" * 64
    first = cloud.has("a", Status.PARTIAL, run_id=one, replayed_by=two)
    second = cloud.has("b", Status.REJECTED, run_id=two, replay_of=one, replayed_by=three)
    third = cloud.has("c", run_id=three, replay_of=one)
    for run in (first, second, third):
        assert chain(cloud.ledger, run) == [first, second, third]


def test_the_replays_of_an_expired_run(cloud: MemoryCloud) -> None:
    run = cloud.has("b", run_id="2" * 64, replay_of="1" * 64, replayed_by="3" * 64)
    assert chain(cloud.ledger, run) == [run]
