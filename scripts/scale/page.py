"""The computed tables and sentences of docs/scale.md; the words around them are the page's own."""

from __future__ import annotations

import json
import math
import re
import textwrap

from filegate.formats.compression import MAX_TEXT_BYTES
from filegate.runs.cost import cost_usd
from scripts.monthly_cost import COLD_START, USAGE, Run
from scripts.scale import quotas, words
from scripts.scale.model import (
    CHILD_SECONDS,
    CONCURRENCY,
    LARGEST_OBJECT,
    RESTARTS,
    Limit,
    Step,
    Wall,
    file_seconds,
    first_limit,
    limits,
    map_limits,
    measured,
    object_seconds,
    object_usd,
    steps,
    walls,
)
from scripts.scale.quotas import Quota
from scripts.scale.words import GB, HOUR, TB, table

USED = json.loads(USAGE.read_text())

OBJECTS = (GB, 10 * GB, 100 * GB, TB)
FILES = (0.05, 5.0, 50.0)
RATES = (10, 1_000, 100_000)
CONCURRENCIES = (10, 100, 1_000)
GLUE = "\0"
SHOWN = 6  # of the quotas that children share


def _paragraph(text: str) -> str:
    """The text in lines, none of which ends within code."""
    whole = re.sub("`[^`]+`", lambda code: code[0].replace(" ", GLUE), text)
    return textwrap.fill(whole, 120, break_long_words=False, break_on_hyphens=False).replace(GLUE, " ") + "\n"


# --- The first table -----------------------------------------------------------------------------------------------


def decisions() -> str:
    rows = [[f"{rate:,} files an hour", _published(rate), *_first_of_files(rate)] for rate in RATES]
    tight = min(FILES, key=lambda size: first_limit(USED, size).files_an_hour())
    limit = first_limit(USED, tight)
    rows.append(
        [
            f"more than {words.rate(limit.files_an_hour())} files an hour",
            "throttled calls, then failed runs: no queue, but [a collapse](#beyond-a-limit)",
            f"{_named(limit.quota)}, for files of {words.size(tight)}",
            limit.remedy,
        ]
    )
    for size in OBJECTS:
        first = _stopping(size)
        rows.append([f"an object of {words.size(size)}", _expected(size, first), *_stopped(first)])
    return table("what you have", ["what to expect", "what breaks first", "what to do"], rows, text=True)


def _published(rate: int) -> str:
    """When and for how much files of each size are published; at the lowest rate, each function is cold."""
    cold = COLD_START * 4 if rate == min(RATES) else 0
    return "; ".join(
        f"{words.size(size)}: published in {words.duration(file_seconds(USED, size) + cold)}, "
        f"${words.usd(cost_usd(Run(USED, size).record) * rate)} an hour"
        for size in FILES
    )


def _first_of_files(rate: int) -> list[str]:
    """The limits that files of some size reach at this rate."""
    reached = {
        limit.quota.name: limit for size in FILES for limit in limits(USED, size) if limit.files_an_hour() < rate
    }
    if not reached:
        nearest = min((first_limit(USED, size) for size in FILES), key=Limit.files_an_hour)
        return [f"nothing: a run's first limit is at {words.rate(nearest.files_an_hour())}", "nothing"]
    return [
        "; ".join(f"{_named(limit.quota)}, at {words.rate(limit.files_an_hour())}" for limit in reached.values()),
        "; ".join(limit.remedy for limit in reached.values()),
    ]


def _stopping(size: float) -> Wall | None:
    """The first wall before this size, of objects without a unique key."""
    first = walls(USED, concurrency=CONCURRENCY, keys=False)[0]
    return first if first.megabytes < size else None


def _expected(size: float, stopping: Wall | None) -> str:
    if size * 1e6 > MAX_TEXT_BYTES:
        return "REJECTED at once"
    if stopping is not None:
        return f"FAILED, after {RESTARTS + 1} attempts of {quotas.CALL_SECONDS.value / 60:.0f} min"
    plain, unique = (words.duration(_object_seconds(size, keys=keys)) for keys in (False, True))
    return f"published in {plain}, with a unique key in {unique}; ${words.usd(_object_usd(size, keys=True))}"


