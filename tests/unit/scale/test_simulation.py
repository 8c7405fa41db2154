"""The simulation: files are conserved, quotas hold, and where a formula is known, it agrees."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filegate.runs.run import Invocation
from scripts.monthly_cost import COLD_START, Run
from scripts.scale import quotas, simulation
from scripts.scale.model import STEP_WAIT, Step, busy_seconds, calls, first_limit
from scripts.scale.page import USED
from scripts.scale.simulation import PAUSES, RESTARTS, Bucket, Clock, files, map_run, poisson
from scripts.scale.words import HOUR


def call(seconds: float, units: float = 0) -> Invocation:
    return Invocation(state="IngestState", seconds=seconds, memory_mb=512, ledger_writes=units)


@pytest.fixture
def even(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call takes its mean."""
    monkeypatch.setattr(simulation, "jitter", lambda draw: 1.0)


def test_throttled_calls_are_repeated_as_the_state_machine_says() -> None:
    assert PAUSES == (2, 4, 8)
    assert RESTARTS == 3


@given(
    st.lists(st.floats(0, 60), min_size=1, max_size=60).map(sorted),
    st.integers(1, 20),
    st.floats(0.01, 30),
    st.floats(0, 3_000),
    st.integers(),
)
@settings(max_examples=50)
def test_every_file_is_published_or_fails(
    arrivals: list[float], concurrency: int, seconds: float, units: float, seed: int
) -> None:
    states = {"IngestState": call(seconds, units), "ValidateState": call(seconds)}
    outcome = files(states, arrivals, transitions=15, concurrency=concurrency, seed=seed)
    assert outcome.arrived == len(arrivals) == outcome.published + outcome.failed
    assert outcome.peak <= concurrency
    assert outcome.restarts <= RESTARTS * outcome.arrived
    assert outcome.calls - outcome.throttled <= (1 + RESTARTS) * len(states) * outcome.arrived


