"""The dead-letter queue loses nothing, hides nothing, and replays each run once, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from filegate.errors import WrongUse
from filegate.operations import dlq
from filegate.operations.ports import Received
from filegate.pipeline.replay import NotReplayable
from filegate.runs.record import RunRecord
from filegate.runs.run import replay_id_of
from filegate.runs.states import Status
from tests.unit.operations.fakes import MemoryCloud, MemoryQueue, body

FAILURE = {"status": "FAILED", "type": "Killed", "message": "So."}


def replayed(cloud: MemoryCloud, wanted: str, *, all_rows: bool = False) -> dlq.Replay:
    with dlq.leased(cloud.queue) as lease:
        messages = dlq.select(lease.messages, wanted)
        return dlq.replay(
            lease,
            messages,
            ledger=cloud.ledger,
            store=cloud.store,
            state_machine=cloud.state_machine,
            all_rows=all_rows,
        )


@pytest.mark.parametrize("batch", [1, 3, 10])
@pytest.mark.parametrize("oddity", [{}, {"twice": True}, {"forgets_to_hide": True}])
def test_listing_shows_all_and_hides_nothing(batch: int, oddity: dict[str, Any]) -> None:
    cloud = MemoryCloud(queue=MemoryQueue(batch=batch, **oddity))
    sent = {cloud.message_about(cloud.has(f"file-{number}", Status.FAILED)) for number in range(7)}

    for _ in range(2):
        assert {message.id for message in dlq.list_messages(cloud.queue)} == sent
        assert len(dlq.list_messages(cloud.queue)) == len(sent)
        assert set(cloud.queue.visible) == sent


def test_an_interrupted_look_shows_the_messages_again(cloud: MemoryCloud) -> None:
    sent = cloud.message_about(cloud.has("january", Status.FAILED))
    with pytest.raises(KeyboardInterrupt), dlq.leased(cloud.queue):
        raise KeyboardInterrupt
    assert set(cloud.queue.visible) == {sent}


def test_an_interrupted_receive_shows_the_messages_again(cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.queue.batch = 1
    sent = {cloud.message_about(cloud.has(f"file-{number}", Status.FAILED)) for number in range(3)}
    receive = cloud.queue.receive

    def interrupted(hidden: int) -> list[Received]:
        if len(cloud.queue.hidden) == 2:
            raise KeyboardInterrupt
        return receive(hidden)

    monkeypatch.setattr(cloud.queue, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dlq.list_messages(cloud.queue)
    assert set(cloud.queue.visible) == sent


def test_what_others_sent_is_shown_and_kept(cloud: MemoryCloud) -> None:
    cloud.queue.send("no json")
    cloud.queue.send({"some": "json"})
    messages = dlq.list_messages(cloud.queue)
    assert [message.failure for message in messages] == [None, None]
    assert dlq.by_run(messages) == []
    with pytest.raises(WrongUse, match="has no run id"):
        replayed(cloud, "message-1")
    assert len(cloud.queue.visible) == 2


def test_a_partial_run_replays_its_quarantined_rows(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    message = cloud.message_about(run)

    replay = replayed(cloud, run.run_id[:6])

    assert replay.run_id == replay_id_of(run.run_id, message)
    assert cloud.state_machine.started[replay.run_id] == {
        "run_id": replay.run_id,
        "replay_of": run.run_id,
        "replay_rows": "quarantined",
        "bucket": "raw",
        "key": "flights/january.csv",
        "version_id": "v1",
        "sequencer": "0A",
        "time": "",
    }
    known = cloud.ledger.get(run.run_id)
    assert known is not None
    assert known.replayed_by == replay.run_id
    assert not cloud.queue.visible
    assert not cloud.queue.hidden


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
def test_a_run_that_published_nothing_replays_the_whole_object(cloud: MemoryCloud, status: Status) -> None:
    run = cloud.has("january", status)
    cloud.message_about(run)
    assert replayed(cloud, run.run_id).request.replay_rows == "all"


def test_all_rows_replays_the_whole_object(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    cloud.message_about(run)
    request = replayed(cloud, run.run_id, all_rows=True).request
    assert (request.replay_of, request.replay_rows) == (run.run_id, "all")


def test_a_rejected_replay_of_quarantined_rows_replays_those_again(cloud: MemoryCloud) -> None:
    """It published nothing, so that the rows are still the first run's, which is the one that is published."""
    first = cloud.has_partial()
    second = cloud.has("replay", Status.REJECTED, key=first.key, replay_of=first.run_id)
    cloud.message_about(second, replay_of=first.run_id, replay_rows="quarantined")

    replay = replayed(cloud, second.run_id)

    assert replay.replaces == second.run_id
    assert (replay.request.replay_of, replay.request.replay_rows) == (first.run_id, "quarantined")