def _stopped(wall: Wall | None) -> list[str]:
    if wall is None:
        return ["nothing", "nothing"]
    return [f"{wall.step}: {wall.limit}, at {words.size(wall.megabytes)}", wall.remedy]


def _object_seconds(size: float, *, keys: bool) -> float:
    return object_seconds(USED, size, concurrency=CONCURRENCY, keys=keys)


def _object_usd(size: float, *, keys: bool) -> float:
    return object_usd(USED, size, concurrency=CONCURRENCY, keys=keys)


# --- One large object ----------------------------------------------------------------------------------------------


def step_times() -> str:
    found = {size: steps(USED, size, concurrency=CONCURRENCY, keys=True) for size in OBJECTS}
    rows = [["ranges", *(f"{found[size][1].times:,}" for size in OBJECTS)]]
    for number, step in enumerate(found[OBJECTS[0]]):
        limit = CHILD_SECONDS if step.by_map else quotas.CALL_SECONDS.value
        cells = [
            _italic(words.duration(one.seconds), one.each.seconds > limit)
            for one in (found[size][number] for size in OBJECTS)
        ]
        rows.append([step.name, *cells])
    for keys, name in ((False, "without a unique key"), (True, "with one")):
        first = walls(USED, concurrency=CONCURRENCY, keys=keys)[0].megabytes
        times = [_italic(words.duration(_object_seconds(size, keys=keys)), size > first) for size in OBJECTS]
        costs = [_italic(words.usd(_object_usd(size, keys=keys)), size > first) for size in OBJECTS]
        rows += [[f"together, {name}", *times], [f"USD, {name}", *costs]]
    return table("", [words.size(size) for size in OBJECTS], rows)


def _italic(text: str, wanted: bool) -> str:
    return f"*{text}*" if wanted else text


def where_it_stops() -> str:
    plain, unique = (
        {wall.step: wall for wall in walls(USED, concurrency=CONCURRENCY, keys=keys)} for keys in (False, True)
    )
    first = sorted(plain, key=lambda step: min(plain[step].megabytes, unique[step].megabytes))
    rows = [
        [step, plain[step].limit, _reached(plain[step]), _reached(unique[step]), plain[step].remedy]
        for step in first
        if min(plain[step].megabytes, unique[step].megabytes) < LARGEST_OBJECT
    ]
    return table("", ["limit", "without a unique key", "with one", "what to do"], rows, text=True)


def _reached(wall: Wall) -> str:
    return words.size(wall.megabytes) if wall.megabytes < LARGEST_OBJECT else "none"


def ingest() -> str:
    a_gb = steps(USED, 10 * GB, concurrency=1, keys=False)[0].each.seconds / 10
    network = quotas.NETWORK.value
    most = quotas.CALL_SECONDS.value * network
    return _paragraph(
        f"**Ingest is the first wall at 1 TB.** It finds the records in one pass, in one call: {a_gb:.0f} s a GB, of "
        f"which {GB / network:.0f} s are the network of an execution environment ({network * 8:.0f} Mbit/s; AWS raises "
        f"it outside of a VPC only). So no tuning of the pass gets beyond {words.size(most)}."
    )


def children_at_once() -> str:
    rows = [
        [name, *(words.duration(_map_of(TB, name, number).seconds) for number in CONCURRENCIES)]
        for name in ("ValidateMap", "TransformMap")
    ]
    costs = [object_usd(USED, TB, concurrency=number, keys=False) for number in CONCURRENCIES]
    rows.append(["USD of the whole run", *map(words.usd, costs)])
    return table("1 TB, once it is split", [f"{number:,} at once" for number in CONCURRENCIES], rows)


def _map_of(size: float, name: str, at_once: int) -> Step:
    found = steps(USED, size, concurrency=at_once, keys=False)
    return next(step for step in found if step.name == name)


def shared_quotas() -> str:
    rows = [[_named(limit.quota), limit.step, f"{limit.at_once:,.0f}"] for limit in map_limits(USED, keys=False)]
    return table("quota", ["used by", "children at once"], rows[:SHOWN])


