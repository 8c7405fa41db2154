"""Everything that can be wrong with a file, end to end: each gets a status and a clear reason, and nothing is lost.

All files are dropped at once; then each test looks at one.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from filegate.runs.states import Status
from harness.pipeline import Drop, Pipeline

FIXTURES = Path(__file__).parent / "fixtures"
IMAGES = FIXTURES / "images"
DATASETS = FIXTURES / "datasets"

HEADER = "id,name,amount,ordered\n"
GOOD = ["1,one,1.5,2026-01-31", "2,two,,2026-02-28", "3,three,-2e3,2026-03-31"]
COLUMNS = {"id": [1, 2, 3], "name": ["one", "two", "three"], "amount": [1.5, None, -2000.0]}
DATES = pl.Series("ordered", ["2026-01-31", "2026-02-28", "2026-03-31"]).str.to_date()
FRAME = pl.DataFrame(COLUMNS).with_columns(DATES)
RECORDS = [
    {"id": 1, "name": "one", "amount": 1.5, "ordered": "2026-01-31"},
    {"id": 2, "name": "two", "amount": None, "ordered": "2026-02-28"},
    {"id": 3, "name": "three", "amount": -2e3, "ordered": "2026-03-31"},
]
MEGABYTE = 1 << 20


def csv(*rows: str, header: str = HEADER, end: str = "\n") -> bytes:
    return (header + end.join(rows) + end).encode()


def with_bad(row: str) -> bytes:
    """The row between good ones."""
    return csv(GOOD[0], row, *GOOD[1:])


def ndjson(*records: object) -> bytes:
    return b"".join((one if isinstance(one, str) else json.dumps(one)).encode() + b"\n" for one in records)


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def swap(data: bytes, at: int, garbage: bytes) -> bytes:
    return data[:at] + garbage + data[at + len(garbage) :]


@dataclass(frozen=True)
class Case:
    """A file, and what must come of it.

    Attributes:
        data: the file's bytes, or what makes them.
        error: the class of error that rejects the object; None if its rows are validated one by one.
        says: what the reason must name.
        rules: rejected rows by rule; none if all rows are accepted.
        rows: number of rows in the file, where they are validated.
        ids: the published ids, where they are validated.
        key: the object's key, where the case is about it.
        faults: what happens to the run on its way, by state.
    """

    data: bytes | Callable[[], bytes]
    error: str | None = None
    says: Sequence[str] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    rows: int = 3
    ids: Sequence[int] = (1, 2, 3)
    key: str | None = None
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)


def one_bad_of_four(row: str | bytes, rule: str, *says: str) -> Case:
    data = with_bad(row) if isinstance(row, str) else csv(GOOD[0]) + row + b"\n" + csv(*GOOD[1:], header="")
    return Case(data, rules={rule: 1}, rows=4, says=says)


GZIPPED = gzip.compress(csv(*(f"{i},{i * i},{i / 7},2026-01-31" for i in range(1, 2000))), mtime=0)
PARQUET = parquet(FRAME)

CASES = {
    # The object as a whole
    "unknown dataset": Case(csv(*GOOD), "UnknownDataset", ["'ordres'", "Did you mean 'orders'?"], key="ordres/1.csv"),
    "no dataset at all": Case(csv(*GOOD), "UnknownDataset", ["orders"], key="top.csv"),
    "empty": Case(b"", "EmptyObject", ["empty"]),
    "header only": Case(HEADER.encode(), "EmptyObject", ["header and no rows"]),
    "blank lines only": Case(b"\n\r\n\n", "EmptyObject", ["blank lines"]),
    # The header
    "header missing": Case(csv(*GOOD, header=""), "SchemaMismatch", ["header missing"]),
    "columns reordered": Case(b"ordered,amount,name,id\n2026-01-31,1.5,one,1\n", rows=1, ids=[1]),
    "column twice": Case(csv("1,1,one,1,2026-01-31", header="id,id,name,amount,ordered\n"), "SchemaMismatch", ["'id'"]),
    "column extra": Case(
        csv(*(f"{row},x" for row in GOOD), header="id,name,amount,ordered,colour\n"), "SchemaMismatch", ["'colour'"]
    ),
    "column absent": Case(csv("1,one,1.5", header="id,name,amount\n"), "SchemaMismatch", ["missing 'ordered'"]),
    "column misspelt": Case(csv(*GOOD, header="ID,name,amount,ordered\n"), "SchemaMismatch", ["'ID' for 'id'"]),
    "wrong delimiter": Case(csv(*GOOD, header=HEADER).replace(b",", b";"), "SchemaMismatch", ["Csv(delimiter=';')"]),
    # Records
    "short row": one_bad_of_four("4,four", "record:fields"),
    "long row": one_bad_of_four("4,four,1,2026-01-31,extra", "record:fields"),
    "unclosed quote": one_bad_of_four('4,"four,1.5,2026-01-31', "record:quote"),
    "text after a quote": one_bad_of_four('4,"fo"ur,1.5,2026-01-31', "record:quote"),
    "stray quote": Case(with_bad('4,fo"ur,1.5,2026-01-31'), rows=4, ids=[1, 4, 2, 3]),
    "doubled quotes": Case(with_bad('4,"""four"", he said",1.5,2026-01-31'), rows=4, ids=[1, 4, 2, 3]),
    "embedded newlines": Case(with_bad('4,"fo\nu\r\nr",1.5,2026-01-31'), rows=4, ids=[1, 4, 2, 3]),
    "mixed line ends": Case(
        f"{HEADER}{GOOD[0]}\r\n{GOOD[1]}\r{GOOD[2]}\n\r\n4,four,1,2026-01-31".encode(), rows=4, ids=[1, 2, 3, 4]
    ),
    "CR only": Case(csv(*GOOD, header=HEADER.replace("\n", "\r"), end="\r")),
    "CRLF": Case(csv(*GOOD, header=HEADER.replace("\n", "\r\n"), end="\r\n")),
    "no last line end": Case(csv(*GOOD).rstrip()),
    "DOS end of file": Case(csv(*GOOD) + b"\x1a"),
    "NUL byte": one_bad_of_four("4,fo\0ur,1.5,2026-01-31", "record:nul"),
    "only NULs": Case(b"\0" * 5000, "EmptyObject", ["NUL"]),
    "a line of 100 MB": one_bad_of_four(b"4," + b"x" * (100 * MEGABYTE) + b",1.5,2026-01-31", "record:too_long"),
    "nothing but 100 MB": Case(lambda: b"x" * (100 * MEGABYTE), "MalformedObject", ["first record"]),
    # Encodings
    "UTF-8 mark": Case(b"\xef\xbb\xbf" + csv(*GOOD)),
    "UTF-16": Case(csv(*GOOD).decode().encode("utf-16")),
    "UTF-16 without mark": Case(csv(*GOOD).decode().encode("utf-16-be")),
    "Latin-1": Case(
        with_bad("4,Zo\u00eb,1.5,2026-01-31").decode().encode("latin-1"), "MalformedObject", ["Csv(encoding=", "cp1252"]
    ),
    "mixed encodings": Case(
        csv("1,Zoë,1,2026-01-31") + "2,Zoë,1,2026-01-31\n".encode("latin-1") + csv("3,Zoë,1,2026-01-31", header=""),
        rules={"record:encoding": 1},
        ids=[1, 3],
    ),
    "wrong encoding": Case(
        "name\nZoë\nAnn\n".encode("latin-1"), rules={"record:encoding": 1}, rows=2, ids=[], key="utf8/names.csv"
    ),
    # Values
    "integer overflow": one_bad_of_four("9223372036854775808,four,1.5,2026-01-31", "id:type"),
    "float overflow": one_bad_of_four("4,four,1e999,2026-01-31", "amount:type"),
    "not a number": one_bad_of_four("four,four,1.5,2026-01-31", "id:type"),
    "NaN in an integer": one_bad_of_four("NaN,four,1.5,2026-01-31", "id:type"),
    "infinity in an integer": one_bad_of_four("inf,four,1.5,2026-01-31", "id:type"),
    "NaN and infinity in a float": Case(csv("1,one,NaN,2026-01-31", "2,two,inf,2026-01-31", "3,three,-inf,2026-01-31")),
    "impossible date": one_bad_of_four("4,four,1.5,2026-02-30", "ordered:type"),
    "date in another form": one_bad_of_four("4,four,1.5,31.01.2026", "ordered:type"),
    "no value where one must be": one_bad_of_four("4,,1.5,2026-01-31", "name:not_null"),
    # Compression
    "gzip truncated": Case(GZIPPED[:-500], "MalformedObject", ["gzip data is truncated"]),
    "gzip corrupt": Case(
        swap(GZIPPED, len(GZIPPED) // 2, b"garbage!" * 4), "MalformedObject", ["gzip data is corrupt"]
    ),
    "gzip bomb": Case(
        lambda: gzip.compress(HEADER.encode() + b"1,one,1.5,2026-01-31\n" * (10 * MEGABYTE), mtime=0),
        "ObjectTooLarge",
        ["200 times its compressed size"],
    ),
    "gzip in gzip": Case(gzip.compress(GZIPPED), "MalformedObject", ["gzip data inside gzip"]),
    "wrong extension": Case(gzip.compress(csv(*GOOD)), key="orders/plain.csv"),
    "wrong format by extension": Case(csv(*GOOD), key="orders/rows.parquet"),
    "an Excel workbook": Case(b"PK\x03\x04" + b"\0" * 100, "MalformedObject", ["Excel"], key="orders/orders.csv"),
    # JSON
    "JSON array": Case(json.dumps(RECORDS).encode()),
    "JSON malformed": Case(ndjson(*RECORDS, '{"id": 4, "name": '), rules={"record:json": 1}, rows=4),
    "JSON nested": Case(
        ndjson(*RECORDS, {"id": 4, "name": {"first": "four"}, "amount": 1, "ordered": "2026-01-31"}),
        rules={"name:type": 1},
        rows=4,
    ),
    "JSON no object": Case(ndjson(*RECORDS, "[1, 2]"), rules={"record:not_an_object": 1}, rows=4),
    "JSON key twice": Case(
        ndjson(*RECORDS, '{"id": 4, "id": 5, "name": "four", "amount": 1, "ordered": "2026-01-31"}'),
        rules={"record:duplicate_key": 1},
        rows=4,
    ),
    "JSON key unknown": Case(ndjson(*RECORDS, {**RECORDS[0], "colour": "red"}), rules={"*:unknown": 1}, rows=4),
    "JSON nested too deep": Case(ndjson(*RECORDS, '{"id": ' + "[" * 100_000), rules={"record:json": 1}, rows=4),
    "JSON of NaN": Case(
        ndjson(*RECORDS, '{"id": 4, "name": "four", "amount": NaN, "ordered": "2026-01-31"}'),
        rules={"record:json": 1},
        rows=4,
    ),
    "JSON of another type": Case(
        ndjson(*RECORDS, {**RECORDS[0], "ordered": "2026-02-30"}), rules={"ordered:type": 1}, rows=4
    ),
    "JSON array truncated": Case(json.dumps(RECORDS).encode()[:-20], "MalformedObject", ["malformed at byte 180"]),
    "JSON array and more": Case(json.dumps(RECORDS).encode() + b"[]", "MalformedObject", ["malformed at byte"]),
    "JSON array empty": Case(b"[]", "EmptyObject", ["empty"]),
    # Parquet
    "Parquet truncated": Case(PARQUET[:-20], "MalformedObject", ["Parquet", "it is truncated"]),
    "Parquet corrupt": Case(swap(PARQUET, 20, b"\xff" * 60), "MalformedObject", ["Parquet"]),
    "Parquet without a column": Case(parquet(FRAME.drop("name")), "SchemaMismatch", ["missing 'name'"]),
    "Parquet of another type": Case(
        parquet(FRAME.with_columns(pl.col("ordered").cast(pl.Int32))), "SchemaMismatch", ["ordered"]
    ),
    "Parquet nested": Case(parquet(FRAME.with_columns(name=pl.struct("name"))), "SchemaMismatch", ["nested", "name"]),
    # Keys
    **{
        f"key {name}": Case(csv(*GOOD), key=f"orders/{name}")
        for name in (
            "with spaces .csv",
            "ünïcödé 注文.csv",
            "a+b.csv",
            "100%25 of it.csv",
            "up..csv",
            "a../b../c.csv",
            'quote\'s "and" \\.csv',
            "day=2026-01-31/part.csv",
        )
    },
    # The object on its way
    "deleted before it is read": Case(csv(*GOOD), "ObjectGone", ["deleted"], faults={"IngestState": ["delete"]}),
    "deleted between two states": Case(csv(*GOOD), "ObjectGone", ["deleted"], faults={"ValidateState": ["delete"]}),
    "replaced between two states": Case(csv(*GOOD), faults={"ValidateState": ["replace"]}),
}
REJECTED = [name for name, case in CASES.items() if case.error is not None]
VALIDATED = [name for name, case in CASES.items() if case.error is None]


