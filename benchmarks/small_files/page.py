"""The tables of docs/throughput.md, from the figures of docs/throughput.json: `make pages`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.small_files.calls import WHY, Call

FIGURES = Path(__file__).parents[2] / "docs" / "throughput.json"
SHOWN = (
    "IngestState",
    "ValidateState",
    "TransformState",
    "ParallelOutput",
    "CommitState",
    "SuccessNotification",
    "DLQRoute",
)
LEDGER = ("the claim", "what was found", "the state", "the run", "the head", "the run, the head")
LIMIT = 262_144  # bytes of a document that Step Functions hands on


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIGURES.read_text())
    return found


def tables(measured: Mapping[str, Any]) -> str:
    parts = (_summary, _by_state, _by_kind, _calls, _documents)
    return "\n\n".join("\n".join(part(measured)) for part in parts) + "\n"


def _summary(measured: Mapping[str, Any]) -> Iterable[str]:
    files, seconds = measured["files"], measured["seconds"]
    warm = sum(state["cpu_ms"] * state["calls"] for state in measured["states"]) / 1000
    yield (
        f"{files:,} files of {measured['bytes'] / files / 1000:.0f} KB on average, all at once, on "
        f"{measured['measured_on']} ({measured['machine']}): **none was lost**. Each had one run, and each of the "
        f"{measured['rows']:,} rows that were to be published or kept in quarantine was found there, once. They took "
        f"{seconds:,.0f} s: **{files / seconds:.1f} files a second**."
    )
    yield ""
    yield (
        f"A file took {1000 * warm / files:.0f} ms of a processor in the functions, and "
        f"{1000 * measured['cloud_cpu'] / files:.0f} ms in the stand-in for AWS, which plays S3, DynamoDB, Step "
        f"Functions and Lambda in one process. To start the {measured['processes']} processes of the functions took "
        f"{measured['function_cpu'] - warm:.0f} s of a processor more, once."
    )


def _by_state(measured: Mapping[str, Any]) -> Iterable[str]:
    files, whole = measured["files"], measured["run_seconds"]
    parts = ("waiting", "starting", "working")
    rows = [
        [
            state["name"],
            *(f"{state[part] / files:.3f}" for part in parts),
            f"{state['median_ms']:.0f}",
            f"{state['cpu_ms']:.0f}",
        ]
        for state in measured["states"]
    ]
    sums = [sum(state[part] for state in measured["states"]) for part in parts]
    between = whole - sum(sums)
    yield "### Where a file's time goes"
    yield ""
    yield from _table(
        ["", "waiting for a turn, s", "starting a process, s", "at work, s", "a warm call, ms", "of a processor, ms"],
        [*rows, ["**all states**", *(f"**{part / files:.3f}**" for part in sums), "", ""]],
    )
    yield ""
    yield (
        f"Of the {whole / files:.1f} s from a file's delivery to its end, {sums[0] / whole:.0%} is waiting for a turn, "
        "since the machine runs few functions at the same time, while AWS would run all; "
        f"{(sums[1] + sums[2]) / files:.2f} s is the functions' own; and {between / files:.2f} s goes between the "
        "states, in the stand-in's state machine."
    )


def _by_kind(measured: Mapping[str, Any]) -> Iterable[str]:
    heads = ("files", "bytes", "s3_reads", "s3_writes", "ledger_reads", "ledger_writes", "invocations", "transitions")
    names = ("files", "bytes", "S3 reads", "S3 writes", "ledger reads", "ledger writes", "calls of functions", "steps")
    rows = [
        [f"{kind['name']}: {kind['status']}", *(f"{kind[head]:,.0f}" for head in heads)] for kind in measured["kinds"]
    ]
    yield "### What a run counts, by kind of file"
    yield ""
    yield from _table(["", *names], rows)
    yield ""
    yield (
        "Requests to S3 as they are charged: GET and HEAD read, PUT and COPY write. Ledger: its units. All is what the "
        "functions know of when the run is committed; what the commit itself writes, the run and the published "
        "manifest, and what the state machine does, come on top. "
        "Order lines are partitioned by the year of shipping, so each of these files becomes seven objects: a PUT and "
        "a COPY each."
    )


def _calls(measured: Mapping[str, Any]) -> Iterable[str]:
    times = {Call(call["stage"], call["verb"], call["what"]): call["times"] for call in measured["calls"]}
    rows = [[call.stage, f"{call.verb} {call.what}", str(times.get(call, "")), why] for call, why in WHY.items()]
    ledger = sum(number for call, number in times.items() if call.what in LEDGER)
    yield f"### Each call of a plain run: {sum(times.values()) - ledger} to S3, {ledger} to the ledger"
    yield ""
    yield "A clean CSV file whose rows fall into one partition. The calls without a number are other files'."
    yield ""
    yield from _table(["function", "call", "times", "why"], rows, numbers=(2,))


def _documents(measured: Mapping[str, Any]) -> Iterable[str]:
    sizes = {document["state"]: document for document in measured["documents"]}
    rows = [[name, f"{sizes[name]['median']:,}", f"{sizes[name]['largest']:,}"] for name in SHOWN]
    largest = max(document["largest"] for document in measured["documents"])
    yield "### The document that the states hand on"
    yield ""
    yield from _table(["given to", "bytes, median", "largest"], rows)
    yield ""
    yield f"The largest is {largest / LIMIT:.1%} of what Step Functions takes, {LIMIT:,} bytes."


def _table(heads: list[str], rows: list[list[str]], numbers: Iterable[int] | None = None) -> Iterable[str]:
    """A table whose columns but the first hold numbers, unless told."""
    right = set(range(1, len(heads)) if numbers is None else numbers)
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "|".join("--:" if column in right else "---" for column in range(len(heads))) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
