"""Time, cost and limits as formulas, of many files and of one large object.

Sizes are in MB (10⁶ bytes) of CSV. A run's use at a size comes from `monthly_cost.Run`, which interpolates what was
measured; a function's time is its processor seconds over its share of a processor, plus its waits, one after another.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from filegate.deploy import load_definition
from filegate.pipeline.fan_out import ATTEMPT, CONCURRENT_REQUESTS, RANGE_CHUNKS
from filegate.pipeline.uniqueness import STAGED_SLICE_ROWS
from filegate.runs import prices
from filegate.runs.cost import EXPRESS_GB, LEDGER_WRITE_UNITS
from filegate.runs.run import Invocation
from scripts.monthly_cost import COLD_START, FULL_PROCESSOR_MB, LEDGER_WAIT, ROOT, S3_WAIT, Run, memories, templates
from scripts.scale import quotas
from scripts.scale.measure import FILE
from scripts.scale.quotas import Quota
from scripts.scale.words import GB, HOUR, TB

INDEXES = 3  # that a write to the ledger goes to: the table, and its two indexes

# What was not measured, and is assumed; the page says all of it.
STEP_WAIT = 0.05  # seconds that Step Functions takes for a step of its own
ROW_BYTES = 100  # of CSV
OWN_MB = 100  # of a function's memory, for its code and libraries

STATE_MACHINE = load_definition(ROOT / "infra/statemachine/pipeline.asl.yaml")


@cache
def measured() -> dict[str, Any]:
    """What `measure` found."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


@cache
def parameter(name: str) -> float:
    """The default of a parameter of the templates."""
    found = {template["Parameters"][name]["Default"] for template in templates() if name in template["Parameters"]}
    (default,) = found - {None}
    return float(default)


FAN_OUT_MB = parameter("FanOutBytes") / 1e6
"""A larger object is spread over many calls."""
RANGE_MB = RANGE_CHUNKS * parameter("ChunkBytes") / 1e6
CONCURRENCY: int = STATE_MACHINE["States"]["ValidateMap"]["MaxConcurrency"]
"""Children of a Map at once, as the state machine has it."""
RESTARTS: int = STATE_MACHINE["States"]["RetryLogic"]["Choices"][0]["NumericLessThan"]
"""How often a run whose calls keep failing begins again."""
CHILD_SECONDS = int(ATTEMPT.total_seconds())
"""How long a child's call may take: less than half of an express execution's life."""


def share(memory_mb: float) -> float:
    """Of a processor, that a function with this memory gets."""
    return min(1.0, memory_mb / FULL_PROCESSOR_MB)


# --- Many files ------------------------------------------------------------------------------------------------------


def calls(usage: Mapping[str, Any], megabytes: float) -> dict[str, Invocation]:
    """What each state of a run of one file uses, with its time on the network, and copies made several at once."""
    run = Run(usage, megabytes)
    moved = {"IngestState": megabytes, "ValidateState": megabytes, "TransformState": run.staged_gb * GB}
    found = {}
    for state, call in run.calls.items():
        seconds = call.seconds + moved.get(state, 0) / quotas.NETWORK.value
        if state == "OutputToS3":
            seconds -= call.s3_writes * S3_WAIT * (1 - 1 / CONCURRENT_REQUESTS)
        found[state] = call.model_copy(update={"seconds": seconds})
    return found


def busy_seconds(usage: Mapping[str, Any], megabytes: float) -> float:
    """Of functions, for one file: with so many files a second, the product is the calls that run at once."""
    return math.fsum(call.seconds for call in calls(usage, megabytes).values())


def file_seconds(usage: Mapping[str, Any], megabytes: float) -> float:
    """From a file's arrival to its notice, while nothing is cold or throttled."""
    return busy_seconds(usage, megabytes) + Run(usage, megabytes).transitions * STEP_WAIT


