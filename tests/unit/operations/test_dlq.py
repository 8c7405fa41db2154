"""The dead-letter queue loses nothing, hides nothing, and replays each run once, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from filegate.operations import dlq
from filegate.operations.problems import WrongUse
from filegate.runs import RunRecord, Status, replay_id_of
from tests.unit.operations.fakes import MemoryCloud, MemoryQueue, letter


def replayed(cloud: MemoryCloud, wanted: str, *, all_rows: bool = False) -> dlq.Replay:
    with dlq.held(cloud.queue) as holding:
        letters = dlq.select(holding.letters, wanted)
        return dlq.replay(holding, letters, ledger=cloud.ledger, pipeline=cloud.pipeline, all_rows=all_rows)


@pytest.mark.parametrize("batch", [1, 3, 10])
@pytest.mark.parametrize("oddity", [{}, {"twice": True}, {"forgets_to_hide": True}])
def test_listing_shows_all_and_hides_nothing(batch: int, oddity: dict[str, bool]) -> None:
    cloud = MemoryCloud(queue=MemoryQueue(batch=batch, **oddity))
    sent = {cloud.letter_of(cloud.has(f"file-{number}", Status.FAILED)) for number in range(7)}

    for _ in range(2):
        assert {letter.id for letter in dlq.listed(cloud.queue)} == sent
        assert len(dlq.listed(cloud.queue)) == len(sent)
        assert set(cloud.queue.visible) == sent


def test_an_interrupted_look_shows_the_letters_again(cloud: MemoryCloud) -> None:
    sent = cloud.letter_of(cloud.has("january", Status.FAILED))
    with pytest.raises(KeyboardInterrupt), dlq.held(cloud.queue):
        raise KeyboardInterrupt
    assert set(cloud.queue.visible) == {sent}


def test_an_interrupted_receive_shows_the_letters_again(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.queue.batch = 1
    sent = {cloud.letter_of(cloud.has(f"file-{number}", Status.FAILED)) for number in range(3)}
    receive = cloud.queue.receive

    def interrupted(hidden: int) -> list[dlq.Message]:
        if len(cloud.queue.hidden) == 2:
            raise KeyboardInterrupt
        return receive(hidden)

    monkeypatch.setattr(cloud.queue, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dlq.listed(cloud.queue)
    assert set(cloud.queue.visible) == sent


def test_what_others_sent_is_shown_and_kept(cloud: MemoryCloud) -> None:
    cloud.queue.send("no json")
    cloud.queue.send({"some": "json"})
    letters = dlq.listed(cloud.queue)
    assert [letter.run for letter in letters] == [None, None]
    assert dlq.by_run(letters) == []
    with pytest.raises(WrongUse, match="not written by the pipeline"):
        replayed(cloud, "message-1")
    assert len(cloud.queue.visible) == 2


def test_a_partial_run_replays_its_quarantined_rows(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    message = cloud.letter_of(run)

    replay = replayed(cloud, run.run_id[:6])

    assert replay.run_id == replay_id_of(run.run_id, message)
    assert cloud.pipeline.started[replay.run_id] == {
        "run_id": replay.run_id,
        "replay_of": run.run_id,
        "replay_rows": "quarantined",
        "bucket": "raw",
        "key": "flights/january.csv",
        "version_id": "v1",
        "sequencer": "0A",
    }
    known = cloud.ledger.get(run.run_id)
    assert known is not None
    assert known.replayed_by == replay.run_id
    assert not cloud.queue.visible
    assert not cloud.queue.hidden


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
def test_a_run_that_published_nothing_replays_the_whole_object(cloud: MemoryCloud, status: Status) -> None:
    run = cloud.has("january", status)
    cloud.letter_of(run)
    assert replayed(cloud, run.run_id).request.replay_rows == "all"


def test_all_rows_replays_the_whole_object(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    cloud.letter_of(run)
    request = replayed(cloud, run.run_id, all_rows=True).request
    assert (request.replay_of, request.replay_rows) == (run.run_id, "all")


def test_a_rejected_replay_of_quarantined_rows_replays_those_again(cloud: MemoryCloud) -> None:
    """It published nothing, so that the rows are still the first run's, which is the one that is published."""
    first = cloud.has_partial()
    second = cloud.has("replay", Status.REJECTED, key=first.key, replay_of=first.run_id)
    cloud.letter_of(second, replay_of=first.run_id, replay_rows="quarantined")

    replay = replayed(cloud, second.run_id)

    assert replay.replaces == second.run_id
    assert (replay.request.replay_of, replay.request.replay_rows) == (first.run_id, "quarantined")