def test_a_partial_replay_of_quarantined_rows_replays_its_own(cloud: MemoryCloud) -> None:
    first = cloud.has_partial()
    second = cloud.has("replay", Status.PARTIAL, key=first.key, replay_of=first.run_id)
    cloud.message_about(second, replay_of=first.run_id, replay_rows="quarantined")
    assert replayed(cloud, second.run_id).request.replay_of == second.run_id


def test_the_ledger_says_how_the_run_ended(cloud: MemoryCloud) -> None:
    """The message of a PARTIAL run goes out before its commit, which may fail: nothing is published then."""
    run = cloud.has("january", Status.FAILED)
    cloud.queue.send(body(run) | {"failure": {"status": "PARTIAL", "type": "RowsRejected", "message": ""}}, "a")
    cloud.queue.send(body(run), "b")
    assert replayed(cloud, run.run_id).request.replay_rows == "all"


def test_a_run_that_expired_is_replayed_by_its_messages(cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    cloud.message_about(run)
    del cloud.ledger._runs[run.run_id]
    assert replayed(cloud, run.run_id).request.replay_rows == "quarantined"


def test_a_run_whose_end_could_not_be_recorded_is_replayed(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.FAILED)
    cloud.message_about(run)
    cloud.has("january", Status.RUNNING)
    assert replayed(cloud, run.run_id).request.replay_rows == "all"


@pytest.mark.parametrize(
    ("status", "reported"), [(Status.RUNNING, "not committed yet"), (Status.SUCCEEDED, "nothing to replay")]
)
def test_a_partial_run_is_not_replayed_before_its_commit(cloud: MemoryCloud, status: Status, reported: str) -> None:
    """Nor if it was restarted, and succeeded: its quarantined rows are published already."""
    cloud.message_about(cloud.has("january", Status.PARTIAL))
    run = cloud.has("january", status)
    with pytest.raises(NotReplayable, match=reported):
        replayed(cloud, run.run_id)
    assert len(cloud.queue.visible) == 1
    assert not cloud.state_machine.started
    assert replayed(cloud, run.run_id, all_rows=True).request.replay_rows == "all"


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIAL])
@pytest.mark.parametrize("replay_rows", ["all", "quarantined"])
def test_a_run_whose_commit_was_cut_short_replays_the_whole_object(
    cloud: MemoryCloud, status: Status, replay_rows: str
) -> None:
    """The ledger has its commit, but without its manifest nothing is published."""
    run = cloud.has("january", status)
    cloud.store.delete("processed", [f"flights/_manifests/{run.run_id}.json"])
    cloud.queue.send(body(run, replay_rows=replay_rows) | {"failure": FAILURE})
    request = replayed(cloud, run.run_id).request
    assert (request.replay_of, request.replay_rows) == (run.run_id, "all")


def test_a_superseded_run_is_not_replayed(cloud: MemoryCloud) -> None:
    """Its manifest is gone because a newer version is published."""
    run = cloud.has("january", Status.PARTIAL, superseded_by="f" * 64)
    cloud.store.delete("processed", [f"flights/_manifests/{run.run_id}.json"])
    cloud.message_about(run)
    with pytest.raises(NotReplayable, match=r"superseded by run ffffffffffff.*discard"):
        replayed(cloud, run.run_id)
    assert len(cloud.queue.visible) == 1


def test_an_aborted_execution_is_replayed_by_its_input(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.RUNNING)
    cloud.reports_of_abortion(run)
    (message,) = dlq.list_messages(cloud.queue)
    assert (message.run_id, message.about) == (run.run_id, "flights/january.csv")
    request = replayed(cloud, run.run_id).request
    assert (request.replay_of, request.replay_rows, request.version_id) == (run.run_id, "all", "v1")
    assert not cloud.queue.visible


def test_an_aborted_replay_is_replayed_as_it_was(cloud: MemoryCloud) -> None:
    first = cloud.has_partial()
    second = cloud.has("replay", Status.RUNNING, key=first.key, replay_of=first.run_id)
    cloud.reports_of_abortion(second, run_id=second.run_id, replay_of=first.run_id, replay_rows="quarantined")
    replay = replayed(cloud, second.run_id)
    assert replay.replaces == second.run_id
    assert (replay.request.replay_of, replay.request.replay_rows) == (first.run_id, "quarantined")


@pytest.mark.parametrize("known", [{}, {"run_id": "a" * 64}, {"input": "[1]"}, {"input": '{"key": "x"}'}])
def test_a_message_that_names_no_object_is_shown_and_kept(cloud: MemoryCloud, known: dict[str, str]) -> None:
    reported = {"execution": "arn:aws:states:x:1:execution:pipeline:night-shift", "status": "ABORTED", "cause": None}
    cloud.queue.send({**reported, **known, "failure": FAILURE}, "message-1")
    (message,) = dlq.select(dlq.list_messages(cloud.queue), "message-1")
    assert message.about == "execution night-shift"
    assert message.to_json()["error"] == {"type": "Killed", "message": "So."}
    assert dlq.by_run([message]) == []
    with pytest.raises(NotReplayable, match="has no run id"):
        replayed(cloud, "message-1")
    assert len(cloud.queue.visible) == 1


