"""Following sees every end, waits no longer than it must, and gives up with advice."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from filegate.operations.follow import (
    APPEARS_WITHIN,
    MAX_PAUSE,
    MAX_SINGLE_READS,
    PROGRESSES_WITHIN,
    Follower,
    RunStalled,
)
from filegate.runs.address import Address
from filegate.runs.clock import now
from filegate.runs.record import RunRecord
from filegate.runs.states import Status
from filegate.storage.ledger import iso
from tests.unit.operations.fakes import MemoryCloud


@dataclass
class Script:
    """A clock whose every sleep makes the next thing happen."""

    cloud: MemoryCloud
    steps: list[tuple[str, Status]] = field(default_factory=list)
    time: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.pauses.append(seconds)
        if self.steps:
            self.reach(*self.steps.pop(0))

    def reach(self, name: str, status: Status) -> RunRecord:
        return self.cloud.has(name, status, started_at=iso(now()), run_id=run_id(name))

    def follower(self, *names: str) -> Follower:
        follower = Follower(self.cloud.ledger, self.cloud.store, clock=lambda: self.time, sleep=self.sleep)
        for name in names:
            follower.add(run_id(name), name)
        return follower


def run_id(name: str) -> str:
    return name.encode().hex().ljust(64, "0")


def test_every_change_is_reported_once(cloud: MemoryCloud) -> None:
    script = Script(cloud, [("a", Status.RUNNING), ("a", Status.RUNNING), ("a", Status.PARTIAL)])
    statuses = [run.status for run in script.follower("a").changes()]
    assert statuses[0] == Status.RUNNING
    assert statuses[-1] == Status.PARTIAL
    assert statuses.count(Status.PARTIAL) == 1


@pytest.mark.parametrize("count", [MAX_SINGLE_READS, MAX_SINGLE_READS + 1, 40])
def test_many_runs_all_reach_their_end(cloud: MemoryCloud, count: int) -> None:
    names = [f"file-{number}" for number in range(count)]
    ends = [Status.SUCCEEDED, Status.PARTIAL, Status.REJECTED, Status.FAILED]
    steps = [(name, Status.RUNNING) for name in names]
    steps += [(name, ends[number % 4]) for number, name in enumerate(names)]
    last = {run.run_id: run.status for run in Script(cloud, steps).follower(*names).changes()}
    assert last == {run_id(name): ends[number % 4] for number, name in enumerate(names)}


def test_many_runs_cost_few_calls(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"file-{number}" for number in range(100)]
    script = Script(cloud)
    for name in names:
        script.reach(name, Status.SUCCEEDED)
    monkeypatch.setattr(cloud.ledger, "get", lambda _: pytest.fail("one by one"))
    assert len(script.follower(*names).poll()) == len(names)


def test_a_committed_run_ends_with_its_manifest(cloud: MemoryCloud) -> None:
    """Its output could not be reported before."""
    script = Script(cloud)
    run = script.reach("a", Status.SUCCEEDED)
    manifest = Address("processed", f"flights/_manifests/{run.run_id}.json")
    written = cloud.store.read(manifest)
    cloud.store.delete(manifest.bucket, [manifest.key])
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            cloud.store.write(manifest, written)

    follower = Follower(cloud.ledger, cloud.store, clock=lambda: 0.0, sleep=sleep)
    follower.add(run.run_id, "a")
    assert [run.status for run in follower.changes()] == [Status.SUCCEEDED]
    assert len(pauses) == 3


def test_pauses_grow_while_nothing_moves(cloud: MemoryCloud) -> None:
    script = Script(cloud)
    with pytest.raises(RunStalled):
        list(script.follower("a").changes())
    assert script.pauses[0] < 0.2
    assert script.pauses == sorted(script.pauses)
    assert max(script.pauses) == MAX_PAUSE


def test_a_run_that_never_appears(cloud: MemoryCloud) -> None:
    script = Script(cloud)
    with pytest.raises(RunStalled, match=r"a \(run 61000000.*no run began.*EventBridge rule"):
        list(script.follower("a").changes())
    assert script.time >= APPEARS_WITHIN


def test_a_run_that_stands_still(cloud: MemoryCloud) -> None:
    script = Script(cloud, [("a", Status.RUNNING)])
    with pytest.raises(RunStalled, match="nothing has moved for 40 minutes"):
        list(script.follower("a").changes())
    assert script.time >= PROGRESSES_WITHIN


def test_a_run_waits_for_its_turn_while_others_move(cloud: MemoryCloud) -> None:
    """On a small machine the last of many files begins long after it has arrived."""
    script = Script(cloud)
    script.steps = [("a", Status.RUNNING)] * 5 + [("a", Status.SUCCEEDED), ("b", Status.SUCCEEDED)]
    slow = script.sleep
    follower = Follower(
        cloud.ledger, cloud.store, clock=lambda: script.time, sleep=lambda _: slow(APPEARS_WITHIN * 0.9)
    )
    for name in ("a", "b"):
        follower.add(run_id(name), name)
    assert {run.run_id for run in follower.changes() if run.status != Status.RUNNING} == {run_id("a"), run_id("b")}


def test_a_run_that_takes_hours_is_followed_as_long_as_it_moves(cloud: MemoryCloud) -> None:
    """Nothing changes but how far it is."""
    script = Script(cloud)
    reported = iter(range(1, 20))

    def sleep(_: float) -> None:
        script.time += PROGRESSES_WITHIN / 2
        if (chunks := next(reported, None)) is None:
            script.reach("a", Status.SUCCEEDED)
        else:
            cloud.is_under_way("a", since=now(), seconds=0, chunks_done=chunks, chunks_due=20, run_id=run_id("a"))

    script.reach("a", Status.RUNNING)
    follower = Follower(cloud.ledger, cloud.store, clock=lambda: script.time, sleep=sleep)
    follower.add(run_id("a"), "a")
    assert [run.chunks_done for run in follower.changes()] == [0, *range(1, 20), 0]
    assert script.time > 9 * PROGRESSES_WITHIN


def test_what_an_index_shows_late_is_no_change(cloud: MemoryCloud) -> None:
    follower = Script(cloud).follower("a")
    began = now()

    def reported(seconds: float, chunks: int) -> None:
        cloud.is_under_way("a", since=began, seconds=seconds, chunks_done=chunks, chunks_due=20, run_id=run_id("a"))

    reported(10, 7)
    assert [run.chunks_done for run in follower.poll()] == [7]
    reported(5, 3)
    assert follower.poll() == []
    reported(15, 9)
    assert [run.chunks_done for run in follower.poll()] == [9]
    Script(cloud).reach("a", Status.SUCCEEDED)  # whatever its lease
    assert [run.status for run in follower.poll()] == [Status.SUCCEEDED]
