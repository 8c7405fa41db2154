"""What commands answer: to a person plainly, to a program as JSON, and to a script by their exit status."""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from filegate.cli.runs import StatusName
from filegate.cli.tables import exit_status
from filegate.devcloud.running import RunningLocal
from filegate.errors import AccessDenied, FilegateError
from filegate.runs.address import Address
from filegate.runs.clock import now
from filegate.runs.prices import READ_ON
from filegate.runs.record import RunRecord
from filegate.runs.run import Invocation, Usage, run_id_of
from filegate.runs.states import State, Status
from tests.unit.cli.conftest import Filegate, documents
from tests.unit.operations.fakes import MemoryCloud, body

NOW = "2026-01-31T10:00:00.000Z"
SOON = 10**6  # minutes: the runs are recent, whenever the test runs
STATUSES = [status for status in Status if status not in (Status.RUNNING, Status.DUPLICATE)]


@pytest.fixture
def delivered(cloud: MemoryCloud, tmp_path: Path) -> Path:
    """A folder of files whose names say how their runs end."""

    def arrived(address: Address) -> None:
        status = Status(Path(address.key).stem.upper())
        run_id = run_id_of(address.bucket, address.key, str(address.version_id))
        error: dict[str, Any] = (
            {} if status in (Status.SUCCEEDED, Status.PARTIAL) else {"error_type": "Bad", "error_message": "So."}
        )
        cloud.has("x", status, key=address.key, run_id=run_id, rows_in=2000, rows_out=1999, **error)

    cloud.arrived = arrived
    for status in STATUSES:
        (tmp_path / f"{status.lower()}.csv").write_text("a\n1\n")
    return tmp_path


