"""The measurements: each file in a cloud of its own, so that none finds what another one left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.large_files.clouds import CLOUDS
from benchmarks.large_files.delivery import NEVER, Delivered, Different, deliver, spread_from
from filegate.aws_lambda.settings import FunctionSettings
from filegate.runs.cost import by_stage, ranges

GB = 1_000_000_000
SPREAD_FROM: int = FunctionSettings.model_fields["fan_out_bytes"].default
MOST = {("embedded", True): 2 * GB, ("embedded", False): 2 * GB, ("LocalStack", False): 2 * GB}
"""Bytes by cloud and whether the file is spread: what fits into the embedded cloud's memory, and what one invocation is
through with before its 15 minutes are over."""


@dataclass(frozen=True)
class Stage:
    """What a stage's function took. `charged` are the seconds of its calls; `processor` those of a processor."""

    calls: int
    charged: float
    processor: float
    kept_mb: float


@dataclass(frozen=True)
class Row:
    """A file, and what it took.

    Attributes:
        ranges: over how many it was spread; 0: it was not.
        seconds: from the end of its delivery to the end of its run.
        parts: how many were published, quarantined, and staged by validate.
        digest: of the names, sizes and contents of these.
    """

    cloud: str
    gb: float
    ranges: int
    rows: int
    rejected: int
    seconds: float
    stages: dict[str, Stage]
    parts: int
    digest: str


def measure(sizes: Sequence[float], clouds: Sequence[str]) -> Iterator[Row]:
    """A row for each file in each cloud, spread and not as far as its size allows for both.

    Raises:
        Different: a file lost rows, or not every way made the same parts of it.
    """
    for gb in sizes:
        rows: list[Row] = []
        for cloud in clouds:
            for spread in (True, False):
                within = round(gb * GB) <= MOST.get((cloud, spread), round(gb * GB))
                if within and (not spread or gb * GB > SPREAD_FROM):
                    rows.append(_row(cloud, gb, spread))
                    yield rows[-1]
        if len({row.digest for row in rows}) > 1:
            raise Different(f"Not the same parts: {rows}")


def _row(cloud: str, gb: float, spread: bool) -> Row:
    place = CLOUDS[cloud]()
    with place.pipeline() as pipeline:
        if not spread:
            spread_from(pipeline, NEVER)
        with place.watched() as used:
            delivered = deliver(pipeline, round(gb * GB))
    run = delivered.run
    stages = {
        stage: Stage(total.invocations, total.seconds, round(used.processor[stage], 1), round(used.kept[stage]))
        for stage, total in by_stage(run.usage).items()
    }
    if bool(ranges(run.usage)) is not spread:
        raise Different(f"It was to be spread: {spread}. It had {ranges(run.usage)} ranges.")
    return Row(
        cloud,
        gb,
        ranges(run.usage),
        delivered.rows,
        run.rows_rejected,
        round(delivered.seconds, 1),
        stages,
        len(delivered.parts),
        _digest(delivered),
    )


def _digest(delivered: Delivered) -> str:
    return hashlib.sha256(repr(sorted(delivered.parts.items())).encode()).hexdigest()
