"""Laws of what a run used: nothing counts twice, nothing is lost, and who uses more never pays less."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.runs.cost import by_stage, cost_usd, total, transitions
from filegate.runs.run import Invocation, Usage
from filegate.runs.states import State
from filegate.storage.requests import Requests

from ..unit.test_usage import record

INVOCATIONS = st.builds(
    Invocation,
    state=st.sampled_from(sorted(State)),
    calls=st.integers(1, 1_000),
    seconds=st.integers(0, 900_000).map(lambda ms: ms / 1000),
    memory_mb=st.sampled_from([128, 256, 512, 1024, 10240]),
    s3_reads=st.integers(0, 10_000),
    s3_writes=st.integers(0, 10_000),
    ledger_reads=st.integers(0, 100).map(lambda halves: halves / 2),
    ledger_writes=st.integers(0, 100).map(float),
    failed=st.booleans(),
)
USAGES = st.dictionaries(st.text("0123456789abcdef", min_size=12, max_size=12), INVOCATIONS, max_size=8).map(
    lambda invocations: Usage(invocations=invocations)
)


@given(one=USAGES, other=USAGES)
def test_reporting_an_invocation_again_changes_nothing(one: Usage, other: Usage) -> None:
    both = one | other
    assert both | other == both
    assert one | one == one
    assert one | Usage() == Usage() | one == one


@given(one=USAGES, other=USAGES, third=USAGES)
def test_it_does_not_matter_which_write_takes_what_along(one: Usage, other: Usage, third: Usage) -> None:
    assert (one | other) | third == one | (other | third)


@given(used=USAGES)
def test_the_stages_sum_up_to_the_run(used: Usage) -> None:
    stages = by_stage(used).values()
    whole = total(used.invocations.values())
    assert sum(stage.invocations for stage in stages) == whole.invocations
    assert whole.invocations == sum(call.calls for call in used.invocations.values())
    assert math.fsum(stage.seconds for stage in stages) == pytest.approx(whole.seconds, abs=0.01)
    assert math.fsum(stage.gb_seconds for stage in stages) == pytest.approx(whole.gb_seconds, abs=0.01)


@given(calls=st.lists(INVOCATIONS, max_size=8), more=INVOCATIONS)
def test_who_uses_more_never_pays_less(calls: list[Invocation], more: Invocation) -> None:
    before, after = record(*calls), record(*calls, more)
    assert transitions(after) > transitions(before)
    assert cost_usd(after) >= cost_usd(before) > 0


@given(used=USAGES)
def test_the_document_keeps_all_of_it(used: Usage) -> None:
    assert Usage.model_validate_json(used.model_dump_json()) == used


@given(numbers=st.lists(st.tuples(st.sampled_from(["s3_reads", "ledger_writes"]), st.integers(0, 50))))
def test_requests_are_counted_by_kind(numbers: list[tuple[str, int]]) -> None:
    requests = Requests()
    for kind, number in numbers:
        requests.add(kind, number)
    counts = requests.counts()
    for kind in ("s3_reads", "ledger_writes"):
        assert counts.get(kind, 0) == sum(number for one, number in numbers if one == kind)
    requests.clear()
    assert not requests.counts()