def test_drop_that_is_interrupted_says_that_the_runs_continue(
    filegate: Filegate, delivered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("filegate.operations.follow.Follower.poll", leave)
    result = filegate("drop", "succeeded.csv", "-d", "flights")
    assert result.exit_code == 130
    assert "The runs of what was delivered continue. See them with: filegate runs" in result.stderr


def test_drop_answers_a_person(filegate: Filegate, delivered: Path) -> None:
    result = filegate("drop", "succeeded.csv", "rejected.csv", "-d", "flights")
    assert result.stdout.splitlines()[:4] == [
        "dataset  file           status        in  accepted  rejected    out   time  where it went",
        "flights  succeeded.csv  SUCCEEDED  2,000         0         0  1,999  1.5 s  processed",
        "flights  rejected.csv   REJECTED   2,000         0         0  1,999  1.5 s  dead-letter queue",
        "",
    ]
    assert "\x1b" not in result.stdout


def test_drop_answers_a_program(filegate: Filegate, delivered: Path) -> None:
    answered = documents(filegate("drop", "--json", "-d", "flights", "partial.csv", "failed.csv"))
    assert [document["status"] for document in answered] == ["PARTIAL", "FAILED"]
    assert answered[1]["error"] == {"type": "Bad", "message": "So."}


@pytest.mark.parametrize(
    ("files", "status"),
    [
        (["succeeded"], 0),
        (["partial"], 0),
        (["rejected"], 3),
        (["failed"], 4),
        (["succeeded", "rejected", "partial"], 3),
        (["failed", "rejected"], 4),
        (["rejected", "failed"], 4),
    ],
)
def test_the_worst_run_decides_the_exit_status(
    filegate: Filegate, delivered: Path, files: list[str], status: int
) -> None:
    assert filegate("drop", "-d", "flights", *[f"{file}.csv" for file in files]).exit_code == status


def test_a_duplicate_is_no_failure() -> None:
    run = RunRecord.model_construct(status=Status.DUPLICATE)  # type: ignore[call-arg]
    assert exit_status([run]) == 0


def test_drop_collects(filegate: Filegate, cloud: MemoryCloud, tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("a\n1\n")

    def arrived(address: Address) -> None:
        cloud.has_partial(key=address.key, run_id=run_id_of("raw", address.key, str(address.version_id)))

    cloud.arrived = arrived
    result = filegate("drop", "-d", "flights", "flights.csv", "--out", "made", "--json")
    assert documents(result)[0]["status"] == "PARTIAL"
    assert len(list((tmp_path / "made").rglob("*.parquet"))) == 4
    assert "2 published files and 2 of quarantine are in made" in result.stderr


def test_a_quarantine_that_may_not_be_read_is_no_empty_one(
    filegate: Filegate, cloud: MemoryCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flights.csv").write_text("a\n1\n")

    def arrived(address: Address) -> None:
        cloud.has_partial(key=address.key, run_id=run_id_of("raw", address.key, str(address.version_id)))

    def refuse(*_: object) -> None:
        raise AccessDenied("s3://quarantine: GetObject was refused.")

    cloud.arrived = arrived
    monkeypatch.setattr("filegate.operations.quarantine.explain", refuse)
    assert documents(filegate("drop", "-d", "flights", "flights.csv", "--json"))[0]["explanation"] is None
    result = filegate("drop", "-d", "flights", "flights.csv")
    assert "flights.csv: the quarantine is gone, or not yours to read: no row is shown." in result.stderr


def test_files_of_one_name_are_not_dropped_together(filegate: Filegate, delivered: Path) -> None:
    for folder in ("a", "b"):
        (delivered / folder).mkdir()
        (delivered / folder / "x.csv").touch()
    result = filegate("drop", "a/x.csv", "b/x.csv", "--dataset", "orders")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a/x.csv and b/x.csv would both become orders/x.csv" in result.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are always UTF-8")
def test_a_file_whose_name_is_no_text(filegate: Filegate, delivered: Path) -> None:
    name = os.fsdecode(b"\xff.csv")
    Path(name).touch()
    result = filegate("drop", name, "--dataset", "orders")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "orders/\\udcff.csv cannot be the key of an object" in result.stderr


def test_a_superseded_run_published_nothing(filegate: Filegate, cloud: MemoryCloud, tmp_path: Path) -> None:
    by = "f" * 64

    def arrived(address: Address) -> None:
        cloud.has("x", key=address.key, run_id=run_id_of("raw", address.key, str(address.version_id)), superseded_by=by)

    cloud.arrived = arrived
    (tmp_path / "x.csv").touch()
    result = filegate("drop", "x.csv", "-d", "flights")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].endswith("superseded by ffffffffffff")
    assert f"flights/x.csv: superseded by run {by}: nothing of it is published." in result.stdout
    (document,) = documents(filegate("drop", "x.csv", "-d", "flights", "--json"))
    assert document["superseded_by"] == by
    story = filegate("show", document["run_id"]).stdout
    assert f"superseded by run {by}: nothing of it is published" in " ".join(story.split())
    assert "filegate show ffffffffffff" in story
    assert "dlq replay" not in story


def test_a_run_whose_output_was_taken_back_had_been_published(filegate: Filegate, cloud: MemoryCloud) -> None:
    older = cloud.has("x", version_id="v0", run_id="e" * 64, superseded_by="f" * 64)
    story = " ".join(filegate("show", older.run_id).stdout.split())
    assert f"superseded by run {'f' * 64}: nothing of it is published" in story  # whatever became of the other one
    cloud.has("x", run_id="f" * 64, supersedes=(older.run_id,))
    story = " ".join(filegate("show", older.run_id).stdout.split())
    assert f"superseded by run {'f' * 64}: it was published, and its output was taken back" in story


def test_a_superseded_run_is_shown_as_such_wherever_it_is_listed(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has_partial(superseded_by="f" * 64, minute=SOON)
    cloud.message_about(run)
    for words in (["runs"], ["dlq", "list"]):
        (line,) = [line for line in filegate(*words).stdout.splitlines() if run.run_id[:12] in line]
        assert "superseded" in line
        assert "PARTIAL" not in line
    story = filegate("show", run.run_id).stdout
    assert f"filegate dlq discard {run.run_id[:12]}" in story
    assert "filegate quarantine" not in story


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.PARTIAL])
def test_a_commit_that_was_cut_short_is_shown(filegate: Filegate, cloud: MemoryCloud, status: Status) -> None:
    run = cloud.has("x", status)
    cloud.store.delete("processed", [f"flights/_manifests/{run.run_id}.json"])
    story = filegate("show", run.run_id).stdout
    assert "the commit was cut short" in story
    assert f"filegate dlq replay {run.run_id[:12]}" in story


