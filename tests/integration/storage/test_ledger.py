"""One set of expectations for both ledgers: the one in memory, and DynamoDB's."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from filegate.devcloud.cloud import EmbeddedCloud
from filegate.errors import ClaimLost, UnknownFormat
from filegate.runs.run import (
    Failure,
    FoundLayout,
    Ingested,
    Invocation,
    Request,
    Retries,
    Run,
    Transformed,
    Usage,
    Validated,
    run_id_of,
)
from filegate.runs.states import PARALLEL_OUTPUT, State, Status
from filegate.storage.dynamodb import DynamoDBLedger
from filegate.storage.ledger import LEASE, Commit, Head, Ledger
from filegate.storage.memory import MemoryLedger

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def dynamodb(cloud: EmbeddedCloud, table: str) -> Ledger:
    return DynamoDBLedger(cloud.session().client("dynamodb"), table)


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return MemoryLedger() if request.param == "memory" else request.getfixturevalue("dynamodb")


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of the test's own: the table is shared."""
    return f"flights/{request.node.name}.csv"


def a_run(key: str, *, version: str = "v1", execution: str = "one", sequencer: str = "05") -> Run:
    request = Request(bucket="raw", key=key, version_id=version, sequencer=sequencer)
    return Run(run_id=run_id_of("raw", key, version), execution=execution, request=request)


def test_the_first_claim_wins_and_later_ones_are_counted(ledger: Ledger, key: str) -> None:
    assert ledger.claim(a_run(key), NOW)
    assert not ledger.claim(a_run(key, execution="two"), NOW)
    assert not ledger.claim(a_run(key, execution="three"), NOW)
    record = ledger.get(a_run(key).run_id)
    assert record is not None
    assert (record.status, record.owner, record.duplicates) == (Status.RUNNING, "one", 2)
    assert (record.dataset, record.key, record.started_at) == ("flights", key, "2026-01-31T12:00:00.000Z")