@dataclass(frozen=True)
class Limit:
    """A quota that many files share.

    Attributes:
        quota: the quota.
        a_run: what one run takes of it.
        remedy: what to do when it is reached.
        stops: whether runs fail of it; else notices are late, or S3 makes room after some minutes of retries.
    """

    quota: Quota
    a_run: float
    remedy: str
    stops: bool = True

    def files_an_hour(self, *, smallest: bool = False) -> float:
        """The most that it lets through, in us-east-1 or in the region that has least."""
        return (self.quota.smallest if smallest else self.quota.value) / self.a_run * HOUR


def limits(usage: Mapping[str, Any], megabytes: float) -> list[Limit]:
    """The quotas that files of a size share, the one that is reached first in us-east-1 before the others."""
    run = Run(usage, megabytes)
    found = calls(usage, megabytes)
    published = found["OutputToS3"].s3_writes + found["CommitState"].s3_writes
    staged = run.total("s3_writes") - published
    reads = run.total("s3_reads")
    ledger = (run.total("ledger_writes") + LEDGER_WRITE_UNITS) / INDEXES
    spread = "S3 splits a busy prefix by itself, in minutes; run ids are evenly spread"
    all_of_them = [
        Limit(quotas.CONCURRENCY, busy_seconds(usage, megabytes), "ask for more; more memory for validate"),
        Limit(
            quotas.PARTITION, ledger, "a change of the ledger: its indexes by_status and by_dataset over several keys"
        ),
        Limit(quotas.NEW_TABLE, ledger, "nothing: it grows to twice its last peak each half hour"),
        Limit(quotas.TRANSITIONS, run.transitions, "ask for more"),
        Limit(quotas.STARTS, 1, "ask for more; what EventBridge cannot start it tries again for a day"),
        Limit(quotas.OPEN_EXECUTIONS, file_seconds(usage, megabytes), "ask for more"),
        Limit(quotas.DELIVERIES, 1, "ask for more; they are late, not lost"),
        Limit(quotas.S3_WRITES, max(staged, published), spread, stops=False),
        Limit(quotas.S3_READS, reads, spread, stops=False),
        Limit(quotas.KEY, staged + published + reads, "ask for more; bucket keys ask a hundredth of this"),
        Limit(quotas.NOTICES, 1, "ask for more", stops=False),
        Limit(quotas.EMAILS, 1, "filter the subscription by `status`; no alarm passes a filter", stops=False),
        Limit(quotas.LOGS, len(run.calls), "ask for more", stops=False),
    ]
    return sorted(all_of_them, key=Limit.files_an_hour)


def first_limit(usage: Mapping[str, Any], megabytes: float) -> Limit:
    """The first that runs fail of."""
    return next(limit for limit in limits(usage, megabytes) if limit.stops)


