"""Long runs report their progress: seldom enough to cost nothing, and often enough to keep their claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from filegate.errors import Throttled
from filegate.pipeline import fan_out, transform
from filegate.pipeline.context import Context
from filegate.pipeline.ingest import ingest
from filegate.pipeline.progress import REPORT_INTERVAL, ProgressReporter
from filegate.pipeline.validate import reduce_validated, validate, validate_range
from filegate.runs.run import Run
from filegate.storage.ledger import LEASE
from filegate.storage.memory import MemoryLedger

from .conftest import Pipeline

ROWS = 60
DATA = "id,country,amount\n" + "".join(f"{number},DE,{number}.5\n" for number in range(10, 10 + ROWS))
CHUNK_BYTES = 20
"""Two rows or so."""


@dataclass
class SteadyClock:
    """Moves on by a step whenever it is read."""

    step: timedelta
    at: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += self.step
        return self.at


@dataclass
class CountingLedger(MemoryLedger):
    """Remembers what was reported."""

    reports: list[tuple[int, int]] = field(default_factory=list)

    def advance(self, run: Run, *, chunks: int, rows: int, now: datetime) -> None:
        self.reports.append((chunks, rows))
        super().advance(run, chunks=chunks, rows=rows, now=now)


@pytest.fixture
def ledger(pipeline: Pipeline) -> CountingLedger:
    pipeline.ledger = CountingLedger()
    return pipeline.ledger


def long(pipeline: Pipeline, step: timedelta) -> SteadyClock:
    """Cuts objects into small chunks, on each of which a stage works for `step`."""
    pipeline.now = SteadyClock(step)
    pipeline.chunk_bytes = CHUNK_BYTES
    return pipeline.now


@pytest.mark.parametrize("step", [0.001, 0.5, 1.2, 4.999, 5, 60])
def test_at_most_one_write_every_five_seconds(pipeline: Pipeline, ledger: CountingLedger, step: float) -> None:
    clock = SteadyClock(timedelta(seconds=step))
    context = Context(pipeline.store, ledger, pipeline.context.registry, pipeline.context.settings, clock)
    run = pipeline.arrive("orders/a.csv", DATA)
    ledger.claim(run, clock.at)
    began = clock.at
    progress = ProgressReporter(run, context)
    for chunk in range(1_000):
        progress.done(chunks=1, rows=chunk)
    assert len(ledger.reports) <= (clock.at - began) / REPORT_INTERVAL
    missing = 1_000 - sum(chunks for chunks, _ in ledger.reports)
    assert missing * clock.step < REPORT_INTERVAL + clock.step
    assert sum(rows for _, rows in ledger.reports) == sum(range(1_000 - missing))
    record = pipeline.record(run)
    assert (record.chunks_done, record.rows_done) == (1_000 - missing, sum(range(1_000 - missing)))


def test_a_small_file_reports_no_progress(pipeline: Pipeline, ledger: CountingLedger) -> None:
    pipeline.finish(pipeline.arrive("orders/a.csv", DATA))
    assert ledger.reports == []


def test_every_stage_reports_its_progress(
    pipeline: Pipeline, ledger: CountingLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "GROUP_CHUNKS", 1)
    clock = long(pipeline, timedelta(seconds=1))
    run = ingest(pipeline.arrive("orders/a.csv", DATA), pipeline.context)
    assert run.chunks >= 20
    for stage, state in ((validate, "ValidateState"), (transform.transform, "TransformState")):
        ledger.reports.clear()
        began = clock.at
        run = stage(run, pipeline.context)
        record = pipeline.record(run)
        assert 1 <= len(ledger.reports) <= (clock.at - began) / REPORT_INTERVAL
        assert (record.state, record.chunks_due) == (state, run.chunks)
        assert run.chunks - 5 <= record.chunks_done <= run.chunks
        assert ROWS - 15 <= record.rows_done <= ROWS


def test_ingest_reports_its_progress(pipeline: Pipeline, ledger: CountingLedger) -> None:
    long(pipeline, timedelta(seconds=1))
    run = ingest(pipeline.arrive("orders/a.csv", DATA), pipeline.context)
    record = pipeline.record(run)
    assert (record.state, record.chunks_due, run.chunks) == ("IngestState", 0, 60)
    assert run.chunks - 5 <= record.chunks_done <= run.chunks


def test_transform_has_no_work_with_chunks_of_nothing_but_rejected_rows(
    pipeline: Pipeline, ledger: CountingLedger
) -> None:
    bad = DATA.replace("10,DE", "10,XX").replace("11,DE", "11,XX")
    long(pipeline, timedelta(seconds=1))
    run = validate(ingest(pipeline.arrive("orders/a.csv", bad), pipeline.context), pipeline.context)
    transform.transform(run, pipeline.context)
    record = pipeline.record(run)
    assert record.chunks_due < run.chunks
    assert record.chunks_due - 5 <= record.chunks_done <= record.chunks_due


class BusyLedger(MemoryLedger):
    """Takes no progress at the moment."""

    def advance(self, run: Run, *, chunks: int, rows: int, now: datetime) -> None:
        raise Throttled("Slow down.")


@pytest.mark.parametrize("fan_out_bytes", [1, 10**6])
def test_work_is_not_done_again_for_progress_that_could_not_be_reported(pipeline: Pipeline, fan_out_bytes: int) -> None:
    pipeline.ledger, pipeline.fan_out_bytes = BusyLedger(), fan_out_bytes
    long(pipeline, timedelta(seconds=1))
    assert pipeline.finish(pipeline.arrive("orders/a.csv", DATA)).committed is not None


@pytest.fixture
def fans_out(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large objects are those of five chunks and more."""
    monkeypatch.setattr(fan_out, "RANGE_CHUNKS", 4)
    monkeypatch.setattr(fan_out, "GROUP_CHUNKS", 2)
    pipeline.fan_out_bytes = 1


