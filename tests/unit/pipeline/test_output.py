"""Output: committed last, the newest version wins, and every step may be repeated."""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from filegate.errors import SchemaMismatch
from filegate.pipeline.execution import execute
from filegate.pipeline.ingest import ingest
from filegate.pipeline.output import commit
from filegate.pipeline.parquet import parquet_bytes
from filegate.runs.address import Address
from filegate.runs.cost import cost_usd
from filegate.runs.run import Run
from filegate.runs.states import Status
from tests.memory_store import MemoryObjectStore

from .conftest import ORDERS, Pipeline


def rows(*ids: int, country: str = "DE") -> str:
    return "id,country,amount\n" + "".join(f"{n},{country},1\n" for n in ids)


def live_ids(pipeline: Pipeline) -> list[int]:
    live = pipeline.live("orders")
    return sorted(live["id"]) if live.height else []


def test_nothing_is_live_before_the_commit(pipeline: Pipeline) -> None:
    run = pipeline.published(pipeline.arrive("orders/a.csv", rows(1, 2)))
    assert pipeline.files("orders")
    assert live_ids(pipeline) == []
    assert pipeline.record(run).status == Status.RUNNING
    commit(run, pipeline.context)
    assert live_ids(pipeline) == [1, 2]
    assert pipeline.record(run).status == Status.SUCCEEDED


def test_rejected_rows_make_the_run_partial(pipeline: Pipeline) -> None:
    run = pipeline.finish(pipeline.arrive("orders/a.csv", rows(1) + "2,XX,1\n"))
    assert pipeline.record(run).status == Status.PARTIAL


def at(run: Run, time: str) -> Run:
    return run.model_copy(update={"request": run.request.model_copy(update={"time": time})})


def test_a_commit_reports_how_old_its_object_is_and_what_the_run_cost(pipeline: Pipeline) -> None:
    arrival = datetime.now(UTC) - timedelta(hours=1)
    run = pipeline.finish(at(pipeline.arrive("orders/a.csv", rows(1)), arrival.strftime("%Y-%m-%dT%H:%M:%SZ")))
    committed, record = run.committed, pipeline.record(run)
    assert committed is not None
    assert committed.age_seconds is not None
    assert 3600 <= committed.age_seconds < 3700
    assert 0 <= committed.run_seconds < 100
    assert committed.cost_usd == record.cost_usd == cost_usd(record)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-31T10:00:00"])
def test_an_unknown_age_is_not_reported(pipeline: Pipeline, time: str) -> None:
    committed = pipeline.finish(at(pipeline.arrive("orders/a.csv", rows(1)), time)).committed
    assert committed is not None
    assert committed.age_seconds is None


def test_an_object_from_the_future_has_no_age(pipeline: Pipeline) -> None:
    committed = pipeline.finish(at(pipeline.arrive("orders/a.csv", rows(1)), "2999-01-31T10:00:00Z")).committed
    assert committed is not None
    assert committed.age_seconds == 0


def test_a_newer_version_supersedes_the_older_output(pipeline: Pipeline) -> None:
    old = pipeline.finish(pipeline.arrive("orders/a.csv", rows(1, 2)))
    other = pipeline.finish(pipeline.arrive("orders/b.csv", rows(9)))
    new = pipeline.finish(pipeline.arrive("orders/a.csv", rows(3)))
    assert live_ids(pipeline) == [3, 9]
    assert pipeline.record(old).superseded_by == new.run_id
    assert pipeline.record(other).superseded_by is None
    assert not [key for key in pipeline.files("orders") if old.run_id in key]


def test_an_older_version_that_comes_late_never_does(pipeline: Pipeline) -> None:
    late = pipeline.arrive("orders/a.csv", rows(1, 2), sequencer="0A")
    new = pipeline.finish(pipeline.arrive("orders/a.csv", rows(3), sequencer="0B"))
    late = pipeline.finish(late)
    assert live_ids(pipeline) == [3]
    assert late.committed is not None
    assert late.committed.superseded_by == new.run_id
    assert not [key for key in pipeline.files("orders") if late.run_id in key]


def test_two_versions_whose_commits_cross_leave_the_newer_one(pipeline: Pipeline) -> None:
    old = pipeline.published(pipeline.arrive("orders/a.csv", rows(1), sequencer="0A"))
    new = pipeline.published(pipeline.arrive("orders/a.csv", rows(2), sequencer="0B"))
    commit(new, pipeline.context)
    commit(old, pipeline.context)
    assert live_ids(pipeline) == [2]