# --- One large object ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A state of a run, called once or, by a Map, once a range.

    `each` is one call; `at_once` of them run side by side.
    """

    name: str
    each: Invocation
    times: int = 1
    at_once: int = 1

    @property
    def seconds(self) -> float:
        """From the first call's start to the last one's end, if all take as long."""
        return math.ceil(self.times / self.at_once) * self.each.seconds

    @property
    def by_map(self) -> bool:
        return self.name.endswith("Map")


def steps(usage: Mapping[str, Any], megabytes: float, *, concurrency: int, keys: bool) -> list[Step]:
    """The states of a run that call functions; `keys` says whether something has to be unique over the object."""
    whole = calls(usage, megabytes)
    if megabytes <= FAN_OUT_MB:
        return [Step(state, call) for state, call in whole.items()]
    ranges = math.ceil(megabytes / RANGE_MB)
    rows = megabytes * 1e6 / ROW_BYTES
    slices = math.ceil(rows / STAGED_SLICE_ROWS) if keys else 0
    child = calls(usage, min(megabytes, RANGE_MB))
    at_once = min(concurrency, ranges, int(quotas.CONCURRENCY.value))
    chunks, parts = megabytes * 1e6 / parameter("ChunkBytes"), Run(usage, megabytes).published_objects
    of_a_range = measured()["slice_of_a_range"]
    settling = rows / 1e6 * measured()["settle_a_million_keys"]["cpu_seconds"] if keys else 0.0
    reading = ranges * slices * of_a_range["read_cpu_seconds"]
    handing_on = slices * of_a_range["handed_on_cpu_seconds"]
    validate_reduce = _reduce(
        "ValidateState", ranges=ranges, entries=2 * chunks, slices=slices, cpu=settling + reading, handed_on=ranges
    )
    return [
        Step("IngestState", _more(whole["IngestState"], writes=ranges)),
        Step("ValidateMap", _more(child["ValidateState"], writes=slices, cpu=handing_on), ranges, at_once),
        Step("ValidateReduce", validate_reduce),
        Step("TransformMap", child["TransformState"], ranges, at_once),
        Step("TransformReduce", _reduce("TransformState", ranges=ranges, entries=parts)),
        Step("OutputToS3", whole["OutputToS3"]),
        Step("CommitState", whole["CommitState"]),
    ]


def _more(call: Invocation, *, writes: int, cpu: float = 0.0) -> Invocation:
    """The call with some more work, and so many objects written besides, one after another."""
    seconds = call.seconds + cpu / share(call.memory_mb) + writes * S3_WAIT
    return call.model_copy(update={"seconds": seconds, "s3_writes": call.s3_writes + writes})


def _reduce(
    state: str, *, ranges: int, entries: float, slices: int = 0, cpu: float = 0.0, handed_on: int = 0
) -> Invocation:
    """The call that reads what became of each range, and each range's slices of keys; it hands on some manifests."""
    reads = ranges * (1 + slices)
    memory = memories()[state]
    working = (cpu + entries * measured()["part_in_a_manifest"]["cpu_seconds"]) / share(memory)
    waiting = reads / CONCURRENT_REQUESTS * S3_WAIT + handed_on * S3_WAIT + 2 * LEDGER_WRITE_UNITS * LEDGER_WAIT
    return Invocation(
        state=state,
        seconds=working + waiting,
        memory_mb=memory,
        s3_reads=reads,
        s3_writes=handed_on,
        ledger_writes=2 * LEDGER_WRITE_UNITS,
    )


def object_seconds(usage: Mapping[str, Any], megabytes: float, *, concurrency: int, keys: bool) -> float:
    """From arrival to notice, each kind of function cold at first."""
    found = steps(usage, megabytes, concurrency=concurrency, keys=keys)
    own = (Run(usage, megabytes).transitions + len(found)) * STEP_WAIT
    return math.fsum(step.seconds + COLD_START for step in found) + own


def object_usd(usage: Mapping[str, Any], megabytes: float, *, concurrency: int, keys: bool) -> float:
    """What processing it costs, without what is kept. Only cold starts depend on the concurrency."""
    found = steps(usage, megabytes, concurrency=concurrency, keys=keys)

    def total(kind: str) -> float:
        return math.fsum(getattr(step.each, kind) * step.times for step in found)

    children = sum(step.times for step in found if step.by_map)
    express = math.fsum(step.times * step.each.seconds for step in found if step.by_map) * EXPRESS_GB
    cold = math.fsum(step.at_once * step.each.memory_mb for step in found) / 1024 * COLD_START
    transitions = Run(usage, megabytes).transitions + len(found) - 5 + children  # 5: those without a Map
    return math.fsum(
        (
            prices.LAMBDA_GB_SECOND.of(total("gb_seconds") + cold),
            prices.LAMBDA_REQUEST.of(sum(step.times for step in found)),
            prices.STATE_TRANSITION.of(transitions),
            prices.EXPRESS_REQUEST.of(children),
            prices.EXPRESS_GB_SECOND.of(express),
            prices.S3_READ.of(total("s3_reads")),
            prices.S3_WRITE.of(total("s3_writes")),
            prices.DYNAMODB_WRITE.of(total("ledger_writes") + LEDGER_WRITE_UNITS),
            prices.DYNAMODB_READ.of(total("ledger_reads")),
            prices.S3_EVENT.of(1),
            prices.SNS_PUBLISH.of(1),
        )
    )


LARGEST_OBJECT = 48.8 * 1.048576**2 * TB
"""MB; S3's own limit: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""


@dataclass(frozen=True)
class Wall:
    """What stops an object from a size on. `megabytes` is the largest that gets through; S3's own limit if all do."""

    step: str
    limit: str
    megabytes: float
    remedy: str


