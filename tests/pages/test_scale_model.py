"""The formulas: what is measured comes out again, and size and concurrency act as they must."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.runs import prices
from filegate.runs.cost import cost_usd
from scripts.monthly_cost import COLD_START, Run
from scripts.scale import quotas
from scripts.scale.model import (
    FAN_OUT_MB,
    LARGEST_OBJECT,
    Step,
    busy_seconds,
    calls,
    first_limit,
    largest,
    limits,
    map_limits,
    object_seconds,
    object_usd,
    share,
    steps,
    walls,
)
from scripts.scale.page import USED
from scripts.scale.words import GB, TB

WIDE = st.floats(FAN_OUT_MB + 1, 10 * TB)
AT_ONCE = st.integers(1, 3_000)
UNIQUE = st.booleans()


def named(found: list[Step]) -> dict[str, Step]:
    return {step.name: step for step in found}


@pytest.mark.parametrize("measured", USED["runs"], ids=lambda run: f"{run['megabytes']:.0f} MB")
def test_a_file_as_measured_takes_its_processor_s_time_and_its_requests(measured: dict) -> None:
    for state, call in calls(USED, measured["megabytes"]).items():
        step = measured["steps"][state]
        assert call.model_dump(include=set(step["requests"])) == step["requests"]
        assert call.seconds > step["cpu_seconds"] / share(call.memory_mb)


def test_ingest_is_no_quicker_than_its_network() -> None:
    for megabytes in (1, GB, TB):
        assert calls(USED, megabytes)["IngestState"].seconds > megabytes / quotas.NETWORK.value


@given(WIDE, WIDE, AT_ONCE, UNIQUE)
def test_a_larger_object_takes_no_less_time_and_money(one: float, other: float, at_once: int, keys: bool) -> None:
    small, large = sorted((one, other))
    before = named(steps(USED, small, concurrency=at_once, keys=keys))
    for name, step in named(steps(USED, large, concurrency=at_once, keys=keys)).items():
        assert step.seconds >= before[name].seconds or step.at_once > before[name].at_once, name
        assert step.each.seconds * step.times >= before[name].each.seconds * before[name].times, name
    assert object_usd(USED, small, concurrency=at_once, keys=keys) <= object_usd(
        USED, large, concurrency=at_once, keys=keys
    )


@given(WIDE, AT_ONCE, AT_ONCE, UNIQUE)
def test_more_children_at_once_are_never_slower(megabytes: float, one: int, other: int, keys: bool) -> None:
    few, many = sorted((one, other))
    assert object_seconds(USED, megabytes, concurrency=few, keys=keys) >= object_seconds(
        USED, megabytes, concurrency=many, keys=keys
    )


@given(WIDE, AT_ONCE, AT_ONCE, UNIQUE)
def test_more_children_at_once_cost_their_cold_starts_and_nothing_else(
    megabytes: float, one: int, other: int, keys: bool
) -> None:
    few, many = (named(steps(USED, megabytes, concurrency=number, keys=keys)) for number in (one, other))
    more = sum((many[name].at_once - step.at_once) * step.each.memory_mb for name, step in few.items()) / 1024
    difference = object_usd(USED, megabytes, concurrency=other, keys=keys) - object_usd(
        USED, megabytes, concurrency=one, keys=keys
    )
    assert difference == pytest.approx(prices.LAMBDA_GB_SECOND.of(more * COLD_START), abs=1e-6, rel=1e-6)


@given(WIDE, AT_ONCE)
def test_what_has_to_be_unique_costs_more(megabytes: float, at_once: int) -> None:
    assert object_usd(USED, megabytes, concurrency=at_once, keys=True) > object_usd(
        USED, megabytes, concurrency=at_once, keys=False
    )


@given(WIDE, AT_ONCE, UNIQUE)
def test_every_byte_is_in_one_child_s_range(megabytes: float, at_once: int, keys: bool) -> None:
    found = named(steps(USED, megabytes, concurrency=at_once, keys=keys))
    whole = calls(USED, megabytes)
    for name, state in (("ValidateMap", "ValidateState"), ("TransformMap", "TransformState")):
        children = found[name]
        assert children.at_once <= min(at_once, children.times, quotas.CONCURRENCY.value)
        # Each child does once more what a call does but once, and the last one may have less to do.
        assert children.times * children.each.seconds >= whole[state].seconds - children.each.seconds


@pytest.mark.parametrize("megabytes", [1.0, 31.054, 500.0])
def test_an_object_that_is_not_spread_costs_what_the_ledger_would_tell(megabytes: float) -> None:
    """But for cold starts, for the time on the network, and for copies, which wait side by side."""
    told = cost_usd(Run(USED, megabytes).record)
    found = object_usd(USED, megabytes, concurrency=100, keys=False)
    cold = sum(call.memory_mb for call in calls(USED, megabytes).values()) / 1024 * COLD_START
    assert found - prices.LAMBDA_GB_SECOND.of(cold) == pytest.approx(told, rel=0.06)


@pytest.mark.parametrize("keys", [False, True])
def test_a_wall_is_where_its_step_is_too_slow(keys: bool) -> None:
    found = {wall.step: wall.megabytes for wall in walls(USED, concurrency=100, keys=keys)}
    for wall, name, quota in (
        ("ingest", "IngestState", quotas.CALL_SECONDS),
        ("publishing", "OutputToS3", quotas.CALL_SECONDS),
        ("ValidateReduce", "ValidateReduce", quotas.CALL_SECONDS),
    ):
        assert found[wall] < LARGEST_OBJECT
        within, beyond = (
            named(steps(USED, found[wall] * factor, concurrency=100, keys=keys))[name].each.seconds
            for factor in (0.99, 1.01)
        )
        assert within <= quota.value <= beyond, wall


@given(st.floats(1, 1e6), st.floats(0.1, 3))
def test_the_largest_is_found_by_halving(limit: float, power: float) -> None:
    found = largest(lambda megabytes: megabytes**power, limit)
    exact = min(LARGEST_OBJECT, limit ** (1 / power))
    assert found <= exact * (1 + 1e-9)
    assert exact - found <= exact / 500 + 1


@given(st.floats(0.01, 500))
def test_at_a_limit_all_of_its_quota_is_taken(megabytes: float) -> None:
    found = limits(USED, megabytes)
    rates = [limit.files_an_hour() for limit in found]
    assert rates == sorted(rates)
    for limit in found:
        assert limit.files_an_hour() / 3600 * limit.a_run == pytest.approx(limit.quota.value)
        assert limit.files_an_hour(smallest=True) <= limit.files_an_hour()
    assert first_limit(USED, megabytes).stops


@given(st.floats(0.01, 500), st.floats(0.01, 500))
def test_larger_files_keep_functions_longer(one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert busy_seconds(USED, small) <= busy_seconds(USED, large)


def test_a_map_s_children_share_what_the_account_has() -> None:
    found = map_limits(USED, keys=False)
    assert [limit.at_once for limit in found] == sorted(limit.at_once for limit in found)
    assert math.isclose(
        next(limit.at_once for limit in found if limit.quota is quotas.CONCURRENCY), quotas.CONCURRENCY.value
    )