def max_concurrency() -> str:
    first = map_limits(USED, keys=False)[0]
    child = _map_of(TB, "ValidateMap", CONCURRENCIES[-1])
    return _paragraph(
        f"So the Maps' `MaxConcurrency`, {CONCURRENCY}, may be {math.floor(first.at_once / 50) * 50:,} before "
        f"{first.step} meets the first of them: all objects of a run have one prefix, `runs/<run_id>/`, until S3 has "
        "split it. Whatever a Map takes of the account's calls, other files and other functions do not have. "
        f"A child takes {words.duration(child.each.seconds)} of the {CHILD_SECONDS:.0f} s "
        f"that it may. A region starts {quotas.MAP_STARTS.value:.0f} Maps a second and has "
        f"{quotas.OPEN_MAPS.value:,.0f} of them open, and a spread object takes two: "
        f"{quotas.MAP_STARTS.value / 2 * HOUR:,.0f} such objects an hour."
    )


# --- Many files ----------------------------------------------------------------------------------------------------


def limits_of_files() -> str:
    by_size = {size: {limit.quota.name: limit for limit in limits(USED, size)} for size in FILES}
    rows = []
    for name in sorted(by_size[FILES[0]], key=lambda name: (_least(by_size, name), name)):
        own = [by_size[size][name] for size in FILES]
        cells = [f"{words.rate(limit.files_an_hour())} ({words.few(limit.a_run)})" for limit in own]
        least = min(limit.files_an_hour(smallest=True) for limit in own)
        only = "" if own[0].stops else " *(no run fails)*"
        rows.append([f"{_named(own[0].quota)}{only}", *cells, words.rate(least), own[0].remedy])
    return table("quota", [*map(words.size, FILES), "smallest region", "what to do"], rows, text=True)


def _least(by_size: dict[float, dict[str, Limit]], name: str) -> float:
    return min(found[name].files_an_hour() for found in by_size.values())


# --- What it rests on ----------------------------------------------------------------------------------------------


def inputs() -> str:
    sizes = " and one of ".join(words.size(run["megabytes"]) for run in USED["runs"])
    found = measured()
    return _paragraph(
        f"**Measured**, on {USED['measured_on']} ({USED['machine']}): what a run of {sizes} of flights uses, state "
        "by state (`python -m scripts.measure_usage`); other sizes in proportion. And that a processor takes "
        f"{found['settle_a_million_keys']['cpu_seconds']} s to find the repeated among a million keys, and a part "
        f"takes {found['part_in_a_manifest']['held_bytes']} bytes of memory in a manifest "
        "(`python -m scripts.scale.measure`)."
    )


def quota_table() -> str:
    rows = [
        [
            f"[{quota.name}]({quota.source})",
            words.few(quota.value),
            words.few(quota.smallest),
            quota.unit,
            "yes" if quota.raised else "no",
        ]
        for quota in vars(quotas).values()
        if isinstance(quota, Quota)
    ]
    return table("", ["us-east-1", "smallest region", "of what", "raised on request"], rows, text=True)


_NAMES = {
    quotas.CONCURRENCY.name: "Lambda: concurrent executions",
    quotas.PARTITION.name: "DynamoDB: writes to one key of the ledger's index",
    quotas.NEW_TABLE.name: "DynamoDB: writes to a new table",
    quotas.TRANSITIONS.name: "Step Functions: state transitions",
    quotas.STARTS.name: "Step Functions: starts",
    quotas.OPEN_EXECUTIONS.name: "Step Functions: open executions",
    quotas.DELIVERIES.name: "EventBridge: invocations",
    quotas.S3_WRITES.name: "S3: writes to one prefix",
    quotas.S3_READS.name: "S3: reads from one prefix",
    quotas.KEY.name: "KMS: requests",
    quotas.NOTICES.name: "SNS: notices",
    quotas.EMAILS.name: "SNS: e-mails to one address",
    quotas.LOGS.name: "CloudWatch Logs: requests",
    quotas.CHILDREN.name: "Step Functions: children of a Map",
    quotas.DISPATCH.name: "Step Functions: children started a second",
}


def _named(quota: Quota) -> str:
    return _NAMES[quota.name]