def walls(usage: Mapping[str, Any], *, concurrency: int, keys: bool) -> list[Wall]:
    """What stops an object that is spread over many calls, the first before the others."""

    def each(name: str) -> Callable[[float], float]:
        def seconds(megabytes: float) -> float:
            found = steps(usage, max(megabytes, FAN_OUT_MB + 1), concurrency=concurrency, keys=keys)
            return next(step.each.seconds for step in found if step.name == name)

        return seconds

    held_mb = float(measured()["part_in_a_manifest"]["held_bytes"]) / 1e6

    def parts_mb(megabytes: float) -> float:
        return Run(usage, megabytes).published_objects * held_mb

    def chunks_mb(megabytes: float) -> float:
        return 2 * megabytes * 1e6 / parameter("ChunkBytes") * held_mb

    def whole(megabytes: float) -> float:
        return object_seconds(usage, megabytes, concurrency=concurrency, keys=keys)

    def wall(name: str, step: str, limit: float, remedy: str) -> Wall:
        return Wall(name, f"{limit:.0f} s", largest(each(step), limit), remedy)

    call = quotas.CALL_SECONDS.value
    of_validate, of_output = (memories()[state] - OWN_MB for state in ("ValidateState", "OutputToS3"))
    hours = execution_seconds() / HOUR
    more = "more memory for validate"
    found = [
        wall("ingest", "IngestState", call, "deliver several files"),
        wall("a child of ValidateMap", "ValidateMap", CHILD_SECONDS, more),
        wall("ValidateReduce", "ValidateReduce", call, more),
        wall("TransformReduce", "TransformReduce", call, "coarser partitions"),
        wall("publishing", "OutputToS3", call, "coarser partitions"),
        Wall("the list of chunks", f"{of_validate} MB of memory", largest(chunks_mb, of_validate), more),
        Wall("the list of parts", f"{of_output} MB of memory", largest(parts_mb, of_output), "more memory for output"),
        Wall("the whole run", f"{hours:.0f} h", largest(whole, execution_seconds()), "a higher MaxConcurrency"),
    ]
    return sorted(found, key=lambda wall: wall.megabytes)


def execution_seconds() -> float:
    """How long the state machine lets a run take."""
    return float(STATE_MACHINE["TimeoutSeconds"])


def largest(of: Callable[[float], float], limit: float) -> float:
    """The largest size whose value is within the limit; `of` never falls."""
    low, high = 0.0, LARGEST_OBJECT
    if of(high) <= limit:
        return high
    while high - low > low / 1000 + 1:
        middle = (low + high) / 2
        low, high = (middle, high) if of(middle) <= limit else (low, middle)
    return low


@dataclass(frozen=True)
class MapLimit:
    """A quota that a Map's children share. `at_once` is the most of them that it lets run side by side."""

    quota: Quota
    step: str
    at_once: float


def map_limits(usage: Mapping[str, Any], *, keys: bool) -> list[MapLimit]:
    """Of an object of any size, the tightest first. A run's objects share one prefix until S3 has split it."""
    found = steps(usage, 10 * GB, concurrency=1, keys=keys)
    limited = [
        MapLimit(quotas.CONCURRENCY, "both Maps", quotas.CONCURRENCY.value),
        MapLimit(quotas.CHILDREN, "both Maps", quotas.CHILDREN.value),
    ]
    for step in found:
        if step.by_map:
            each = step.each
            told = LEDGER_WRITE_UNITS / INDEXES
            limited += [
                MapLimit(quotas.S3_WRITES, step.name, quotas.S3_WRITES.value * each.seconds / each.s3_writes),
                MapLimit(quotas.S3_READS, step.name, quotas.S3_READS.value * each.seconds / each.s3_reads),
                MapLimit(quotas.PARTITION, step.name, quotas.PARTITION.value * each.seconds / told),
                MapLimit(quotas.DISPATCH, step.name, quotas.DISPATCH.value * each.seconds),
            ]
    return sorted(limited, key=lambda limit: limit.at_once)