EVIL = "x[/y]\x1b[2J[bold]\nz\u202e"


@pytest.fixture
def evil(cloud: MemoryCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud that holds, and answers with, nothing else."""
    facts: dict[str, Any] = {"rules": {EVIL: 3}, "rows_rejected": 3, "error_type": EVIL, "error_message": EVIL}
    run = cloud.has(EVIL, Status.FAILED, run_id="abcd" * 16, minute=SOON, states={EVIL: NOW}, version_id=EVIL, **facts)
    cloud.message_about(run, "0123-4567")
    cloud.arrived = lambda address: cloud.has(  # type: ignore[assignment]
        "x", key=address.key, run_id=run_id_of("raw", address.key, str(address.version_id)), **facts
    )
    monkeypatch.setattr(cloud.state_machine, "start", lambda name, document: cloud.has(EVIL, run_id=name, **facts))
    file = tmp_path / f"{EVIL}.csv"
    file.parent.mkdir()
    file.touch()


@pytest.mark.parametrize(
    "words",
    [
        ("runs",),
        ("show", "abcd"),
        ("quarantine", "abcd"),
        ("dlq", "list"),
        ("dlq", "show", "abcd"),
        ("dlq", "replay", "abcd"),
        ("dlq", "replay", "--all"),
        ("dlq", "discard", "abcd"),
        ("dlq", "discard", "abcd", "--yes"),
        ("dlq", "discard", "0123"),
        ("show", "0123"),
        ("drop", f"{EVIL}.csv", "-d", "flights"),
        ("drop", f"{EVIL}.csv", "-d", "flights", "--out", f"{EVIL}.made"),
        ("drop", f"{EVIL}.missing"),
        ("drop", f"{EVIL}.csv", f"./{EVIL}.csv", "-d", "flights"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.usefixtures("evil")
def test_nothing_that_comes_from_data_is_more_than_text(
    filegate: Filegate, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], terminal: bool
) -> None:
    """Neither a control sequence nor markup."""
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    result = filegate(*words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    written = re.sub(r"\x1b\[[0-9;?]*[mhlAK]", "", result.output)  # what the styles and the live table are made of
    assert "\x1b" not in written
    assert "\u202e" not in written


@pytest.mark.parametrize("words", ["runs", "dlq list", "dlq discard abcd", "dlq discard abcd --yes"])
@pytest.mark.usefixtures("evil")
def test_a_key_is_on_one_line(filegate: Filegate, words: str) -> None:
    assert r"x[/y]\x1b[2J[bold]\nz\u202e.csv" in filegate(*words.split()).output


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("drop", "nowhere.csv"), "There is no file nowhere.csv."),
        (("drop", ".", "-d", "flights"), "Name files, not folders."),
        (("drop", "succeeded.csv"), "has neither the folder nor the name of a dataset"),
        (("drop", "succeeded.csv", "-d", "nope", "--datasets", "declared"), "Declared are cars, flights."),
        (("drop",), "Missing argument"),
        (("show", "xyz"), "is not a run id"),
        (("show", "abcd"), "No run starts with abcd"),
        (("runs", "--status", "LOST"), "Invalid value"),
        (("runs", "-e", ""), "it is empty"),
        (("dlq", "replay"), "Nothing to replay was named."),
        (("dlq", "replay", "abcd", "--all"), "Nothing to replay was named."),
        (("dlq", "replay", "abcd", "--dataset", "flights"), "Nothing to replay was named."),
        (("dlq", "replay", "abcd"), "queue is empty"),
        (("dlq", "discard", "abcd"), "queue is empty"),
        (("check",), "There is no folder datasets."),
        (("datasets", "--datasets", "nowhere"), "There is no folder nowhere."),
        (("demo",), "There is no folder datasets."),
        (("local",), "There is no folder datasets."),
        (("nonsense",), "No such command"),
    ],
)
def test_wrong_use(filegate: Filegate, delivered: Path, words: tuple[str, ...], shown: str) -> None:
    (delivered / "declared").mkdir()
    for name in ("cars", "flights"):
        (delivered / "declared" / f"{name}.py").touch()
    result = filegate(*words)
    assert result.exit_code == 2
    assert shown in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_without_a_cloud(filegate: Filegate) -> None:
    for words in (["runs"], ["show", "abcd"], ["quarantine", "abcd"], ["dlq", "list"], ["cost"]):
        result = filegate(*words)
        assert result.exit_code == 1
        assert "filegate local" in result.stderr
        assert "--environment" in result.stderr


def test_a_running_local_knows_its_datasets(
    filegate: Filegate, delivered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `drop` works in any folder."""
    folder = delivered / "elsewhere"
    folder.mkdir()
    (folder / "succeeded.py").touch()
    running = RunningLocal(endpoint="http://127.0.0.1:1", pid=1, datasets=folder)
    monkeypatch.setattr("filegate.devcloud.running.running_local", lambda: running)
    assert documents(filegate("drop", "succeeded.csv", "--json"))[0]["object"] == "s3://raw/succeeded/succeeded.csv"
    assert "Declared are succeeded." in filegate("drop", "partial.csv").stderr
    assert "has neither the folder nor the name of a dataset" in filegate("-e", "prod", "drop", "succeeded.csv").stderr


def test_a_place_that_cannot_be_written_is_reported_before_anything_is_delivered(
    filegate: Filegate, cloud: MemoryCloud, tmp_path: Path
) -> None:
    arrived: list[Address] = []
    cloud.arrived = arrived.append
    (tmp_path / "flights.csv").touch()
    result = filegate("drop", "flights.csv", "-d", "flights", "--out", "flights.csv")
    assert (result.exit_code, result.stderr, arrived) == (1, "flights.csv: File exists.\n", [])
    assert isinstance(result.exception, SystemExit)


def test_runs(filegate: Filegate, cloud: MemoryCloud) -> None:
    for minute, status in enumerate(STATUSES):
        cloud.has(f"file-{minute}", status, minute=SOON + minute)
    cloud.has("other", dataset="cars", minute=SOON)
    assert [document["status"] for document in documents(filegate("runs", "--json", "-d", "flights"))] == STATUSES[::-1]
    assert len(documents(filegate("--json", "runs", "--limit", 2))) == 2
    assert [document["status"] for document in documents(filegate("runs", "--status", "failed", "--json"))] == [
        "FAILED"
    ]
    lines = filegate("runs").stdout.splitlines()
    assert lines[0].split() == ["run", "dataset", "file", "status", "in", "rejected", "out", "time", "started", "(UTC)"]
    assert len(lines) == 6


def test_no_runs(filegate: Filegate, cloud: MemoryCloud) -> None:
    result = filegate("runs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "filegate drop" in result.stderr


def test_the_statuses_offered_are_those_of_the_ledger() -> None:
    assert set(get_args(StatusName)) == {status.value for status in Status} - {"DUPLICATE"}


def test_show_has_all_about_a_run(filegate: Filegate, cloud: MemoryCloud) -> None:
    replay = cloud.has("replay", Status.FAILED, minute=SOON, run_id="f" * 64)
    states = {"IngestState": "2026-01-31T10:00:00.000Z", "ValidateState": "2026-01-31T10:00:00.250Z"}
    layout = {"format": "csv", "encoding": "cp1250", "compression": "gzip", "delimiter": ";", "line_end": "CRLF"}
    run = cloud.has_partial(
        states=states,
        retries=1,
        replayed_by=replay.run_id,
        rows_deduplicated=0,
        minute=0,
        layout=layout | {"header_line": 1},
    )
    result = filegate("show", run.run_id)
    shown = " ".join(result.stdout.split())
    for part in (
        "flights/january.csv PARTIAL",
        "2026-01-31 10:00:00 UTC, took 1.5 s, restarted 1 time",
        "ValidateState +0.250 s",
        'layout csv in cp1250, compressed with gzip, delimiter ";", header on line 1, lines end with CRLF',
        "5 in = 2 accepted + 3 rejected",
        "2 accepted = 2 out + 0 deduplicated",
        "flight:ge 3 carrier:isin 1",
        f"s3://processed/flights/month=1/{run.run_id}-00000.parquet",
        f"{run.run_id[:12]} PARTIAL → ffffffffffff FAILED",
        f"filegate quarantine {run.run_id[:12]}",
    ):
        assert part in shown
    (document,) = documents(filegate("show", run.run_id, "--json"))
    assert document["replayed_by"] == replay.run_id
    assert document["states"] == states
    assert document["layout"] == layout | {"header_line": 1}


def test_show_has_the_progress_of_a_long_run(
    filegate: Filegate, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = now().replace(microsecond=0)
    monkeypatch.setattr("filegate.runs.clock.now", lambda: since + timedelta(seconds=31.5))
    run = cloud.is_under_way(
        "x", since=since, seconds=30, chunks=172, chunks_due=172, chunks_done=43, rows_done=2_100_000
    )
    shown = " ".join(filegate("show", run.run_id).stdout.split())
    assert "still running, last heartbeat 1.5 s ago" in shown
    assert f"progress ValidateState since {since:%Y-%m-%d %H:%M:%S} UTC · 25 % · 43 of 172 chunks · " in shown
    assert "43 of 172 chunks · about 90 s left · 2.1 M rows · 70 k rows/s chunks 172 rows" in shown
    (document,) = documents(filegate("show", run.run_id, "--json"))
    assert (document["chunks"], document["ranges"]) == (172, 0)
    assert (document["progress"]["percent"], document["progress"]["chunks_done"]) == (25, 43)


def test_show_of_a_run_without_progress_yet(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.is_under_way("x", seconds=0)
    shown = filegate("show", run.run_id).stdout
    assert "last heartbeat" in shown
    assert "progress" not in shown
    assert "chunks" not in shown


def test_show_of_a_large_object_counts_its_ranges(filegate: Filegate, cloud: MemoryCloud) -> None:
    calls = {
        "ValidateState0": Invocation(state=State.VALIDATE_RANGE, calls=11, seconds=200, memory_mb=256),
        "ValidateState1": Invocation(state=State.VALIDATE_RANGE, calls=2, seconds=30, memory_mb=256),
        "TransformState0": Invocation(state=State.TRANSFORM_RANGE, calls=11, seconds=100, memory_mb=1024),
    }
    run = cloud.has("x", chunks=172, rows_in=3_000_000, usage=Usage(invocations=calls))
    assert "chunks 172 in 11 ranges, 2.0 M rows/s from claim to end" in " ".join(
        filegate("show", run.run_id).stdout.split()
    )
    (document,) = documents(filegate("show", run.run_id, "--json"))
    assert (document["chunks"], document["ranges"], document["progress"]) == (172, 11, None)


def test_runs_show_how_much_of_a_long_one_is_done(filegate: Filegate, cloud: MemoryCloud) -> None:
    cloud.is_under_way("long", seconds=30, chunks_due=172, chunks_done=43, minute=SOON)
    cloud.is_under_way("ingesting", state=State.INGEST, seconds=30, chunks_done=43, minute=SOON)
    cloud.is_under_way("small", seconds=0, minute=SOON)
    shown = [re.split(r"  +", line)[2:4] for line in filegate("runs").stdout.splitlines()[1:]]
    assert sorted(shown) == [["ingesting.csv", "RUNNING"], ["long.csv", "RUNNING 25 %"], ["small.csv", "RUNNING"]]
    assert {document["dataset"] for document in documents(filegate("runs", "--json")) if document["progress"]} == {
        "flights"
    }


def test_show_has_what_a_run_used_and_cost(filegate: Filegate, cloud: MemoryCloud) -> None:
    calls = {
        "a": Invocation(state=State.INGEST, seconds=2.5, memory_mb=512, s3_reads=3, s3_writes=1, ledger_writes=6),
        "b": Invocation(state=State.VALIDATE, seconds=1, memory_mb=256, failed=True),
        "c": Invocation(state=State.VALIDATE, seconds=3, memory_mb=256, s3_reads=2),
    }
    run = cloud.has_partial(usage=Usage(invocations=calls), cost_usd=0.0012)
    shown = " ".join(filegate("show", run.run_id).stdout.split())
    assert "used 6.5 s in 3 invocations, 2.2 GB-seconds, 7 state transitions, 6 requests to S3: about $0.0012" in shown
    assert f"by the list prices of {READ_ON}" in shown
    (document,) = documents(filegate("show", run.run_id, "--json"))
    assert document["used"] == {
        "stages": {
            "ingest": {"invocations": 1, "seconds": 2.5, "gb_seconds": 1.25},
            "validate": {"invocations": 2, "seconds": 4.0, "gb_seconds": 1.0},
        },
        "transitions": 7,
        "s3_reads": 5,
        "s3_writes": 1,
        "ledger_reads": 0,
        "ledger_writes": 6,
        "cost_usd": 0.0012,
        "prices_of": READ_ON.isoformat(),
    }


def test_show_estimates_what_a_failed_run_cost(filegate: Filegate, cloud: MemoryCloud) -> None:
    calls = {"a": Invocation(state=State.INGEST, seconds=900, memory_mb=512, failed=True)}
    run = cloud.has("x", Status.FAILED, usage=Usage(invocations=calls), error_type="Throttled", error_message="Slow.")
    (document,) = documents(filegate("show", run.run_id, "--json"))
    assert document["used"]["cost_usd"] == pytest.approx(450 * 0.0000133334, rel=0.1)


def test_show_has_the_error(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has("x", Status.REJECTED, error_type="SchemaMismatch", error_message="No \x1b[31mcolumn.", minute=SOON)
    result = filegate("show", run.run_id)
    assert "SchemaMismatch" in result.stdout
    assert r"No \x1b[31mcolumn." in result.stdout
    assert f"filegate dlq replay {run.run_id[:12]}" in result.stdout


def test_quarantine_answers_a_person(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    result = filegate("quarantine", run.run_id)
    assert result.stdout == (
        "row 3, byte 300\n"
        '  flight:ge  received "-1"; allowed: >= 1\n'
        "  flight=-1  carrier=AA\n"
        "\n"
        "row 4, byte 400\n"
        '  carrier:isin  received "\\x1b[2J"; allowed: AA\n'
        '  flight:ge  received "-5"; allowed: >= 1\n'
        '  carrier="\\x1b[2J"  flight=-5\n'
        "\n"
        "row 9, byte 900\n"
        '  flight:ge  received "0"; allowed: >= 1\n'
        '  ""AA,\\xff"\n'
        "\n"
    )


def test_quarantine_answers_a_program(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    rows = documents(filegate("quarantine", run.run_id, "--rule", "flight:ge", "--json"))
    assert [row["row"] for row in rows] == [3, 4, 9]
    result = filegate("quarantine", run.run_id, "--limit", 1, "--json")
    assert len(documents(result)) == 1
    assert "1 of 3 rows" in result.stderr


def test_an_unknown_rule(filegate: Filegate, cloud: MemoryCloud) -> None:
    result = filegate("quarantine", cloud.has_partial().run_id, "--rule", "nope")
    assert result.exit_code == 2
    assert "carrier:isin" in result.stderr


def test_dlq_list_and_show(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    message = cloud.message_about(run)
    cloud.queue.send("\x1b[2Jnonsense", "junk-1234")
    assert [message["run_id"] for message in documents(filegate("dlq", "list", "--json"))] == [None, run.run_id]
    assert run.run_id[:12] in filegate("dlq", "list").stdout
    (document,) = documents(filegate("dlq", "show", run.run_id[:6], "--json"))
    assert (document["message_id"], document["body"]["failure"]["status"]) == (message, "PARTIAL")
    assert "\x1b" not in filegate("dlq", "show", "junk").stdout
    assert len(cloud.queue.visible) == 2


def test_dlq_show_answers_a_person(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has_partial()
    cloud.message_about(run, "3f2504e0")
    shown = filegate("dlq", "show", run.run_id[:6]).stdout
    story = " ".join(shown.split())
    for part in (
        "flights/january.csv PARTIAL",
        "failed RowsRejected 3 of 5 rows.",
        "object s3://raw/flights/january.csv version v1",
        "message 3f2504e0, sent 2026-01-31 10:00:00 UTC",
        f"next filegate quarantine {run.run_id[:12]} Fix the cause. Then: filegate dlq replay {run.run_id[:12]}",
        'flight:ge 3 rows allowed >= 1 received "-1" (1), "-5" (1), "0" (1) row 3, byte 300 flight=-1 carrier=AA',
    ):
        assert part in story
    assert "{" not in shown


@pytest.mark.parametrize(("status", "traces"), [(Status.REJECTED, 0), (Status.FAILED, 1)])
def test_dlq_show_has_a_stack_trace_only_where_it_helps(
    filegate: Filegate, cloud: MemoryCloud, status: Status, traces: int
) -> None:
    """Not where the object is at fault."""
    frames = ['  File "/var/task/filegate/x.py", line 1, in x\n', "    raise \x1b[2J\n"]
    cause = json.dumps({"errorType": "X", "errorMessage": "No.", "stackTrace": frames})
    run = cloud.has("january", status, error_type="X")
    cloud.queue.send(body(run) | {"error": {"Error": "X", "Cause": cause}}, "a")
    shown = filegate("dlq", "show", run.run_id[:6]).stdout
    assert shown.count("line 1, in x") == traces
    assert "\x1b" not in shown


def test_dlq_show_of_what_is_not_the_pipeline_s(filegate: Filegate, cloud: MemoryCloud) -> None:
    cloud.queue.send("\x1b[2Jnonsense", "junk-1234")
    assert r"\x1b[2Jnonsense" in filegate("dlq", "show", "junk").stdout
    failure = {"status": "FAILED", "type": "ABORTED", "message": "The execution ended."}
    cloud.queue.send({"execution": "arn:x:night-shift", "failure": failure}, "aborted-1")
    shown = filegate("dlq", "show", "aborted-1").stdout
    assert "execution night-shift  FAILED" in shown
    assert "filegate dlq discard aborted-1" in shown


def test_show_of_a_run_that_was_replayed_twice_names_the_last_run(filegate: Filegate, cloud: MemoryCloud) -> None:
    first = cloud.has("a", Status.FAILED, run_id="a" * 64, replayed_by="b" * 64)
    cloud.has("a", Status.FAILED, run_id="b" * 64, replay_of=first.run_id, replayed_by="c" * 64)
    assert "filegate show cccccccccccc" in filegate("show", first.run_id).stdout  # though it has not begun yet
    cloud.has("a", Status.FAILED, run_id="c" * 64, replay_of="b" * 64)
    shown = filegate("show", first.run_id).stdout
    assert "aaaaaaaaaaaa FAILED → bbbbbbbbbbbb FAILED → cccccccccccc FAILED" in shown
    assert "filegate show cccccccccccc" in shown
    assert "filegate show bbbbbbbbbbbb" not in shown


@pytest.mark.parametrize(
    "words", [("runs", "-d", "nosuch"), ("dlq", "list", "-d", "nosuch"), ("dlq", "replay", "--all", "-d", "nosuch")]
)
def test_an_unknown_dataset_is_refused_everywhere(
    filegate: Filegate, cloud: MemoryCloud, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert filegate(*words).exit_code == 0  # no dataset is declared here: it may be one of the deployment's
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "flights.py").touch()
    result = filegate(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "There is no dataset 'nosuch'.\nDeclared are flights.\n"


def test_an_empty_queue(filegate: Filegate, cloud: MemoryCloud) -> None:
    for words in (["dlq", "list"], ["dlq", "replay", "--all"]):
        result = filegate(*words)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "Nothing waits" in result.stderr


def test_dlq_replay(filegate: Filegate, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [cloud.has_partial("a"), cloud.has("b", Status.FAILED), cloud.has("c", Status.FAILED, dataset="cars")]
    for run in runs:
        cloud.message_about(run)
    ends = {"flights/a.csv": Status.SUCCEEDED, "flights/b.csv": Status.REJECTED, "cars/c.csv": Status.PARTIAL}
    start = cloud.state_machine.start

    def run_at_once(name: str, document: dict[str, str]) -> None:
        cloud.has("x", ends[document["key"]], run_id=name, key=document["key"], replay_of=document["replay_of"])
        start(name, document)

    monkeypatch.setattr(cloud.state_machine, "start", run_at_once)

    assert documents(filegate("dlq", "replay", runs[0].run_id[:8], "--json"))[0]["status"] == "SUCCEEDED"
    result = filegate("dlq", "replay", "--all", "--dataset", "flights")
    assert (result.exit_code, "flights  b.csv" in result.stdout) == (3, True)
    assert filegate("dlq", "replay", "--all").exit_code == 0
    assert not cloud.queue.visible
    rows = {document["key"]: document["replay_rows"] for document in cloud.state_machine.started.values()}
    assert rows == {"flights/a.csv": "quarantined", "flights/b.csv": "all", "cars/c.csv": "all"}


def test_dlq_replay_of_all_passes_over_what_cannot_be(filegate: Filegate, cloud: MemoryCloud) -> None:
    cloud.message_about(cloud.has("january", Status.PARTIAL))
    run = cloud.has("january", Status.RUNNING)
    result = filegate("dlq", "replay", "--all")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"Run {run.run_id[:12]} (flights/january.csv) is not committed yet." in result.stderr
    assert filegate("dlq", "replay", run.run_id[:12]).exit_code == 2


def test_dlq_discard_wants_to_be_sure(filegate: Filegate, cloud: MemoryCloud) -> None:
    run = cloud.has("a", Status.FAILED)
    cloud.message_about(run)
    result = filegate("dlq", "discard", run.run_id[:8])
    assert (result.exit_code, len(cloud.queue.visible)) == (2, 1)
    assert "--yes" in result.stderr
    assert documents(filegate("dlq", "discard", run.run_id[:8], "--yes", "--json"))[0]["discarded"] is True
    assert not cloud.queue.visible
    assert not cloud.queue.hidden


def test_datasets_and_check(filegate: Filegate, tmp_path: Path) -> None:
    folder = tmp_path / "declared"
    folder.mkdir()
    (folder / "good.py").write_text(
        "import pandera.polars as pa\n"
        "from filegate import Csv, Dataset\n"
        "class Row(pa.DataFrameModel):\n"
        "    id: int = pa.Field(ge=1)\n"
        'dataset = Dataset("good", schema=Row, source=Csv())\n'
    )
    result = filegate("check", "--datasets", folder)
    assert (result.exit_code, result.stdout) == (0, "✓ good\n")

    (folder / "bad.py").write_text("import no_such_module\n")
    result = filegate("check", "--datasets", folder)
    assert result.exit_code == 1
    assert "✗ bad" in result.stdout
    assert "no_such_module" in result.stdout
    answered = documents(filegate("check", "--datasets", folder, "--json"))
    assert [(document["dataset"], document["ok"]) for document in answered] == [("bad", False), ("good", True)]

    result = filegate("datasets", "--datasets", folder)
    assert result.exit_code == 0
    assert "see filegate check" in result.stdout
    assert documents(filegate("datasets", "--datasets", folder, "--json"))[1]["formats"] == ["csv"]


def test_the_shared_options_count_on_both_sides(
    filegate: Filegate, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def connect(settings: object) -> object:
        asked.append(settings.environment)  # type: ignore[attr-defined]
        return cloud.cloud

    monkeypatch.setattr("filegate.cli.connection.connect", connect)
    filegate("--environment", "one", "dlq", "list")
    filegate("dlq", "list", "-e", "two")
    filegate("-e", "one", "dlq", "list", "-e", "two")
    monkeypatch.setenv("FILEGATE_ENVIRONMENT", "three")
    filegate("dlq", "list")
    filegate("dlq", "list", "-e", "four")
    assert asked == ["one", "two", "two", "three", "four"]


def test_an_error_is_short_and_says_what_to_do(filegate: Filegate, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(settings: object) -> None:
        raise FilegateError("It \x1b[2J broke.", advice="Fix it.")

    monkeypatch.setattr("filegate.cli.connection.connect", connect)
    result = filegate("runs")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "It \\x1b[2J broke.\nFix it.\n")


def test_version(filegate: Filegate) -> None:
    assert filegate("--version").stdout.startswith("filegate ")


def test_json_is_ascii_so_that_no_terminal_is_played_with(filegate: Filegate, cloud: MemoryCloud) -> None:
    cloud.has("\u202e\x9b", minute=SOON)
    result = filegate("runs", "--json")
    assert result.stdout.isascii()
    assert json.loads(result.stdout)["object"] == "s3://raw/flights/\u202e\x9b.csv"