@pytest.fixture(scope="module")
def drops(pipeline: Pipeline) -> dict[str, Drop]:
    """Every file, dropped."""
    assert pipeline.inbox
    found = {}
    for name, case in CASES.items():
        data = case.data() if callable(case.data) else case.data
        found[name] = pipeline.drop(case.key or f"orders/{name}", data, faults=case.faults)
    return found


@pytest.mark.parametrize("name", REJECTED)
def test_a_bad_object_is_rejected_with_its_reason(pipeline: Pipeline, drops: dict[str, Drop], name: str) -> None:
    case, drop = CASES[name], drops[name]
    run = pipeline.run(drop.run_id)
    assert (run.status, run.error_type) == (Status.REJECTED, case.error), run.error_message
    assert run.error_message is not None
    for words in [*case.says, *([] if case.error == "UnknownDataset" else [f"s3://{drop.bucket}/{drop.key}"])]:
        assert words in run.error_message
    execution = pipeline.execution(drop.run_id)
    assert (execution.error, execution.cause) == ("REJECTED", run.error_message)
    (letter,) = pipeline.dead_letters(drop.run_id)
    assert letter["failure"] == {"status": "REJECTED", "type": case.error, "message": run.error_message}
    (alert,) = pipeline.alerts(drop.run_id)
    assert run.error_message in alert["Message"]
    assert run.rows_out == 0
    assert not [key for key in pipeline.keys("ProcessedBucket") if drop.run_id in key]