@pytest.mark.usefixtures("fans_out")
def test_every_range_reports_once_and_keeps_the_claim(pipeline: Pipeline, ledger: CountingLedger) -> None:
    """Twenty minutes pass from one to the next: together they take hours."""
    long(pipeline, timedelta(seconds=0))
    run = ingest(pipeline.arrive("orders/a.csv", DATA), pipeline.context)
    ranges = fan_out.all_ranges(run)
    pipeline.now = clock = SteadyClock(timedelta(seconds=0))
    began = clock.at
    for part in ranges:
        clock.at += LEASE * 2 / 3
        validate_range(run.with_range(part), pipeline.context)
        assert not ledger.claim(run.model_copy(update={"execution": "another"}), clock.at + LEASE / 2)
    assert clock.at - began > 2 * LEASE
    assert len(ledger.reports) == len(ranges)
    record = pipeline.record(run)
    assert (record.state, record.chunks_done, record.chunks_due) == ("ValidateState", run.chunks, run.chunks)
    assert record.rows_done == ROWS


@pytest.mark.usefixtures("fans_out")
def test_a_second_pass_knows_how_few_chunks_it_has(pipeline: Pipeline) -> None:
    pipeline.declare(
        "labels",
        'SCHEMA = DataFrameSchema({"id": Column(int, unique=True)})\n'
        'dataset = Dataset("labels", schema=SCHEMA, source=Csv(), tolerated_rejects=1)\n',
    )
    pipeline.chunk_bytes = CHUNK_BYTES
    numbers = [*range(10, 70), 10]
    run = ingest(
        pipeline.arrive("labels/a.csv", "id\n" + "".join(f"{number}\n" for number in numbers)), pipeline.context
    )
    record = pipeline.record(run)
    assert (record.state, record.chunks_due) == ("ValidateState", run.chunks)
    pipeline.mapped(run, validate_range)
    run = reduce_validated(run, pipeline.context)
    record = pipeline.record(run)
    assert (record.state, record.chunks_due, record.chunks_done) == ("ValidateState", 2, 0)
    pipeline.mapped(run, validate_range)  # one of the two twice
    run = reduce_validated(run, pipeline.context)
    assert run.validated is not None
    record = pipeline.record(run)
    with_accepted_rows = run.chunks - 1  # the last one holds nothing but the repeated row
    assert (record.state, record.chunks_due, record.chunks_done) == ("TransformState", with_accepted_rows, 0)
