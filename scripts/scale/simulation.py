"""A small simulation of discrete events: files through the states, and a Map's children, under the account's quotas.

Calls that are throttled are repeated as the state machine's own definition says; a run whose calls stay throttled is
started again as often as it says, and then is in the dead-letter queue. The same seed gives the same result.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from filegate.runs.run import Invocation
from filegate.runs.states import State
from scripts.monthly_cost import COLD_START, IDLE_MINUTES
from scripts.scale import quotas
from scripts.scale.model import INDEXES, STATE_MACHINE, STEP_WAIT
from scripts.scale.words import HOUR

Process = Generator[float, None, None]
"""Gives the seconds until it goes on."""

# Assumed, and said on the page.
SPREAD = 0.3  # of a call's time around its mean: the standard deviation of its logarithm
STRAGGLERS, SLOWER = 0.01, 3.0  # so many calls take so many times as long
SDK_ATTEMPTS = 4  # of a request that DynamoDB throttles, after up to 1, 2 and 4 seconds

_STATES = STATE_MACHINE["States"]
_RETRY = _STATES["IngestState"]["Retry"][0]
PAUSES = tuple(_RETRY["IntervalSeconds"] * _RETRY["BackoffRate"] ** n for n in range(_RETRY["MaxAttempts"]))
"""Seconds before a throttled call is repeated."""
RESTARTS: int = _STATES["RetryLogic"]["Choices"][0]["NumericLessThan"]
"""How often a run whose calls stay throttled begins again."""


class Clock:
    """Runs processes in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, Process]] = []
        self._order = itertools.count()

    def start(self, process: Process, at: float) -> None:
        heapq.heappush(self._waiting, (at, next(self._order), process))

    def run(self) -> None:
        """Until nothing waits any more."""
        while self._waiting:
            self.now, _, process = heapq.heappop(self._waiting)
            delay = next(process, None)
            if delay is not None:
                self.start(process, self.now + delay)


class Bucket:
    """Tokens that come back at a rate, up to `size`."""

    def __init__(self, clock: Clock, *, rate: float, size: float) -> None:
        self._clock = clock
        self._rate = rate
        self._size = self._tokens = size
        self._at = 0.0

    def take(self, number: float = 1) -> bool:
        """Takes so many if they are there."""
        self._tokens = min(self._size, self._tokens + (self._clock.now - self._at) * self._rate)
        self._at = self._clock.now
        if self._tokens < number:
            return False
        self._tokens -= number
        return True

    def queue(self, number: float = 1) -> float:
        """Takes so many in any case; the seconds until they are there."""
        there = self.take(number)
        if there:
            return 0.0
        self._tokens -= number
        return -self._tokens / self._rate


@dataclass
class Account:
    """What runs share, and what became of their calls."""

    clock: Clock
    concurrency: float
    watched: tuple[float, float] = (0.0, math.inf)
    running: int = 0
    peak: int = 0
    busy_seconds: float = 0.0
    calls: int = 0
    cold: int = 0
    throttled: int = 0
    watched_seconds: float = 0.0
    """What the calls took of the time that is watched."""

    def __post_init__(self) -> None:
        self._idle: defaultdict[str, list[float]] = defaultdict(list)
        scaling, burst = quotas.SCALING.value, quotas.SCALING_BURST
        self._new = defaultdict[str, Bucket](lambda: Bucket(self.clock, rate=scaling, size=burst))

    def admit(self, function: str) -> float | None:
        """Seconds that the call's environment takes to start; None if the call is throttled."""
        self.calls += 1
        idle = self._idle[function]
        warm = bool(idle) and self.clock.now - idle[-1] < IDLE_MINUTES * 60
        if self.running >= self.concurrency or not (warm or self._new[function].take()):
            self.throttled += 1
            return None
        if warm:
            idle.pop()
        else:
            self.cold += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        return 0.0 if warm else COLD_START

    def leave(self, function: str, seconds: float) -> None:
        """The end of a call that took so long."""
        self.running -= 1
        self.busy_seconds += seconds
        begin, end = self.watched
        self.watched_seconds += max(0.0, min(end, self.clock.now) - max(begin, self.clock.now - seconds))
        self._idle[function].append(self.clock.now)


@dataclass
class Outcome:
    """What became of the files: `seconds` from arrival to publication of each one that was published."""

    arrived: int = 0
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    restarts: int = 0
    calls: int = 0
    cold: int = 0
    throttled: int = 0
    peak: int = 0
    mean_running: float = 0.0
    """Calls that ran at once, over the second half of the time in which files arrived."""

    @property
    def published(self) -> int:
        return len(self.seconds)

    def quantile(self, share: float) -> float:
        ranked = sorted(self.seconds)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else math.nan


