"""The run's document: each section is replaced by a method of its own, and what is used up is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from filegate.runs.run import (
    Committed,
    FanOut,
    Ingested,
    Invocation,
    Published,
    Range,
    Request,
    Run,
    Transformed,
    Usage,
    Validated,
)
from filegate.runs.states import State, Status

VALIDATED = Validated(
    verdict="VALID", rows_in=3, rows_accepted=2, rows_rejected=1, share_of_tolerance=0.5, rules={"id:type": 1},
    message="", quarantine="s3://quarantine/m.json",
)  # fmt: skip
TRANSFORMED = Transformed(rows_out=2, rows_deduplicated=0, bytes_out=9, parts=1, manifest="output.json")
SPREAD = FanOut(ranges="ranges.json")
RUN = Run(
    run_id="1", execution="e", request=Request(bucket="raw", key="orders/a.csv", version_id="v"), fan_out=SPREAD,
    range=Range(index=1), manifest="{}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (lambda run, new: run.with_ingested(new), {"ingested": Ingested(claim="CLAIMED", rows=3, chunks=1)}),
        (lambda run, new: run.with_validated(new), {"validated": VALIDATED, "manifest": None}),
        (lambda run, new: run.with_transformed(new), {"transformed": TRANSFORMED, "manifest": None, "fan_out": None}),
        (lambda run, new: run.with_published(new), {"published": Published(parts=1)}),
        (
            lambda run, new: run.with_committed(new),
            {"committed": Committed(status=Status.SUCCEEDED, output="s3://processed/m.json", run_seconds=1.5)},
        ),
        (lambda run, new: run.with_fan_out(new), {"fan_out": FanOut(ranges="other.json", looks=1)}),
        (lambda run, new: run.with_fan_out(new), {"fan_out": None}),
        (lambda run, new: run.with_range(new), {"range": Range(index=2, again=(32,))}),
        (lambda run, new: run.with_range(new), {"range": None}),
        (lambda run, new: run.with_manifest(new), {"manifest": '{"chunks": []}'}),
        (lambda run, new: run.with_manifest(new), {"manifest": None}),
    ],
)
def test_a_section_is_replaced_and_nothing_else_but_what_it_uses_up(
    changed: Callable[[Run, Any], Run], expected: dict[str, Any]
) -> None:
    before = RUN.model_dump()
    found = changed(RUN, next(iter(expected.values())))
    assert found == RUN.model_copy(update=expected)
    assert RUN.model_dump() == before


def test_usage_is_added_by_invocation() -> None:
    first, again, other = (Invocation(state=State.INGEST, seconds=seconds, memory_mb=256) for seconds in (1, 2, 3))
    run = RUN.with_usage(Usage(invocations={"a": first})).with_usage(Usage(invocations={"a": again, "b": other}))
    assert run.usage.invocations == {"a": again, "b": other}