def test_the_owner_renews_its_claim_and_keeps_the_first_start(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    assert ledger.claim(run.model_copy(update={"retries": Retries(count=1)}), NOW + timedelta(minutes=5))
    record = ledger.get(run.run_id)
    assert record is not None
    assert (record.retries, record.started_at) == (1, "2026-01-31T12:00:00.000Z")


def test_a_dead_owners_claim_is_taken_over_after_its_lease(ledger: Ledger, key: str) -> None:
    ledger.claim(a_run(key), NOW)
    ledger.enter(a_run(key), State.VALIDATE, NOW + timedelta(minutes=10), Usage())  # renews the lease
    assert not ledger.claim(a_run(key, execution="two"), NOW + LEASE + timedelta(minutes=1))
    assert ledger.claim(a_run(key, execution="two"), NOW + LEASE + timedelta(minutes=11))
    with pytest.raises(ClaimLost):
        ledger.enter(a_run(key), State.TRANSFORM, NOW, Usage())


def test_progress_keeps_the_claim_of_a_run_that_takes_hours(ledger: Ledger, key: str) -> None:
    """Such as one that fans out: no state is entered meanwhile."""
    run, step = a_run(key), LEASE - timedelta(minutes=1)
    ledger.claim(run, NOW)
    ledger.enter(run, State.VALIDATE, NOW, Usage())
    for report in range(1, 9):
        assert not ledger.claim(a_run(key, execution="two"), NOW + report * step)
        ledger.advance(run, chunks=16, rows=1_600, now=NOW + report * step)
    last = NOW + 8 * step
    assert not ledger.claim(a_run(key, execution="two"), last + LEASE)
    assert ledger.claim(a_run(key, execution="two"), last + LEASE + timedelta(seconds=1))
    with pytest.raises(ClaimLost):
        ledger.advance(run, chunks=16, rows=1_600, now=last + LEASE)


def progress_of(ledger: Ledger, run: Run) -> tuple[str, str, int, int, int]:
    record = ledger.get(run.run_id)
    assert record is not None
    assert record.lease_until == int((datetime.fromisoformat(record.entered_at) + LEASE).timestamp())
    return record.state, record.entered_at[11:19], record.chunks_due, record.chunks_done, record.rows_done


def test_progress_adds_up_and_every_state_begins_with_none(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    assert progress_of(ledger, run) == ("IngestState", "12:00:00", 0, 0, 0)
    ledger.advance(run, chunks=3, rows=300, now=NOW)
    ledger.advance(run, chunks=2, rows=150, now=NOW)
    assert progress_of(ledger, run) == ("IngestState", "12:00:00", 0, 5, 450)
    run = run.with_ingested(Ingested(claim="CLAIMED", chunks=6))
    ledger.enter(run, State.VALIDATE, NOW + timedelta(seconds=10), Usage())
    assert progress_of(ledger, run) == ("ValidateState", "12:00:10", 6, 0, 0)
    ledger.advance(run, chunks=1, rows=90, now=NOW + timedelta(seconds=10))
    assert progress_of(ledger, run) == ("ValidateState", "12:00:10", 6, 1, 90)
    ledger.enter(run, State.VALIDATE, NOW + timedelta(seconds=20), Usage(), chunks=2)  # a second pass over some
    assert progress_of(ledger, run) == ("ValidateState", "12:00:20", 2, 0, 0)
    ledger.advance(run, chunks=2, rows=200, now=NOW + timedelta(seconds=20))
    ledger.claim(run, NOW + timedelta(seconds=30))  # a restart
    assert progress_of(ledger, run) == ("IngestState", "12:00:30", 0, 0, 0)


def test_progress_of_another_s_run_or_of_one_that_is_over_is_refused(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    with pytest.raises(ClaimLost):
        ledger.advance(run, chunks=1, rows=1, now=NOW)
    ledger.claim(run, NOW)
    with pytest.raises(ClaimLost):
        ledger.advance(a_run(key, execution="two"), chunks=1, rows=1, now=NOW)
    ledger.commit(Commit(run, Status.SUCCEEDED, "", NOW, Usage(), 0.0, Head("05", "v1", (run.run_id,), revision=1)))
    with pytest.raises(ClaimLost):
        ledger.advance(run, chunks=1, rows=1, now=NOW)
    record = ledger.get(run.run_id)
    assert record is not None
    assert (record.chunks_done, record.rows_done) == (0, 0)


def test_ranges_that_report_at_once_all_count(dynamodb: Ledger, key: str) -> None:
    run = a_run(key)
    dynamodb.claim(run, NOW)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: dynamodb.advance(run, chunks=16, rows=n, now=NOW), range(64)))
    record = dynamodb.get(run.run_id)
    assert record is not None
    assert (record.chunks_done, record.rows_done) == (64 * 16, sum(range(64)))


def test_facts_and_states_are_kept(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    layout = FoundLayout(format="csv", encoding="cp1250", delimiter=";", line_end="CRLF", header_line=1)
    run = run.with_ingested(Ingested(claim="CLAIMED", rows=3, bytes=100, chunks=1, layout=layout))
    ledger.enter(run, State.VALIDATE, NOW + timedelta(seconds=1), Usage())
    record = ledger.get(run.run_id)
    assert record is not None
    assert record.layout == layout
    assert (record.bytes, record.chunks, record.rows_in, record.rules) == (100, 1, 3, {})
    ledger.record(run.with_validated(validated({"carrier:isin": 2, "*:unique(a,b)": 1})), Usage())
    record = ledger.get(run.run_id)
    assert record is not None
    assert (record.bytes, record.rows_in, record.rows_accepted, record.rows_rejected) == (100, 3, 1, 2)
    assert (record.rules, record.quarantine) == ({"carrier:isin": 2, "*:unique(a,b)": 1}, "s3://quarantine/m.json")
    assert record.states == {"IngestState": "2026-01-31T12:00:00.000Z", "ValidateState": "2026-01-31T12:00:01.000Z"}


def validated(rules: dict[str, int]) -> Validated:
    return Validated(
        verdict="INVALID",
        rows_in=3,
        rows_accepted=1,
        rows_rejected=2,
        share_of_tolerance=9.0,
        rules=rules,
        message="",
        quarantine="s3://quarantine/m.json",
    )


def invocation(state: str, seconds: float, **more: float) -> Invocation:
    return Invocation.model_validate({"state": state, "seconds": seconds, "memory_mb": 512, **more})


def test_what_a_run_used_is_kept_by_invocation(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    first = invocation("IngestState", 1.25, s3_reads=3, ledger_writes=2.5)
    so_far, whole = invocation("ValidateState", 0.5), invocation("ValidateState", 7.001, failed=True)
    ledger.record(run, Usage(invocations={"a1": first}))
    ledger.enter(run, State.VALIDATE, NOW, Usage(invocations={"b2": so_far}))
    ledger.record(run, Usage(invocations={"b2": whole}))
    record = ledger.get(run.run_id)
    assert record is not None
    assert record.usage.invocations == {"a1": first, "b2": whole}
    ledger.claim(run, NOW)  # a restart
    last = invocation("CommitState", 2)
    head = Head("05", "v1", (run.run_id,), revision=1)
    assert ledger.commit(Commit(run, Status.SUCCEEDED, "", NOW, Usage(invocations={"c3": last}), 0.0004321, head))
    record = ledger.get(run.run_id)
    assert record is not None
    assert record.usage.invocations == {"a1": first, "b2": whole, "c3": last}
    assert record.cost_usd == 0.0004321


TRANSFORMED = Transformed(rows_out=7, rows_deduplicated=2, bytes_out=900, parts=1, manifest="runs/1/output.json")


def test_the_outputs_counts_are_kept_before_the_commit(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    ledger.enter(run, State.TRANSFORM, NOW, Usage())
    ledger.record_output(run.with_transformed(TRANSFORMED), NOW + timedelta(seconds=5))
    record = ledger.get(run.run_id)
    assert record is not None
    assert (record.status, record.state) == (Status.RUNNING, PARALLEL_OUTPUT)
    assert (record.rows_out, record.rows_deduplicated, record.bytes_out) == (7, 2, 900)
    assert record.states[PARALLEL_OUTPUT] == "2026-01-31T12:00:05.000Z"
    assert record.states.keys() == {State.INGEST, State.TRANSFORM, PARALLEL_OUTPUT}
    assert record.entered_at == "2026-01-31T12:00:00.000Z"  # of the last state that called a function


FAILURE = Failure(status=Status.REJECTED, type="TooManyRejects", message="2 of 3 rows were rejected.")


def test_a_failure_ends_the_run_and_leaves_the_head(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    ledger.record_failure(run, FAILURE, NOW + timedelta(seconds=5))
    record = ledger.get(run.run_id)
    assert record is not None
    assert (record.status, record.finished_at) == (Status.REJECTED, "2026-01-31T12:00:05.000Z")
    assert (record.error_type, record.error_message) == (FAILURE.type, FAILURE.message)
    assert (record.output, ledger.head("raw", key)) == (None, Head())
    assert not ledger.claim(run, NOW)


def test_only_the_owner_of_a_run_that_goes_on_records_its_output_or_failure(ledger: Ledger, key: str) -> None:
    run, stranger = a_run(key).with_transformed(TRANSFORMED), a_run(key, execution="two").with_transformed(TRANSFORMED)
    ledger.claim(run, NOW)
    with pytest.raises(ClaimLost):
        ledger.record_output(stranger, NOW)
    with pytest.raises(ClaimLost):
        ledger.record_failure(stranger, FAILURE, NOW)
    ledger.record_failure(run, FAILURE, NOW)
    with pytest.raises(ClaimLost):
        ledger.record_output(run, NOW)
    with pytest.raises(ClaimLost):
        ledger.record_failure(run, FAILURE, NOW)


def test_every_item_carries_its_format_and_one_without_is_of_the_first(
    cloud: EmbeddedCloud, table: str, dynamodb: Ledger, key: str
) -> None:
    run = a_run(key)
    dynamodb.claim(run, NOW)
    client = cloud.session().client("dynamodb")
    item: Any = {"TableName": table, "Key": {"pk": {"S": f"run#{run.run_id}"}}}
    assert client.get_item(**item)["Item"]["format"] == {"N": "1"}

    client.update_item(**item, UpdateExpression="REMOVE #f", ExpressionAttributeNames={"#f": "format"})
    record = dynamodb.get(run.run_id)
    assert record is not None
    assert record.format == 1

    client.update_item(
        **item,
        UpdateExpression="SET #f = :two",
        ExpressionAttributeNames={"#f": "format"},
        ExpressionAttributeValues={":two": {"N": "2"}},
    )
    with pytest.raises(UnknownFormat, match="has format 2"):
        dynamodb.get(run.run_id)
    client.delete_item(**item)  # the other tests' listings read it


def test_a_commit_ends_the_run_and_moves_the_head(ledger: Ledger, key: str) -> None:
    run = a_run(key)
    ledger.claim(run, NOW)
    assert ledger.head("raw", key) == Head()
    head = Head("05", "v1", (run.run_id,), revision=1)
    assert ledger.commit(
        Commit(run, Status.SUCCEEDED, "s3://processed/m.json", NOW, Usage(), 0.0, head=head, supersedes=("old",))
    )
    assert ledger.head("raw", key) == head
    record = ledger.get(run.run_id)
    assert record is not None
    assert (record.status, record.output, record.supersedes) == (Status.SUCCEEDED, "s3://processed/m.json", ("old",))
    with pytest.raises(ClaimLost):
        ledger.record(run, Usage())
    assert not ledger.claim(run, NOW)


def test_a_commit_that_saw_an_older_head_does_nothing(ledger: Ledger, key: str) -> None:
    first, second = a_run(key), a_run(key, version="v2", sequencer="06")
    for run in (first, second):
        ledger.claim(run, NOW)
    assert ledger.commit(
        Commit(second, Status.SUCCEEDED, "", NOW, Usage(), 0.0, head=Head("06", "v2", (second.run_id,), 1))
    )
    assert not ledger.commit(
        Commit(first, Status.SUCCEEDED, "", NOW, Usage(), 0.0, head=Head("05", "v1", (first.run_id,), 1))
    )
    record = ledger.get(first.run_id)
    assert record is not None
    assert record.status == Status.RUNNING


def test_only_the_owner_commits(ledger: Ledger, key: str) -> None:
    ledger.claim(a_run(key), NOW)
    stranger = a_run(key, execution="two")
    with pytest.raises(ClaimLost):
        ledger.commit(
            Commit(stranger, Status.SUCCEEDED, "", NOW, Usage(), 0.0, head=Head("05", "v1", (stranger.run_id,), 1))
        )
    assert ledger.head("raw", key) == Head()


def test_runs_are_listed_latest_first(ledger: Ledger, key: str) -> None:
    dataset = f"d{abs(hash(key)) % 10**9}"
    runs = [a_run(f"{dataset}/{n}.csv") for n in range(3)]
    for n, run in enumerate(runs):
        ledger.claim(run, NOW + timedelta(days=300, minutes=n))
    assert [record.run_id for record in ledger.of_dataset(dataset)] == [run.run_id for run in reversed(runs)]
    since = NOW + timedelta(days=300, minutes=1)
    recent = [record.run_id for record in ledger.with_status(Status.RUNNING, since) if record.dataset == dataset]
    assert recent == [runs[2].run_id, runs[1].run_id]


def test_runs_expire_after_180_days_and_heads_never(
    cloud: EmbeddedCloud, table: str, dynamodb: Ledger, key: str
) -> None:
    run = a_run(key)
    dynamodb.claim(run, NOW)
    dynamodb.commit(Commit(run, Status.SUCCEEDED, "", NOW, Usage(), 0.0, head=Head("05", "v1", (run.run_id,), 1)))
    found = cloud.session().client("dynamodb").scan(TableName=table)["Items"]
    items = {item["pk"]["S"]: item for item in found}
    expiry = int(items[f"run#{run.run_id}"]["expires_at"]["N"])
    assert datetime.fromtimestamp(expiry, UTC) == NOW + timedelta(days=180)
    assert "expires_at" not in items[f"head#raw/{key}"]


@pytest.mark.parametrize(
    ("mine", "other", "newer"),
    [("05", "04", True), ("05", "05", False), ("05", "050001", False), ("0500", "05", False), ("1", "05", True)],
)
def test_sequencers_compare_as_right_padded_hexadecimal(mine: str, other: str, newer: bool) -> None:
    assert Head(sequencer=mine).is_newer_than(other) is newer
