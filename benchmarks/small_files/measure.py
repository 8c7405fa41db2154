"""One measurement: many files at once through the embedded cloud, to the end of the last run."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.small_files import calls, watch
from benchmarks.small_files.deliveries import Delivery, deliveries
from benchmarks.small_files.proof import prove_none_lost
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.runs.cost import transitions
from filegate.runs.record import RunRecord
from filegate.runs.states import State as RunState
from filegate.runs.states import Status
from harness.pipeline import Drop, Execution, Pipeline
from harness.proxy import RecordingProxy

SENDERS = 8  # files that are put at the same time
PLAIN = "flights, CSV"
"""The kind whose calls are listed one by one: a clean file of one chunk. Those of one month make one part."""


@dataclass(frozen=True)
class State:
    """A state of the runs. Seconds are of the clock and of all runs together, but for the medians.

    Attributes:
        waiting: until the function had its turn, since the machine runs few at the same time.
        starting: by which calls took longer that started a process first.
        working: all other time of the functions.
        median_ms: of a call that found its process running.
        cpu_ms: of a processor, for such a call, on average.
    """

    name: str
    calls: int
    first_calls: int
    waiting: float
    starting: float
    working: float
    median_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class OfKind:
    """What the runs of a kind of files took, on average."""

    name: str
    files: int
    status: str
    bytes: float
    s3_reads: float
    s3_writes: float
    ledger_reads: float
    ledger_writes: float
    invocations: float
    transitions: float


@dataclass(frozen=True)
class OfRun:
    """A call that each run of a plain file makes."""

    stage: str
    verb: str
    what: str
    times: int


@dataclass(frozen=True)
class Document:
    """The bytes of the document that a state is given."""

    state: str
    median: int
    largest: int


@dataclass(frozen=True)
class Measured:
    """What came of it all. Seconds are of the clock, but for the processors'.

    Attributes:
        rows: that were found in their places.
        seconds: from the first delivery to the end of the last run.
        run_seconds: the runs' own, from delivery to end, together.
        function_cpu: processor seconds of the functions' processes, their starts included.
        cloud_cpu: of the process with the stand-in for AWS, the sender and the onlooker in it.
        calls: those of a plain file's run.
    """

    measured_on: str
    machine: str
    files: int
    bytes: int
    rows: int
    seconds: float
    run_seconds: float
    function_cpu: float
    cloud_cpu: float
    processes: int
    states: list[State]
    kinds: list[OfKind]
    calls: list[OfRun]
    documents: list[Document]


def measure(files: int) -> Measured:
    """Delivers the files, follows the runs, and proves that none is lost.

    Raises:
        Lost: a file or a row is.
        UnknownCall: a function makes a call of which nobody has said what it is for.
    """
    proxy, onlooker = RecordingProxy(), watch.Watch()
    with proxy.watched(), onlooker.watching(), EmbeddedCloud() as cloud:
        pipeline = Pipeline(cloud.session(), cloud.deploy())
        sent = deliveries(files)
        cpu, begun = time.process_time(), time.time()
        with ThreadPoolExecutor(SENDERS) as pool:
            timed = list(pool.map(lambda one: (time.time(), pipeline.drop(one.key, one.data)), sent))
        delivered = [(delivery, drop) for delivery, (_, drop) in zip(sent, timed, strict=True)]
        runs = [pipeline.run(drop.run_id) for _, drop in delivered]
        executions = {drop.run_id: pipeline.execution(drop.run_id) for _, drop in delivered}
        cloud_cpu = time.process_time() - cpu
        rows = prove_none_lost(pipeline, delivered, runs, pipeline.all_executions())
        by_run = calls.calls_of(proxy.exchanges, [drop for _, drop in delivered], pipeline)
    ended = {run_id: execution.events[-1]["timestamp"].timestamp() for run_id, execution in executions.items()}
    return Measured(
        measured_on=datetime.now(UTC).date().isoformat(),
        machine=f"{platform.machine()}, {os.cpu_count()} processors",
        files=files,
        bytes=sum(len(delivery.data) for delivery in sent),
        rows=rows,
        seconds=round(max(ended.values()) - begun, 1),
        run_seconds=round(sum(ended[drop.run_id] - at for at, drop in timed), 1),
        function_cpu=round(sum(call.cpu for call in onlooker.calls), 1),
        cloud_cpu=round(cloud_cpu, 1),
        processes=sum(call.first for call in onlooker.calls),
        states=[_state(name, onlooker.calls, executions) for name in RunState if not name.is_fan_out],
        kinds=_kinds(sent, runs),
        calls=plain_calls(delivered, by_run),
        documents=_documents(executions.values()),
    )


def _state(name: str, every: Sequence[watch.Call], executions: Mapping[str, Execution]) -> State:
    mine = [call for call in every if call.state == name]
    warm = [call for call in mine if not call.first]
    median = statistics.median(call.seconds for call in warm)
    starting = sum(max(0.0, call.seconds - median) for call in mine if call.first)
    told_of = "ParallelOutput" if name == "OutputToS3" else name
    visits = [visit for execution in executions.values() for visit in execution.attempts(told_of)]
    asked = [begun.timestamp() for attempts in visits for begun, _, _ in attempts]
    assert len(asked) == len(mine), f"{name}: {len(asked)} calls in the histories, {len(mine)} in the functions"
    waiting = math.fsum(call.begun for call in mine) - math.fsum(asked)
    return State(
        name=name,
        calls=len(mine),
        first_calls=len(mine) - len(warm),
        waiting=round(waiting, 2),
        starting=round(starting, 2),
        working=round(sum(call.seconds for call in mine) - starting, 2),
        median_ms=round(1000 * median, 1),
        cpu_ms=round(1000 * statistics.fmean(call.cpu for call in warm), 1),
    )


def _kinds(sent: Sequence[Delivery], runs: Sequence[RunRecord]) -> list[OfKind]:
    by_kind: defaultdict[tuple[str, Status], list[tuple[Delivery, RunRecord]]] = defaultdict(list)
    for delivery, run in zip(sent, runs, strict=True):
        by_kind[delivery.kind, delivery.status].append((delivery, run))
    return [
        OfKind(
            name=name,
            files=len(found),
            status=status,
            bytes=round(statistics.fmean(len(delivery.data) for delivery, _ in found)),
            invocations=_mean(len(run.usage.invocations) for _, run in found),
            transitions=_mean(transitions(run) for _, run in found),
            **{
                field: _mean(sum(getattr(call, field) for call in run.usage.invocations.values()) for _, run in found)
                for field in ("s3_reads", "s3_writes", "ledger_reads", "ledger_writes")
            },
        )
        for (name, status), found in by_kind.items()
    ]


def _mean(numbers: Iterable[float]) -> float:
    return round(statistics.fmean(numbers), 1)


def plain_calls(delivered: Sequence[tuple[Delivery, Drop]], by_run: Mapping[str, Counter[calls.Call]]) -> list[OfRun]:
    """The calls that most of the plain files' runs make, in the order in which they are explained."""
    plain = Counter(frozenset(by_run[drop.run_id].items()) for delivery, drop in delivered if delivery.kind == PLAIN)
    ((most_common, _),) = plain.most_common(1)
    times = dict(most_common)
    return [OfRun(call.stage, call.verb, call.what, times[call]) for call in calls.WHY if call in times]


def _documents(executions: Iterable[Execution]) -> list[Document]:
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for execution in executions:
        for event in execution.events:
            entered = event.get("stateEnteredEventDetails")
            if entered is not None:
                sizes[entered["name"]].append(len(entered["input"].encode()))
    return [Document(state, round(statistics.median(found)), max(found)) for state, found in sizes.items()]