def test_a_partial_replay_of_quarantined_rows_replays_its_own(cloud: MemoryCloud) -> None:
    first = cloud.has_partial()
    second = cloud.has("replay", Status.PARTIAL, key=first.key, replay_of=first.run_id)
    cloud.letter_of(second, replay_of=first.run_id, replay_rows="quarantined")
    assert replayed(cloud, second.run_id).request.replay_of == second.run_id


def test_the_ledger_says_how_the_run_ended(cloud: MemoryCloud) -> None:
    """The letter of a PARTIAL run goes out before its commit, which may fail: nothing is published then."""
    run = cloud.has("january", Status.FAILED)
    cloud.queue.send(letter(run) | {"failure": {"status": "PARTIAL", "type": "RowsRejected", "message": ""}}, "a")
    cloud.queue.send(letter(run), "b")
    assert replayed(cloud, run.run_id).request.replay_rows == "all"


def test_a_run_that_expired_is_replayed_by_its_letter(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    cloud.letter_of(run)
    del cloud.ledger._runs[run.run_id]
    assert replayed(cloud, run.run_id).request.replay_rows == "quarantined"


def test_a_run_whose_end_could_not_be_recorded_is_replayed(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.FAILED)
    cloud.letter_of(run)
    cloud.has("january", Status.RUNNING)
    assert replayed(cloud, run.run_id).request.replay_rows == "all"


@pytest.mark.parametrize(
    ("status", "told"), [(Status.RUNNING, "not committed yet"), (Status.SUCCEEDED, "nothing to replay")]
)
def test_a_partial_run_is_not_replayed_before_its_commit(cloud: MemoryCloud, status: Status, told: str) -> None:
    """Nor if it was restarted, and succeeded: its quarantined rows are published already."""
    cloud.letter_of(cloud.has("january", Status.PARTIAL))
    run = cloud.has("january", status)
    with pytest.raises(dlq.NotReplayable, match=told):
        replayed(cloud, run.run_id)
    assert len(cloud.queue.visible) == 1
    assert not cloud.pipeline.started
    assert replayed(cloud, run.run_id, all_rows=True).request.replay_rows == "all"


def crash_on_start(cloud: MemoryCloud) -> None:
    start = cloud.pipeline.start

    def crashing(name: str, document: object) -> bool:
        start(name, document)  # type: ignore[arg-type]
        raise ConnectionError

    cloud.pipeline.start = crashing  # type: ignore[method-assign,assignment]


def crash_before_start(cloud: MemoryCloud) -> None:
    def crashing(name: str, document: object) -> bool:
        raise ConnectionError

    cloud.pipeline.start = crashing  # type: ignore[method-assign,assignment]


def crash_on_record(cloud: MemoryCloud) -> None:
    def crashing(run_id: str, by: str) -> None:
        raise ConnectionError

    cloud.ledger.replayed = crashing  # type: ignore[method-assign]


def crash_on_delete(cloud: MemoryCloud) -> None:
    def crashing(receipt: str) -> None:
        raise ConnectionError

    cloud.queue.delete = crashing  # type: ignore[method-assign]


def crash_on_second_delete(cloud: MemoryCloud) -> None:
    delete = cloud.queue.delete
    deleted: list[str] = []

    def crashing(receipt: str) -> None:
        if deleted:
            raise ConnectionError
        deleted.append(receipt)
        delete(receipt)

    cloud.queue.delete = crashing  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "crash", [crash_before_start, crash_on_start, crash_on_record, crash_on_delete, crash_on_second_delete]
)
@pytest.mark.parametrize("gone", [False, True], ids=["interrupted", "killed"])
def test_a_crash_at_any_point_and_a_repeat_start_one_run(crash: Callable[[MemoryCloud], None], gone: bool) -> None:
    cloud = MemoryCloud()
    run = cloud.has_partial()
    cloud.letter_of(run, "a")
    cloud.letter_of(run, "b")  # the same failure, told twice
    broken = MemoryCloud(
        store=cloud.store,
        ledger=type(cloud.ledger)(cloud.ledger._runs),
        queue=cloud.queue,
        pipeline=type(cloud.pipeline)(cloud.pipeline.started),
    )
    broken.queue = MemoryQueue(visible=cloud.queue.visible, hidden=cloud.queue.hidden, receipts=cloud.queue.receipts)
    crash(broken)
    if gone:  # a process that is killed does not even show the letters again
        broken.queue.show = lambda receipts: None  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        replayed(broken, run.run_id)
    cloud.queue.time_passes()

    replay = replayed(cloud, run.run_id)

    assert list(cloud.pipeline.started) == [replay.run_id]
    known = cloud.ledger.get(run.run_id)
    assert known is not None
    assert known.replayed_by == replay.run_id
    assert not cloud.queue.visible
    assert not cloud.queue.hidden


