"""Whatever the ledger says, what is told of a run's progress can be: no share beyond the whole, no time below zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from filegate.operations.progress import MIN_SHARE, REPORTING_STATES, StateProgress, progress_of
from filegate.runs.clock import iso
from filegate.runs.record import RunRecord
from filegate.runs.states import State, Status
from filegate.storage.ledger import alive, entered

BEGAN = datetime(2026, 1, 31, 10, tzinfo=UTC)
counts = st.integers(1, 10**6)
seconds = st.floats(-5, 10**5)


def record(due: int, done: int, rows: int, took: float, *, rows_in: int = 10**9, **facts: object) -> RunRecord:
    """A run `took` seconds after the beginning of its state."""
    told = entered(State.VALIDATE, due, BEGAN) | alive(BEGAN + timedelta(seconds=took))
    named = {"run_id": "r", "dataset": "d", "status": "RUNNING", "bucket": "b", "key": "d/k", "version_id": "v"}
    named |= {"owner": "o", "started_at": iso(BEGAN), "rows_in": rows_in}  # type: ignore[dict-item]
    return RunRecord.model_validate(named | told | {"chunks_done": done, "rows_done": rows} | facts)


def found(due: int, done: int, rows: int, took: float, *, rows_in: int = 10**9) -> StateProgress:
    told = progress_of(record(due, done, rows, took, rows_in=rows_in))
    assert told is not None
    return told


@given(due=counts, done=counts, rows=st.tuples(counts, counts), took=seconds, later=seconds)
def test_nothing_is_below_zero_or_beyond_the_whole(
    due: int, done: int, rows: tuple[int, int], took: float, later: float
) -> None:
    rows_done, rows_in = rows
    told = found(due, done, rows_done, took, rows_in=rows_in)
    assert 0 < told.chunks_done <= due
    assert told.share is not None
    assert told.percent is not None
    assert 0 <= told.percent <= 100
    assert (told.percent == 100) == (told.share == 1) == (done >= due)
    assert 0 <= told.rows_done <= rows_in
    assert told.rows_per_second is None or 0 <= told.rows_per_second <= rows_in
    left = told.seconds_left(BEGAN + timedelta(seconds=took + later))
    assert left is None or left > 0


@given(due=st.integers(10, 10**6), share=st.floats(MIN_SHARE, 0.99), took=st.integers(1, 10**5), rate=counts)
def test_an_even_pace_is_told_as_it_is(due: int, share: float, took: int, rate: int) -> None:
    done = max(round(due * share), -(-due // 10))
    told = found(due, done, rate * took, took, rows_in=10**12)
    assert told.rows_per_second == rate
    left = told.seconds_left(told.alive_at)
    assert left is None if done == due else abs(left - took * (due - done) / done) < 1e-3 * took  # type: ignore[operator]


@given(due=counts, done=counts, rows=counts, took=seconds, waits=st.lists(st.floats(0, 100), max_size=9))
def test_the_rest_grows_no_longer_while_nothing_is_told(
    due: int, done: int, rows: int, took: float, waits: list[float]
) -> None:
    told, at, last = found(due, done, rows, took), BEGAN + timedelta(seconds=took), float("inf")
    for wait in waits:
        at += timedelta(seconds=wait)
        left = told.seconds_left(at) or 0.0
        assert left <= last
        last = left


@given(done=counts, more=counts, rows=counts, took=seconds)
def test_more_done_is_more_told(done: int, more: int, rows: int, took: float) -> None:
    before, after = found(10**6, done, rows, took), found(10**6, done + more, rows, took)
    assert (before.chunks_done, before.percent) <= (after.chunks_done, after.percent)


@given(done=counts, rows=counts, took=seconds)
def test_what_nobody_knows_is_not_told(done: int, rows: int, took: float) -> None:
    """Ingest does not know how many chunks there will be."""
    told = found(0, done, rows, took)
    assert (told.chunks_done, told.chunks, told.rows_done) == (done, None, rows)
    assert (told.share, told.percent, told.seconds_left(BEGAN)) == (None, None, None)


def test_what_has_told_nothing_or_is_over_has_no_pace() -> None:
    assert progress_of(record(10, 0, 0, 3)) is None
    for status in Status:
        assert (progress_of(record(10, 5, 5, 3, status=status)) is None) == (status != Status.RUNNING)
    for state in REPORTING_STATES:
        assert progress_of(record(10, 5, 5, 3, state=state)) is not None
    assert progress_of(record(10, 10, 5, 3, state="ParallelOutput")) is None  # its chunks are those of the state before


def test_the_first_ranges_say_nothing_of_the_rest() -> None:
    """A hundred of them begin together: when the first one is done, most of the work may be."""
    assert found(1000, 99, 1, 20).seconds_left(BEGAN) is None
    assert found(1000, 100, 1, 20).seconds_left(BEGAN) == 180