def test_a_newer_version_committed_while_the_older_writes_its_manifest_stays_alone(pipeline: Pipeline) -> None:
    old = pipeline.published(pipeline.arrive("orders/a.csv", rows(1), sequencer="0A"))
    new = pipeline.published(pipeline.arrive("orders/a.csv", rows(2), sequencer="0B"))

    class Overtaken(MemoryObjectStore):
        def write(self, address: Address, data: bytes) -> str:
            if "_manifests" in address.key and old.run_id in address.key:
                pipeline.store = plain
                commit(new, pipeline.context)
            return super().write(address, data)

    plain = pipeline.store
    pipeline.store = Overtaken(**vars(plain))
    commit(old, pipeline.context)
    assert live_ids(pipeline) == [2]
    assert not [key for key in pipeline.files("orders") if old.run_id in key]


def cut_short(pipeline: Pipeline) -> Run:
    """A run of a key's second version, whose commit the ledger has, and nobody else."""
    pipeline.store = Stopping()
    pipeline.store.changes = 1000
    pipeline.finish(pipeline.arrive("orders/a.csv", rows(1)))
    run = pipeline.published(pipeline.arrive("orders/a.csv", rows(2)))
    pipeline.store.changes = 0
    with contextlib.suppress(ConnectionError):
        commit(run, pipeline.context)
    pipeline.store.changes = 1000
    return run


def test_a_run_that_committed_but_published_nothing_is_finished_by_its_restart(pipeline: Pipeline) -> None:
    run = cut_short(pipeline)
    assert pipeline.record(run).status == Status.SUCCEEDED
    assert live_ids(pipeline) == [1]

    restarted = ingest(run, pipeline.context)
    assert restarted.ingested is not None
    assert restarted.ingested.claim == "COMMITTED"
    commit(restarted, pipeline.context)
    assert live_ids(pipeline) == [2]


def test_what_a_cut_short_commit_left_is_retired_by_the_next_one(pipeline: Pipeline) -> None:
    cut_short(pipeline)
    pipeline.finish(pipeline.arrive("orders/a.csv", rows(3)))
    assert live_ids(pipeline) == [3]


class Stopping(MemoryObjectStore):
    """A store that fails after so many changes."""

    changes = 0

    def write(self, *arguments: object) -> str:
        self._tick()
        return super().write(*arguments)  # type: ignore[arg-type]

    def copy(self, *arguments: object) -> None:
        self._tick()
        super().copy(*arguments)  # type: ignore[arg-type]

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        self._tick()
        super().delete(bucket, keys)

    def _tick(self) -> None:
        self.changes -= 1
        if self.changes < 0:
            raise ConnectionError("the network is gone")


@pytest.mark.parametrize("steps", range(6))
def test_a_commit_interrupted_anywhere_is_completed_by_its_repetition(pipeline: Pipeline, steps: int) -> None:
    pipeline.store = Stopping()
    pipeline.store.changes = 1000
    old = pipeline.finish(pipeline.arrive("orders/a.csv", rows(1)))
    new = pipeline.published(pipeline.arrive("orders/a.csv", rows(2)))
    pipeline.store.changes = steps
    with contextlib.suppress(ConnectionError):
        commit(new, pipeline.context)
    pipeline.store.changes = 1000
    commit(new, pipeline.context)
    assert live_ids(pipeline) == [2]
    assert not [key for key in pipeline.store.list("processed", "") if old.run_id in key]


@pytest.mark.parametrize("data", [rows(1), rows(1) + "2,XX,1\n"])
def test_a_run_in_one_process_that_failed_anywhere_is_completed_by_the_same_run(pipeline: Pipeline, data: str) -> None:
    """`execute` begins with a new document each time: what the first time found is in the ledger and the store."""
    pipeline.store = Stopping()
    pipeline.store.changes = 1000
    whole = execute(pipeline.arrive("orders/a.csv", data), pipeline.context)
    changes = 1000 - pipeline.store.changes
    assert changes > 4
    for enough in range(changes):
        pipeline.store.changes = 1000
        run = pipeline.arrive("orders/a.csv", data)
        pipeline.store.changes = enough
        with pytest.raises(ConnectionError):
            execute(run, pipeline.context)
        pipeline.store.changes = 1000
        record = execute(run, pipeline.context)
        assert (record.status, record.rows_out, record.rules) == (whole.status, whole.rows_out, whole.rules)
        assert live_ids(pipeline) == [1]


