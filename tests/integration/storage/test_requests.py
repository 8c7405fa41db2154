"""The requests that are counted are those that went out, by what they cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filegate.devcloud.cloud import EmbeddedCloud
from filegate.errors import ObjectGone
from filegate.runs.address import Address
from filegate.runs.run import Invocation, Request, Run, Usage
from filegate.storage.dynamodb import DynamoDBLedger
from filegate.storage.requests import Requests, count_dynamodb, count_s3
from filegate.storage.s3 import S3ObjectStore

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_s3_requests_are_counted_by_their_price(cloud: EmbeddedCloud, tmp_path: Path) -> None:
    requests = Requests()
    client = cloud.session().client("s3")
    client.create_bucket(Bucket="counted")
    count_s3(client, requests)
    store = S3ObjectStore(client)
    address = Address("counted", "a")
    store.write(address, b"0123456789")
    assert requests.counts() == {"s3_writes": 1}
    assert store.blob(address, tmp_path).read(2, 3) == b"234"
    assert requests.counts() == {"s3_writes": 1, "s3_reads": 1}
    assert store.blob(address, tmp_path).size == 10
    assert requests.counts() == {"s3_writes": 1, "s3_reads": 2}
    store.copy(address, Address("counted", "b"))
    assert requests.counts() == {"s3_writes": 2, "s3_reads": 2}
    store.delete("counted", ["a"])
    assert requests.counts() == {"s3_writes": 2, "s3_reads": 2}
    with pytest.raises(ObjectGone):
        store.read(address)
    assert requests.counts() == {"s3_writes": 2, "s3_reads": 3}


def test_requests_of_many_threads_are_all_counted(cloud: EmbeddedCloud) -> None:
    requests = Requests()
    client = cloud.session().client("s3")
    client.create_bucket(Bucket="crowded")
    count_s3(client, requests)
    store = S3ObjectStore(client)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.write(Address("crowded", str(n)), b""), range(40)))
    assert requests.counts() == {"s3_writes": 40}


def test_the_ledgers_units_are_counted_as_dynamodb_tells_them(cloud: EmbeddedCloud, table: str) -> None:
    requests = Requests()
    client = cloud.session().client("dynamodb")
    count_dynamodb(client, requests)
    ledger = DynamoDBLedger(client, table)
    request = Request(bucket="raw", key="flights/counted.csv", version_id="v1")
    run = Run(run_id="counted", execution="one", request=request)
    ledger.claim(run, NOW)
    claimed = requests.counts()
    assert set(claimed) == {"ledger_writes"}
    assert claimed["ledger_writes"] >= 1
    ledger.get(run.run_id)
    assert requests.counts()["ledger_reads"] == 1
    requests.clear()
    ledger.record(run, Usage(invocations={"x" * 4000: Invocation(state="IngestState", seconds=1, memory_mb=512)}))
    assert requests.counts()["ledger_writes"] >= 4  # a unit for each kilobyte


def test_a_refused_write_counts_too(cloud: EmbeddedCloud, table: str) -> None:
    requests = Requests()
    client = cloud.session().client("dynamodb")
    ledger = DynamoDBLedger(client, table)
    request = Request(bucket="raw", key="flights/refused.csv", version_id="v1")
    ledger.claim(Run(run_id="refused", execution="one", request=request), NOW)
    count_dynamodb(client, requests)
    assert not ledger.claim(Run(run_id="refused", execution="two", request=request), NOW)
    assert requests.counts()["ledger_writes"] >= 2  # the claim, and the count of duplicates