def test_of_two_messages_about_a_run_the_one_that_names_its_object_counts(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.FAILED)
    cloud.queue.send({"run_id": run.run_id, "failure": FAILURE}, "a")
    cloud.message_about(run, "b")
    assert replayed(cloud, run.run_id).request.key == run.key
    assert not cloud.queue.visible


def crash_on_start(cloud: MemoryCloud) -> None:
    start = cloud.state_machine.start

    def crashing(name: str, document: object) -> None:
        start(name, document)  # type: ignore[arg-type]
        raise ConnectionError

    cloud.state_machine.start = crashing  # type: ignore[method-assign,assignment]


def crash_before_start(cloud: MemoryCloud) -> None:
    def crashing(name: str, document: object) -> None:
        raise ConnectionError

    cloud.state_machine.start = crashing  # type: ignore[method-assign,assignment]


def crash_on_record(cloud: MemoryCloud) -> None:
    def crashing(run_id: str, by: str) -> None:
        raise ConnectionError

    cloud.ledger.mark_replayed = crashing  # type: ignore[method-assign]


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
    cloud.message_about(run, "a")
    cloud.message_about(run, "b")  # the same failure, reported twice
    broken = MemoryCloud(
        store=cloud.store,
        ledger=type(cloud.ledger)(cloud.ledger._runs),
        queue=cloud.queue,
        state_machine=type(cloud.state_machine)(cloud.state_machine.started),
    )
    broken.queue = MemoryQueue(visible=cloud.queue.visible, hidden=cloud.queue.hidden, receipts=cloud.queue.receipts)
    crash(broken)
    if gone:  # a process that is killed does not even show the messages again
        broken.queue.show = lambda receipts: None  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        replayed(broken, run.run_id)
    cloud.queue.time_passes()

    replay = replayed(cloud, run.run_id)

    assert list(cloud.state_machine.started) == [replay.run_id]
    known = cloud.ledger.get(run.run_id)
    assert known is not None
    assert known.replayed_by == replay.run_id
    assert not cloud.queue.visible
    assert not cloud.queue.hidden


def test_only_the_chosen_messages_are_deleted(cloud: MemoryCloud) -> None:
    runs = [cloud.has(f"file-{number}", Status.FAILED) for number in range(3)]
    sent = [cloud.message_about(run) for run in runs]
    replayed(cloud, runs[1].run_id)
    assert set(cloud.queue.visible) == {sent[0], sent[2]}


def test_messages_of_a_dataset(cloud: MemoryCloud) -> None:
    cloud.message_about(cloud.has("a", Status.FAILED))
    other = cloud.has("b", Status.FAILED, dataset="cars")
    cloud.message_about(other)
    chosen = dlq.by_run(dlq.list_messages(cloud.queue), dataset="cars")
    assert [[message.run_id for message in messages] for messages in chosen] == [[other.run_id]]


def test_selecting_by_run_or_message(cloud: MemoryCloud) -> None:
    run = cloud.has("january", Status.FAILED)
    cloud.message_about(run, "3f2504e0-4f89-11d3")
    cloud.message_about(run, "9c8b7a65-0000-0000")
    messages = dlq.list_messages(cloud.queue)
    assert len(dlq.select(messages, run.run_id[:4].upper())) == 2
    assert [message.id for message in dlq.select(messages, "9c8b7a65")] == ["9c8b7a65-0000-0000"]


def test_selecting_what_is_not_there_says_what_is(cloud: MemoryCloud) -> None:
    with pytest.raises(WrongUse, match="queue is empty"):
        dlq.select([], "ffff")
    with pytest.raises(WrongUse, match="too short"):
        dlq.select([], "fff")
    run = cloud.has("january", Status.FAILED)
    cloud.message_about(run)
    with pytest.raises(WrongUse, match=r"flights/january\.csv"):
        dlq.select(dlq.list_messages(cloud.queue), "0123456789")


def test_an_ambiguous_selection_names_the_candidates(cloud: MemoryCloud) -> None:
    runs: list[RunRecord] = [
        cloud.has(f"f{number}", Status.FAILED, run_id="abcd" + f"{number}" * 60) for number in range(2)
    ]
    for run in runs:
        cloud.message_about(run)
    with pytest.raises(WrongUse, match=r"several messages.*f0\.csv.*f1\.csv"):
        dlq.select(dlq.list_messages(cloud.queue), "abcd")