FIXED = ORDERS.replace('["DE", "FR"]', '["DE", "FR", "XX"]')


def partial(pipeline: Pipeline) -> Run:
    run = pipeline.finish(pipeline.arrive("orders/a.csv", rows(1, 2) + "3,XX,1\n4,YY,1\n"))
    pipeline.declare("orders", FIXED)
    return run


def test_a_replay_of_quarantined_rows_adds_to_its_run(pipeline: Pipeline) -> None:
    first = partial(pipeline)
    again = pipeline.finish(pipeline.replay(first, rows="quarantined"))
    assert live_ids(pipeline) == [1, 2, 3]
    assert pipeline.record(first).superseded_by is None
    assert pipeline.record(again).layout is None
    assert again.validated is not None
    assert (again.validated.rows_in, again.validated.rows_rejected) == (2, 1)
    rejected = pipeline.rejected(again)
    assert rejected["row"].to_list() == [4]
    assert rejected["byte_offset"].to_list() == pipeline.rejected(first)["byte_offset"].to_list()[1:]


def test_a_replay_publishes_the_rows_that_get_through_however_few(pipeline: Pipeline) -> None:
    bad = "".join(f"{n},YY,1\n" for n in range(3, 9))
    first = pipeline.finish(pipeline.arrive("orders/a.csv", rows(*range(10, 20)) + bad + "1,XX,1\n"))
    pipeline.declare("orders", FIXED)
    again = pipeline.finish(pipeline.replay(first, rows="quarantined"))
    assert again.committed is not None
    assert again.committed.status == Status.PARTIAL
    assert live_ids(pipeline) == [1, *range(10, 20)]


def test_a_replay_of_the_object_takes_the_place_of_its_run(pipeline: Pipeline) -> None:
    first = partial(pipeline)
    pipeline.finish(pipeline.replay(first, rows="all"))
    assert live_ids(pipeline) == [1, 2, 3]
    assert pipeline.record(first).superseded_by is not None


def without_sequencer(replay: Run) -> Run:
    """As the input of an aborted execution may have it."""
    return replay.model_copy(update={"request": replay.request.model_copy(update={"sequencer": ""})})


def test_a_whole_replay_without_a_sequencer_takes_the_place_of_its_run(pipeline: Pipeline) -> None:
    """It is of the version that is published: no order of versions is needed to see that."""
    first = partial(pipeline)
    again = pipeline.finish(without_sequencer(pipeline.replay(first, rows="all")))
    assert again.committed is not None
    assert again.committed.superseded_by is None
    assert live_ids(pipeline) == [1, 2, 3]
    assert pipeline.record(first).superseded_by == again.run_id


def test_a_whole_replay_without_a_sequencer_keeps_the_order_of_versions(pipeline: Pipeline) -> None:
    late = pipeline.arrive("orders/a.csv", rows(1, 2), sequencer="0A")
    newer = pipeline.finish(pipeline.arrive("orders/a.csv", rows(3), sequencer="0B"))
    pipeline.finish(without_sequencer(pipeline.replay(newer, rows="all")))
    pipeline.finish(late)
    assert live_ids(pipeline) == [3]


def test_a_newer_version_supersedes_a_run_with_its_replays(pipeline: Pipeline) -> None:
    first = partial(pipeline)
    pipeline.finish(pipeline.replay(first, rows="quarantined"))
    pipeline.finish(pipeline.arrive("orders/a.csv", rows(7)))
    assert live_ids(pipeline) == [7]


def test_a_replay_of_rows_whose_run_was_superseded_publishes_nothing(pipeline: Pipeline) -> None:
    first = partial(pipeline)
    newer = pipeline.finish(pipeline.arrive("orders/a.csv", rows(7)))
    late = pipeline.finish(pipeline.replay(first, rows="quarantined"))
    assert live_ids(pipeline) == [7]
    assert late.committed is not None
    assert late.committed.superseded_by == newer.run_id


@pytest.mark.parametrize("policy", ["key=['id']", "transform_scope='object', transform=lambda rows, _: rows"])
def test_a_dataset_whose_rows_depend_on_each_other_is_replayed_as_a_whole(pipeline: Pipeline, policy: str) -> None:
    body = ORDERS.replace("tolerated_rejects", f"{policy}, tolerated_rejects")
    pipeline.declare("orders", body)
    first = pipeline.finish(pipeline.arrive("orders/a.csv", rows(1, 2) + "1,XX,1\n3,XX,1\n"))
    pipeline.declare("orders", body.replace('["DE", "FR"]', '["DE", "FR", "XX"]'))
    again = pipeline.finish(pipeline.replay(first, rows="quarantined"))
    assert again.validated is not None
    assert again.validated.rows_in == 4
    assert live_ids(pipeline) == ([1, 2, 3] if "key" in policy else [1, 1, 2, 3])
    assert pipeline.record(first).superseded_by == again.run_id


