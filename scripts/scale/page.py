"""The computed blocks of docs/scale.md, by name. The words around them are the page's own."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Sequence
from functools import cache

from filegate.formats.compression import MAX_TEXT_BYTES
from filegate.runs.cost import cost_usd
from scripts.monthly_cost import COLD_START, USAGE, Run
from scripts.scale import quotas, words
from scripts.scale.model import (
    CHILD_SECONDS,
    CONCURRENCY,
    LARGEST_OBJECT,
    Limit,
    Step,
    Wall,
    busy_seconds,
    calls,
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
from scripts.scale.simulation import (
    PAUSES,
    RESTARTS,
    Outcome,
    files,
    map_run,
    poisson,
)
from scripts.scale.words import GB, HOUR, TB, table

USED = json.loads(USAGE.read_text())

OBJECTS = (GB, 10 * GB, 100 * GB, TB)
FILES = (0.05, 5.0, 50.0)
SIMULATED = FILES[1:]
RATES = (10, 1_000, 100_000)
BELOW, BEYOND = 0.9, 1.4  # of the first limit
BURSTS = ((1_000, 50.0), (5_000, 5.0), (5_000, 50.0), (10_000, 5.0))
CONCURRENCIES = (10, 100, 1_000)
LONGER_PAUSES = (*PAUSES, 16.0, 32.0, 64.0)
SEED = 1
GLUE = "\0"
SHOWN = 6  # of the quotas that children share


def blocks() -> dict[str, list[str]]:
    """Lines of Markdown by the name of their block."""
    return {
        "decisions": table(
            "what you have", ["what to expect", "what breaks first", "what to do"], _decisions(), text=True
        ),
        "steps": table("", [words.size(size) for size in OBJECTS], _by_step()),
        "walls": table("", ["limit", "without a unique key", "with one", "what to do"], _wall_rows(), text=True),
        "ingest": _paragraph(_ingest()),
        "map": table("1 TB, once it is cut", [f"{number:,} at once" for number in CONCURRENCIES], _map_rows()),
        "shared": table("quota", ["used by", "children at once"], _shared_rows()),
        "children": _paragraph(_children()),
        "limits": table("quota", [*map(words.size, FILES), "smallest region", "what to do"], _limit_rows(), text=True),
        "simulated": table(
            "files an hour",
            ["calls at once: formula", "simulated", "half published in", "95 % in", "cold", "throttled", "failed"],
            _simulation_rows(),
        ),
        "bursts": table(
            "", ["published", "in the queue", "begun again", "the last one is published after"], _burst_rows()
        ),
        "patience": _paragraph(_patience()),
        "measured": _paragraph(_measured()),
        "quotas": table("", ["us-east-1", "smallest region", "of what", "raised on request"], _quota_rows(), text=True),
    }


def _paragraph(text: str) -> list[str]:
    """The text in lines, none of which ends within code."""
    whole = re.sub("`[^`]+`", lambda code: code[0].replace(" ", GLUE), text)
    lines = textwrap.wrap(whole, 120, break_long_words=False, break_on_hyphens=False)
    return [line.replace(GLUE, " ") for line in lines]


# --- The first table -----------------------------------------------------------------------------------------------


def _decisions() -> list[list[str]]:
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
    rows += [_worst_burst()]
    for size in OBJECTS:
        first = _stopping(size)
        rows.append([f"an object of {words.size(size)}", _expected(size, first), *_stopped(first)])
    return rows


def _worst_burst() -> list[str]:
    """What the burst that loses the largest share meets first of the quotas that act in the simulation."""
    number, size = max(BURSTS, key=lambda burst: _burst(*burst).failed / burst[0])
    limit = next(limit for limit in limits(USED, size) if limit.quota in (quotas.CONCURRENCY, quotas.PARTITION))
    return [
        f"{number:,} files of {words.size(size)} at once",
        f"{words.percent(_burst(number, size).failed / number)} fail in simulation, and wait in the dead-letter queue",
        f"{_named(limit.quota)}; a state's attempts are over after {sum(PAUSES):.0f} s",
        "deliver over some minutes; `filegate dlq replay --all` afterwards",
    ]


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


def _by_step() -> list[list[str]]:
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
    return rows


def _italic(text: str, wanted: bool) -> str:
    return f"*{text}*" if wanted else text


def _wall_rows() -> list[list[str]]:
    plain, unique = (
        {wall.step: wall for wall in walls(USED, concurrency=CONCURRENCY, keys=keys)} for keys in (False, True)
    )
    first = sorted(plain, key=lambda step: min(plain[step].megabytes, unique[step].megabytes))
    return [
        [step, plain[step].limit, _reached(plain[step]), _reached(unique[step]), plain[step].remedy]
        for step in first
        if min(plain[step].megabytes, unique[step].megabytes) < LARGEST_OBJECT
    ]


def _reached(wall: Wall) -> str:
    return words.size(wall.megabytes) if wall.megabytes < LARGEST_OBJECT else "none"


def _ingest() -> str:
    a_gb = steps(USED, 10 * GB, concurrency=1, keys=False)[0].each.seconds / 10
    network = quotas.NETWORK.value
    most = quotas.CALL_SECONDS.value * network
    return (
        f"**Ingest is the first wall at 1 TB.** It finds the records in one pass, in one call: {a_gb:.0f} s a GB, of "
        f"which {GB / network:.0f} s are the network of an execution environment ({network * 8:.0f} Mbit/s; AWS raises "
        f"it outside of a VPC only). So no tuning of the pass gets beyond {words.size(most)}."
    )


def _map_rows() -> list[list[str]]:
    rows = []
    for name in ("ValidateMap", "TransformMap"):
        found = [_map_of(TB, name, number) for number in CONCURRENCIES]
        rows += [
            [f"{name}: formula", *(words.duration(step.seconds) for step in found)],
            [
                f"{name}: simulated",
                *(words.duration(_simulated(step.times, step.each.seconds, step.at_once)) for step in found),
            ],
        ]
    costs = [object_usd(USED, TB, concurrency=number, keys=False) for number in CONCURRENCIES]
    return [*rows, ["USD of the whole run", *map(words.usd, costs)]]


def _map_of(size: float, name: str, at_once: int) -> Step:
    found = steps(USED, size, concurrency=at_once, keys=False)
    return next(step for step in found if step.name == name)


@cache
def _simulated(children: int, each: float, at_once: int) -> float:
    return map_run(children, each, at_once=at_once, seed=SEED).seconds


def _shared_rows() -> list[list[str]]:
    return [
        [_named(limit.quota), limit.step, f"{limit.at_once:,.0f}"] for limit in map_limits(USED, keys=False)[:SHOWN]
    ]


def _children() -> str:
    first = map_limits(USED, keys=False)[0]
    child = _map_of(TB, "ValidateMap", CONCURRENCIES[-1])
    slowest = _simulated(child.times, child.each.seconds, child.at_once)
    return (
        f"So the Maps' `MaxConcurrency`, {CONCURRENCY}, may be {math.floor(first.at_once / 50) * 50:,} before "
        f"{first.step} meets the first of them: all objects of a run have one prefix, `runs/<run_id>/`, until S3 has "
        "split it. Whatever a Map takes of the account's calls, other files and other functions do not have. A Map's "
        f"end waits for its slowest child: with {CONCURRENCIES[-1]:,} at once, ValidateMap takes "
        f"{words.duration(slowest)}. A child takes {words.duration(child.each.seconds)} of the {CHILD_SECONDS:.0f} s "
        f"that it may. A region starts {quotas.MAP_STARTS.value:.0f} Maps a second and has "
        f"{quotas.OPEN_MAPS.value:,.0f} of them open, and a spread object takes two: "
        f"{quotas.MAP_STARTS.value / 2 * HOUR:,.0f} such objects an hour."
    )


# --- Many files ----------------------------------------------------------------------------------------------------


def _limit_rows() -> list[list[str]]:
    by_size = {size: {limit.quota.name: limit for limit in limits(USED, size)} for size in FILES}
    rows = []
    for name in sorted(by_size[FILES[0]], key=lambda name: (_least(by_size, name), name)):
        own = [by_size[size][name] for size in FILES]
        cells = [f"{words.rate(limit.files_an_hour())} ({words.few(limit.a_run)})" for limit in own]
        least = min(limit.files_an_hour(smallest=True) for limit in own)
        only = "" if own[0].stops else " *(no run fails)*"
        rows.append([f"{_named(own[0].quota)}{only}", *cells, words.rate(least), own[0].remedy])
    return rows


def _least(by_size: dict[float, dict[str, Limit]], name: str) -> float:
    return min(found[name].files_an_hour() for found in by_size.values())


def _simulation_rows() -> list[list[str]]:
    rows = []
    for size in SIMULATED:
        first = first_limit(USED, size).files_an_hour()
        for rate, remark in (
            *((rate, "") for rate in RATES),
            (BELOW * first, f", {BELOW} of the first limit"),
            (BEYOND * first, f", {BEYOND} times the first limit"),
        ):
            outcome = _arriving(size, round(rate))
            rows.append(
                [
                    f"{words.rate(rate)} of {words.size(size)}{remark}",
                    words.few(busy_seconds(USED, size) * rate / HOUR),
                    words.few(outcome.mean_running),
                    words.duration(outcome.quantile(0.5)),
                    words.duration(outcome.quantile(0.95)),
                    words.percent(outcome.cold / outcome.calls),
                    words.percent(outcome.throttled / outcome.calls),
                    words.percent(outcome.failed / outcome.arrived),
                ]
            )
    return rows


def _hours(rate: float) -> float:
    """How long files arrive in the simulation: some hundreds of them at least, and longer than one of them takes."""
    return 24 if rate < 100 else 2 if rate < 10_000 else 1 / 15


@cache
def _arriving(size: float, rate: int) -> Outcome:
    return _worked_on(size, poisson(rate, _hours(rate), SEED), PAUSES)


@cache
def _burst(number: int, size: float, pauses: Sequence[float] = PAUSES) -> Outcome:
    return _worked_on(size, [0.0] * number, pauses)


def _worked_on(size: float, arrivals: Sequence[float], pauses: Sequence[float]) -> Outcome:
    return files(calls(USED, size), arrivals, transitions=Run(USED, size).transitions, seed=SEED, pauses=pauses)


def _burst_rows() -> list[list[str]]:
    return [
        [
            f"{number:,} files of {words.size(size)}",
            f"{outcome.published:,}",
            f"{outcome.failed:,}",
            f"{outcome.restarts:,}",
            words.duration(outcome.quantile(1)),
        ]
        for number, size in BURSTS
        for outcome in [_burst(number, size)]
    ]


def _patience() -> str:
    """Why bursts lose files, and what they would lose if each state had more attempts."""
    losing = [(number, size) for number, size in BURSTS if _burst(number, size).failed]
    lost = sum(_burst(number, size, LONGER_PAUSES).failed for number, size in losing)
    first = {words.size(size): first_limit(USED, size) for size in SIMULATED}
    known = " and ".join(f"{limit.files_an_hour() / HOUR:.0f} of {size}" for size, limit in first.items())
    tries = ", ".join(f"{pause:.0f}" for pause in PAUSES[:-1])
    return (
        f"EventBridge keeps what Step Functions does not start, and tries for a day; but {quotas.STARTS.value:.0f} "
        f"runs a second are started, and the first limits are at {known}. With {len(LONGER_PAUSES)} attempts, up to "
        f"{LONGER_PAUSES[-1]:.0f} s apart, {f'{lost:,}' if lost else 'none'} of these files would fail. {len(PAUSES)} "
        f"attempts, after {tries} and {PAUSES[-1]:.0f} s, are a requirement ([R7](requirements.md)); so the levers are "
        "the quota, and a sender that spreads its files over some minutes."
    )


# --- What it rests on ----------------------------------------------------------------------------------------------


def _measured() -> str:
    sizes = " and one of ".join(words.size(run["megabytes"]) for run in USED["runs"])
    found = measured()
    return (
        f"**Measured**, on {USED['measured_on']} ({USED['machine']}): what a run of {sizes} of flights uses, state "
        "by state (`python -m scripts.measure_usage`); other sizes in proportion. And that a processor takes "
        f"{found['settle_a_million_keys']['cpu_seconds']} s to find the repeated among a million keys, and a part "
        f"takes {found['part_in_a_manifest']['held_bytes']} bytes of memory in a manifest "
        "(`python -m scripts.scale.measure`)."
    )


def _quota_rows() -> list[list[str]]:
    return [
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