@pytest.mark.parametrize("name", VALIDATED)
def test_bad_rows_are_rejected_and_good_ones_published(pipeline: Pipeline, drops: dict[str, Drop], name: str) -> None:
    case, drop = CASES[name], drops[name]
    run = pipeline.run(drop.run_id)
    rejected = sum(case.rules.values())
    assert run.status == (Status.PARTIAL if rejected else Status.SUCCEEDED), run.error_message
    assert run.rules == case.rules
    assert (run.rows_in, run.rows_rejected) == (case.rows, rejected)
    assert run.rows_in == run.rows_accepted + run.rows_rejected
    assert run.rows_accepted == run.rows_out
    published = pipeline.published(run.dataset, drop.run_id)
    assert published.height == run.rows_out
    if "id" in published.columns:
        assert published["id"].to_list() == list(case.ids)
    quarantined = pipeline.quarantined(run.dataset, drop.run_id)
    assert quarantined.height == rejected
    for row in quarantined.to_dicts():
        assert row["values"] is not None or row["raw"] is not None
        (broken,) = row["broken"]
        assert broken["rule"] in case.rules
        assert broken["allowed"]
    assert len(pipeline.dead_letters(drop.run_id)) == (1 if rejected else 0)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.error != "ObjectGone"])
def test_the_object_itself_is_left_alone(pipeline: Pipeline, drops: dict[str, Drop], name: str) -> None:
    case, drop = CASES[name], drops[name]
    pipeline.run(drop.run_id)
    data = case.data() if callable(case.data) else case.data
    stored = pipeline.s3.get_object(Bucket=drop.bucket, Key=drop.key, VersionId=drop.version_id)
    assert stored["Body"].read() == data