def poisson(files_an_hour: float, hours: float, seed: int) -> list[float]:
    """Seconds at which files arrive, independent of each other."""
    draw, at, found = random.Random(seed), 0.0, []  # noqa: S311 - no secret
    while (at := at - math.log(1 - draw.random()) * HOUR / files_an_hour) < hours * HOUR:
        found.append(at)
    return found


def files(
    calls: Mapping[str, Invocation],
    arrivals: Sequence[float],
    *,
    transitions: int,
    concurrency: float = quotas.CONCURRENCY.value,
    seed: int = 0,
    pauses: Sequence[float] = PAUSES,
    restarts: int = RESTARTS,
) -> Outcome:
    """Files that arrive at these seconds, through the states whose calls are given."""
    clock = Clock()
    watched = (arrivals[-1] / 2, arrivals[-1])
    account = Account(clock, concurrency, watched)
    outcome = Outcome(arrived=len(arrivals))
    draw = random.Random(seed)  # noqa: S311 - no secret
    starts = Bucket(clock, rate=quotas.STARTS.value, size=quotas.STARTS_BURST)
    steps = Bucket(clock, rate=quotas.TRANSITIONS.value, size=quotas.TRANSITIONS.value)
    index = Bucket(clock, rate=quotas.PARTITION.value, size=quotas.PARTITION.value)

    def written(units: float) -> Generator[float, None, bool]:
        """Writes to the ledger, which the index of runs by status can throttle; whether it took them."""
        for attempt in range(SDK_ATTEMPTS):
            if index.take(units):
                return True
            yield draw.random() * 2**attempt
        return False

    def called(state: str) -> Generator[float, None, bool]:
        function = State(state).stage
        for pause in (0.0, *pauses):
            yield pause
            cold = account.admit(function)
            if cold is None:
                continue
            began = clock.now
            yield cold + calls[state].seconds * jitter(draw)
            done = yield from written(calls[state].ledger_writes / INDEXES)
            account.leave(function, clock.now - began)
            if done:
                return True
            account.throttled += 1
        return False

    def run(arrived: float) -> Process:
        yield starts.queue()
        for attempt in range(1 + restarts):
            outcome.restarts += attempt > 0
            for state in calls:
                own = transitions / len(calls)
                yield steps.queue(own) + own * STEP_WAIT
                if not (yield from called(state)):
                    break
            else:
                outcome.seconds.append(clock.now - arrived)
                return
        outcome.failed += 1

    for at in arrivals:
        clock.start(run(at), at)
    clock.run()
    outcome.calls, outcome.cold, outcome.throttled = account.calls, account.cold, account.throttled
    outcome.peak = account.peak
    if watched[1]:
        outcome.mean_running = account.watched_seconds / (watched[1] - watched[0])
    return outcome


@dataclass(frozen=True)
class MapOutcome:
    """What became of a Map: the seconds it took, the longest child's, and all children's together."""

    seconds: float
    longest: float
    busy: float
    cold: int


def map_run(children: int, each: float, *, at_once: int, seed: int = 0, stragglers: float = STRAGGLERS) -> MapOutcome:
    """A Map over so many ranges; nothing else uses the account's functions."""
    clock = Clock()
    account = Account(clock, quotas.CONCURRENCY.value)
    dispatch = Bucket(clock, rate=quotas.DISPATCH.value, size=1)
    draw = random.Random(seed)  # noqa: S311 - no secret
    waiting = iter(range(children))
    longest = 0.0

    def worker() -> Process:
        nonlocal longest
        for _ in waiting:
            yield dispatch.queue()
            pauses = itertools.chain((0.0,), PAUSES, itertools.repeat(PAUSES[-1]))
            while (cold := account.admit("validate")) is None:
                yield next(pauses)
            seconds = cold + each * jitter(draw) * (SLOWER if draw.random() < stragglers else 1)
            longest = max(longest, seconds)
            yield seconds
            account.leave("validate", seconds)

    for _ in range(min(at_once, children)):
        clock.start(worker(), 0.0)
    clock.run()
    return MapOutcome(clock.now, longest, account.busy_seconds, account.cold)


def jitter(draw: random.Random) -> float:
    """A factor of mean 1; by Box and Muller, whose result is the same in every Python."""
    normal = math.sqrt(-2 * math.log(1 - draw.random())) * math.cos(2 * math.pi * draw.random())
    return math.exp(SPREAD * normal - SPREAD**2 / 2)