def test_rows_of_a_parquet_file_are_replayed(pipeline: Pipeline) -> None:
    parquet = ORDERS.replace("Csv()", "Parquet()")
    pipeline.declare("orders", parquet)
    table = pl.DataFrame({"id": [1, 2], "country": ["DE", "XX"], "amount": [1.5, 2.5]})
    first = pipeline.finish(pipeline.arrive("orders/a.parquet", parquet_bytes(table, compression="zstd")))
    pipeline.declare("orders", parquet.replace('["DE", "FR"]', '["DE", "FR", "XX"]'))
    pipeline.finish(pipeline.replay(first, rows="quarantined"))
    assert live_ids(pipeline) == [1, 2]
    assert sorted(pipeline.live("orders")["amount"]) == [1.5, 2.5]


JSON = """\
SCHEMA = DataFrameSchema({"id": Column(int), "tags": Column(str, nullable=True)})
dataset = Dataset("notes", schema=SCHEMA, source=Json(), tolerated_rejects=1)
"""
RECORDS = """\
{"id": 1, "tags": "x"}
{"id": 2, "tags": ["a", "list"]}
{"id": 3, "tags": null, "more": "than expected"}
{"id": "4", "tags": "a string for a number"}
not json
"""


def test_a_replay_under_the_same_contract_lets_nothing_through(pipeline: Pipeline) -> None:
    pipeline.declare("notes", JSON)
    first = pipeline.finish(pipeline.arrive("notes/a.json", RECORDS))
    assert pipeline.rejected(first)["row"].to_list() == [2, 3, 4, 5]
    again = pipeline.validated(pipeline.replay(first, rows="quarantined"))
    assert again.validated is not None
    assert (again.validated.rows_in, again.validated.rows_accepted) == (4, 0)
    before, after = pipeline.rejected(first), pipeline.rejected(again)
    assert after.to_dicts() == before.to_dicts()


def test_what_a_json_record_held_is_there_when_the_contract_is_fixed(pipeline: Pipeline) -> None:
    pipeline.declare("notes", JSON)
    first = pipeline.finish(pipeline.arrive("notes/a.json", RECORDS))
    fixed = JSON.replace("Column(int)", "Column(int, coerce=True)").replace(
        "source=", "on_unknown_columns='rescue', source="
    )
    pipeline.declare("notes", fixed)
    pipeline.finish(pipeline.replay(first, rows="quarantined"))
    live = pipeline.live("notes")
    assert sorted(live["id"]) == [1, 3, 4]
    assert live.filter(pl.col("id") == 3)["_rescued"].to_list() == ['{"more": "than expected"}']


def test_rows_that_lack_what_the_contract_now_asks_for_are_not_replayed_alone(pipeline: Pipeline) -> None:
    ignoring = ORDERS.replace("tolerated_rejects", "on_unknown_columns='ignore', tolerated_rejects")
    pipeline.declare("orders", ignoring)
    first = pipeline.finish(pipeline.arrive("orders/a.csv", "id,country,amount,note\n1,DE,1,a\n2,XX,1,b\n"))
    wider = ignoring.replace('"amount": Column(float)', '"amount": Column(float), "note": Column(str, required=False)')
    pipeline.declare("orders", wider.replace('["DE", "FR"]', '["DE", "FR", "XX"]'))
    with pytest.raises(SchemaMismatch, match=r"no column note\..*--all-rows"):
        pipeline.finish(pipeline.replay(first, rows="quarantined"))


def test_malformed_records_are_read_again_as_the_source_now_says(pipeline: Pipeline) -> None:
    data = rows(1, 2, 3) + '4,"FR,1\n5,DE,1,extra\n'
    first = pipeline.finish(pipeline.arrive("orders/a.csv", data))
    assert pipeline.rejected(first)["row"].to_list() == [4, 5]
    pipeline.declare("orders", ORDERS.replace("Csv()", "Csv(quote=None)").replace('"FR"', "'\"FR'"))
    again = pipeline.finish(pipeline.replay(first, rows="quarantined"))
    assert live_ids(pipeline) == [1, 2, 3, 4]
    assert pipeline.rejected(again)["row"].to_list() == [5]
