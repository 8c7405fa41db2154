"""Whatever the ledger has, a run's progress is possible: no share beyond the whole, no time below zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from filegate.operations.progress import MIN_SHARE, REPORTING_STATES, StateProgress, progress_of
from filegate.runs.record import RunRecord
from filegate.runs.states import State, Status
from filegate.storage.ledger import alive, entered, iso

BEGAN = datetime(2026, 1, 31, 10, tzinfo=UTC)
counts = st.integers(1, 10**6)
seconds = st.floats(-5, 10**5)


def record(due: int, done: int, rows: int, took: float, *, rows_in: int = 10**9, **facts: object) -> RunRecord:
    """A run `took` seconds after the beginning of its state."""
    reported = entered(State.VALIDATE, due, BEGAN) | alive(BEGAN + timedelta(seconds=took))
    named = {"run_id": "r", "dataset": "d", "status": "RUNNING", "bucket": "b", "key": "d/k", "version_id": "v"}
    named |= {"owner": "o", "started_at": iso(BEGAN), "rows_in": rows_in}  # type: ignore[dict-item]
    return RunRecord.model_validate(named | reported | {"chunks_done": done, "rows_done": rows} | facts)


def found(due: int, done: int, rows: int, took: float, *, rows_in: int = 10**9) -> StateProgress:
    reported = progress_of(record(due, done, rows, took, rows_in=rows_in))
    assert reported is not None
    return reported


@given(due=counts, done=counts, rows=st.tuples(counts, counts), took=seconds, later=seconds)
def test_nothing_is_below_zero_or_beyond_the_whole(
    due: int, done: int, rows: tuple[int, int], took: float, later: float
) -> None:
    rows_done, rows_in = rows
    reported = found(due, done, rows_done, took, rows_in=rows_in)
    assert 0 < reported.chunks_done <= due
    assert reported.share is not None
    assert reported.percent is not None
    assert 0 <= reported.percent <= 100
    assert (reported.percent == 100) == (reported.share == 1) == (done >= due)
    assert 0 <= reported.rows_done <= rows_in
    assert reported.rows_per_second is None or 0 <= reported.rows_per_second <= rows_in
    left = reported.seconds_left(BEGAN + timedelta(seconds=took + later))
    assert left is None or left > 0


@given(due=st.integers(10, 10**6), share=st.floats(MIN_SHARE, 0.99), took=st.integers(1, 10**5), rate=counts)
def test_an_even_rate_is_reported(due: int, share: float, took: int, rate: int) -> None:
    done = max(round(due * share), -(-due // 10))
    reported = found(due, done, rate * took, took, rows_in=10**12)
    assert reported.rows_per_second == rate
    left = reported.seconds_left(reported.alive_at)
    assert left is None if done == due else abs(left - took * (due - done) / done) < 1e-3 * took  # type: ignore[operator]


@given(due=counts, done=counts, rows=counts, took=seconds, waits=st.lists(st.floats(0, 100), max_size=9))
def test_the_time_left_does_not_grow_while_nothing_is_reported(
    due: int, done: int, rows: int, took: float, waits: list[float]
) -> None:
    reported, at, last = found(due, done, rows, took), BEGAN + timedelta(seconds=took), float("inf")
    for wait in waits:
        at += timedelta(seconds=wait)
        left = reported.seconds_left(at) or 0.0
        assert left <= last
        last = left


@given(done=counts, more=counts, rows=counts, took=seconds)
def test_progress_only_grows(done: int, more: int, rows: int, took: float) -> None:
    before, after = found(10**6, done, rows, took), found(10**6, done + more, rows, took)
    assert (before.chunks_done, before.percent) <= (after.chunks_done, after.percent)


@given(done=counts, rows=counts, took=seconds)
def test_an_unknown_total_gives_no_estimate(done: int, rows: int, took: float) -> None:
    """Ingest does not know how many chunks there will be."""
    reported = found(0, done, rows, took)
    assert (reported.chunks_done, reported.chunks, reported.rows_done) == (done, None, rows)
    assert (reported.share, reported.percent, reported.seconds_left(BEGAN)) == (None, None, None)


def test_a_run_that_reported_nothing_or_ended_has_no_progress() -> None:
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