def test_the_same_seed_gives_the_same_result() -> None:
    arrivals = poisson(5_000, 0.1, seed=7)
    one, same, other = (files(calls(USED, 5), arrivals, transitions=15, concurrency=5, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.usefixtures("even")
def test_who_finds_no_room_comes_again_after_2_4_and_8_seconds() -> None:
    """The first file has the only place for 11 s with its cold start; the second one's fourth attempt is after 14."""
    outcome = files({"IngestState": call(10)}, [0.0, 0.0], transitions=1, concurrency=1)
    assert outcome.seconds == pytest.approx([STEP_WAIT + COLD_START + 10, STEP_WAIT + sum(PAUSES) + 10])
    assert outcome.throttled == len(PAUSES)


@pytest.mark.usefixtures("even")
def test_who_never_finds_room_begins_again_three_times_and_fails() -> None:
    outcome = files({"IngestState": call(10_000)}, [0.0, 0.0], transitions=1, concurrency=1)
    assert (outcome.published, outcome.failed, outcome.restarts) == (1, 1, RESTARTS)
    assert outcome.throttled == (1 + RESTARTS) * (1 + len(PAUSES))


@pytest.mark.usefixtures("even")
def test_a_ledger_that_takes_nothing_more_fails_the_run() -> None:
    impossible = call(1, units=3 * (quotas.PARTITION.value + 1))
    outcome = files({"IngestState": impossible}, [0.0], transitions=1)
    assert (outcome.published, outcome.failed) == (0, 1)


@pytest.mark.usefixtures("even")
def test_runs_are_started_no_faster_than_step_functions_starts_them() -> None:
    late = 150
    arrivals = [0.0] * (quotas.STARTS_BURST + late)
    outcome = files({"IngestState": call(0.001)}, arrivals, transitions=0, concurrency=10_000)
    assert outcome.failed == 0
    assert outcome.quantile(1) >= late / quotas.STARTS.value


@pytest.mark.usefixtures("even")
def test_functions_get_new_environments_no_faster_than_lambda_gives_them() -> None:
    arrivals = [0.0] * (quotas.SCALING_BURST + 100)
    outcome = files({"IngestState": call(60)}, arrivals, transitions=0, concurrency=10_000)
    assert outcome.throttled >= 100
    assert outcome.failed == 0


@pytest.mark.parametrize("megabytes", [0.05, 5.0, 50.0])
def test_the_calls_that_run_at_once_are_those_of_little_s_law(megabytes: float) -> None:
    rate = 20_000
    arrivals = poisson(rate, 0.25, seed=3)
    outcome = files(calls(USED, megabytes), arrivals, transitions=Run(USED, megabytes).transitions)
    assert outcome.failed == outcome.throttled == 0
    assert outcome.mean_running == pytest.approx(busy_seconds(USED, megabytes) * rate / HOUR, rel=0.05)


@pytest.mark.parametrize(("places", "offered"), [(20, 12.0), (20, 18.0), (20, 30.0)])
def test_who_does_not_come_again_is_turned_away_as_often_as_erlang_says(places: int, offered: float) -> None:
    seconds = 1.0
    arrivals = poisson(offered / seconds * HOUR, 0.4, seed=5)
    warm = {"IngestState": call(seconds)}
    outcome = files(warm, arrivals, transitions=0, concurrency=places, pauses=(), restarts=0)
    assert outcome.failed / outcome.arrived == pytest.approx(erlang_b(places, offered), abs=0.015)


def erlang_b(places: int, offered: float) -> float:
    """The share that finds all places taken, whatever the distribution of the time that one is taken for."""
    blocked = 1.0
    for place in range(1, places + 1):
        blocked = offered * blocked / (place + offered * blocked)
    return blocked


@pytest.mark.parametrize("megabytes", [5.0, 50.0])
def test_runs_fail_beyond_the_first_limit_and_not_before(megabytes: float) -> None:
    limit = first_limit(USED, megabytes).files_an_hour()
    outcomes = {
        share: files(
            calls(USED, megabytes), poisson(share * limit, 1 / 30, seed=1), transitions=Run(USED, megabytes).transitions
        )
        for share in (0.9, 1.6)
    }
    assert outcomes[0.9].failed == 0
    assert outcomes[1.6].failed > 0


def test_arrivals_are_as_many_as_asked_for() -> None:
    arrivals = poisson(3_600, 2, seed=0)
    assert arrivals == sorted(arrivals)
    assert len(arrivals) == pytest.approx(7_200, abs=4 * math.sqrt(7_200))
    assert arrivals[-1] < 2 * HOUR


def test_a_call_takes_its_mean_on_average() -> None:
    draw = simulation.random.Random(0)
    factors = [simulation.jitter(draw) for _ in range(20_000)]
    assert sum(factors) / len(factors) == pytest.approx(1, abs=0.01)
    assert min(factors) > 0


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 50)), max_size=50), st.floats(0.1, 20), st.floats(1, 100))
def test_a_bucket_gives_no_more_than_it_gets(asks: list[tuple[float, float]], rate: float, size: float) -> None:
    clock = Clock()
    bucket = Bucket(clock, rate=rate, size=size)
    given_out = 0.0
    for later, number in asks:
        clock.now += later
        given_out += number if bucket.take(number) else 0
        assert given_out <= size + rate * clock.now + 1e-6


@given(st.integers(1, 400), st.integers(1, 1_200), st.floats(1, 60), st.integers())
@settings(max_examples=50)
def test_a_map_takes_no_longer_than_graham_s_bound(children: int, at_once: int, each: float, seed: int) -> None:
    """However long each child takes: its work shared equally at least, and one more child's time at most."""
    outcome = map_run(children, each, at_once=at_once, seed=seed)
    places = min(children, at_once)
    dispatched = children / quotas.DISPATCH.value
    assert outcome.busy / places - 1e-6 <= outcome.seconds
    assert outcome.seconds <= outcome.busy / places + outcome.longest + dispatched + 1e-6
    assert outcome.cold <= places


@pytest.mark.usefixtures("even")
@pytest.mark.parametrize(("children", "at_once"), [(10, 10), (100, 30), (999, 100)])
def test_a_map_of_equal_children_takes_what_the_formula_says(children: int, at_once: int) -> None:
    step = Step("ValidateMap", call(20), children, at_once)
    outcome = map_run(children, step.each.seconds, at_once=at_once, stragglers=0)
    assert outcome.seconds == pytest.approx(step.seconds + COLD_START, abs=at_once / quotas.DISPATCH.value)


def test_more_children_at_once_than_the_account_has_calls_are_throttled_and_all_done() -> None:
    most = int(quotas.CONCURRENCY.value)
    outcome = map_run(2 * most, 10.0, at_once=2 * most)
    assert outcome.cold == most
    assert outcome.busy > 0