def test_only_the_chosen_letters_are_deleted(cloud: MemoryCloud) -> None:
    runs = [cloud.has(f"file-{number}", Status.FAILED) for number in range(3)]
    sent = [cloud.letter_of(run) for run in runs]
    replayed(cloud, runs[1].run_id)
    assert set(cloud.queue.visible) == {sent[0], sent[2]}


def test_letters_of_a_dataset(cloud: MemoryCloud) -> None:
    cloud.letter_of(cloud.has("a", Status.FAILED))
    other = cloud.has("b", Status.FAILED, dataset="cars")
    cloud.letter_of(other)
    chosen = dlq.by_run(dlq.listed(cloud.queue), dataset="cars")
    assert [[letter.run.run_id for letter in letters if letter.run] for letters in chosen] == [[other.run_id]]


def test_selecting_by_run_or_message(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.FAILED)
    cloud.letter_of(run, "3f2504e0-4f89-11d3")
    cloud.letter_of(run, "9c8b7a65-0000-0000")
    letters = dlq.listed(cloud.queue)
    assert len(dlq.select(letters, run.run_id[:4].upper())) == 2
    assert [letter.id for letter in dlq.select(letters, "9c8b7a65")] == ["9c8b7a65-0000-0000"]


def test_selecting_what_is_not_there_says_what_is(cloud: MemoryCloud) -> None:
    with pytest.raises(WrongUse, match="queue is empty"):
        dlq.select([], "ffff")
    with pytest.raises(WrongUse, match="too short"):
        dlq.select([], "fff")
    run = cloud.has("january", Status.FAILED)
    cloud.letter_of(run)
    with pytest.raises(WrongUse, match=r"flights/january\.csv"):
        dlq.select(dlq.listed(cloud.queue), "0123456789")


def test_an_ambiguous_selection_names_the_candidates(cloud: MemoryCloud) -> None:
    runs: list[RunRecord] = [
        cloud.has(f"f{number}", Status.FAILED, run_id="abcd" + f"{number}" * 60) for number in range(2)
    ]
    for run in runs:
        cloud.letter_of(run)
    with pytest.raises(WrongUse, match=r"several letters.*f0\.csv.*f1\.csv"):
        dlq.select(dlq.listed(cloud.queue), "abcd")
