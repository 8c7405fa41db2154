"""An object that lands in the raw bucket starts one execution, which is received which object, of which version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from filegate.devcloud.cloud import EmbeddedCloud

Executions = Callable[[int], list[dict[str, Any]]]


@pytest.fixture
def executions(cloud: EmbeddedCloud, outputs: dict[str, str], eventually: Callable[..., Any]) -> Iterator[Executions]:
    """Waits until so many executions are over since the test began; returns them."""
    client = cloud.session().client("stepfunctions")

    def listed() -> list[Any]:
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=outputs["StateMachineArn"])
        return [item for page in pages for item in page["executions"]]

    before = {item["executionArn"] for item in listed()}

    def wait(count: int) -> list[dict[str, Any]]:
        def over() -> list[Any]:
            new = [item for item in listed() if item["executionArn"] not in before]
            done = len(new) >= count and all(item["status"] != "RUNNING" for item in new)
            return [client.describe_execution(executionArn=item["executionArn"]) for item in new] if done else []

        return eventually(over)

    yield wait


@pytest.mark.parametrize("key", ["flights/1.csv", 'flights/a "quoted" \\ name.csv', "flights/day=1/é + ü&.csv"])
def test_the_execution_receives_which_object(
    cloud: EmbeddedCloud, outputs: dict[str, str], executions: Executions, key: str
) -> None:
    put = cloud.session().client("s3").put_object(Bucket=outputs["RawBucket"], Key=key, Body=b"12345")
    (execution,) = executions(1)
    received = json.loads(execution["input"])
    assert {name: received[name] for name in ("bucket", "key", "version_id", "etag", "size")} == {
        "bucket": outputs["RawBucket"],
        "key": key,
        "version_id": put["VersionId"],
        "etag": put["ETag"].strip('"'),
        "size": 5,
    }
    assert received["id"]
    assert received["sequencer"]
    assert received["time"].startswith("20")
    assert json.loads(execution["output"]) == received


def test_each_version_of_a_key_is_told_apart_and_in_order(
    cloud: EmbeddedCloud, outputs: dict[str, str], executions: Executions
) -> None:
    client = cloud.session().client("s3")
    versions = [
        client.put_object(Bucket=outputs["RawBucket"], Key="flights/same.csv", Body=body)["VersionId"]
        for body in (b"1", b"22", b"333")
    ]
    received = [json.loads(item["input"]) for item in executions(3)]
    received.sort(key=lambda event: event["sequencer"])
    assert [(event["version_id"], event["size"]) for event in received] == list(zip(versions, (1, 2, 3), strict=True))


def test_two_hundred_objects_at_once_give_two_hundred_executions(
    cloud: EmbeddedCloud, outputs: dict[str, str], executions: Executions
) -> None:
    client = cloud.session().client("s3")

    def put(number: int) -> str:
        body = str(number).encode()
        return client.put_object(Bucket=outputs["RawBucket"], Key=f"flights/{number}.csv", Body=body)["VersionId"]

    with ThreadPoolExecutor(16) as pool:
        versions = list(pool.map(put, range(200)))
    over = executions(200)
    assert Counter(item["status"] for item in over) == {"SUCCEEDED": 200}
    assert Counter(json.loads(item["input"])["version_id"] for item in over) == Counter(versions)


def test_objects_elsewhere_start_nothing(cloud: EmbeddedCloud, outputs: dict[str, str], executions: Executions) -> None:
    client = cloud.session().client("s3")
    for bucket in ("StagingBucket", "ProcessedBucket", "QuarantineBucket"):
        client.put_object(Bucket=outputs[bucket], Key="flights/1.csv", Body=b"1")
    client.put_object(Bucket=outputs["RawBucket"], Key="flights/last.csv", Body=b"1")
    assert [json.loads(item["input"])["key"] for item in executions(1)] == ["flights/last.csv"]


def test_an_upload_in_progress_starts_nothing_until_it_has_its_name(
    cloud: EmbeddedCloud, outputs: dict[str, str], executions: Executions
) -> None:
    client = cloud.session().client("s3")
    bucket = outputs["RawBucket"]
    for name in (
        "last.csv.filepart",
        "last.csv.tmp",
        "_temporary/0/part-0",
        "_SUCCESS",
        ".DS_Store",
        "manifest.json",
        "",
    ):
        client.put_object(Bucket=bucket, Key=f"flights/{name}", Body=b"1")
    client.put_object(Bucket=bucket, Key="_SUCCESS", Body=b"")
    client.copy_object(
        Bucket=bucket, Key="flights/last.csv", CopySource={"Bucket": bucket, "Key": "flights/last.csv.tmp"}
    )
    assert [json.loads(item["input"])["key"] for item in executions(1)] == ["flights/last.csv"]


def test_a_function_s_log_reaches_its_log_group(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    name = outputs["IngestFunction"]
    cloud.session().client("lambda").invoke(FunctionName=name, Payload='{"do": "log", "bytes": 10}')
    events = cloud.session().client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    messages = [event["message"] for event in events]
    assert any(message.startswith("START RequestId") for message in messages)
    assert "printed" in messages
    assert "x" * 10 in messages


def test_the_function_reaches_the_cloud_that_runs_it(cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    answer = (
        cloud.session().client("lambda").invoke(FunctionName=outputs["IngestFunction"], Payload='{"do": "describe"}')
    )
    environment = json.loads(answer["Payload"].read())["environment"]
    reached = cloud.client_environment()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # those of its own role: test_roles.py
        assert environment.pop(name) != reached.pop(name)
    assert reached.items() <= environment.items()
    assert environment["FILEGATE_LEDGER_TABLE"] == outputs["LedgerTable"]
    assert environment["FILEGATE_CHUNK_BYTES"] == "6291456"
    assert environment["FILEGATE_DATASETS"].endswith("/datasets")
