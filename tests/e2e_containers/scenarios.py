"""What is dropped before the first test looks: most of the time goes into waiting for retries, so all wait at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.pipeline import Drop, Pipeline

from ..e2e.readings import CHUNK, MIXED

SAMPLES = Path(__file__).parents[2] / "datasets" / "samples"
FLIGHTS = (SAMPLES / "flights.csv").read_bytes()
"""Two days of flights, one of whose tail numbers is mistyped."""
FLIGHT_ROWS = FLIGHTS.count(b"\n") - 1
WRONG_HEADER = (SAMPLES / "flights_wrong_header.csv").read_bytes()
_LINES = FLIGHTS.splitlines(keepends=True)
CLEAN_FLIGHTS = b"".join([_LINES[0], *_LINES[301:401]])
MISTYPED = b"D942DN"
"""The tail number."""

ROWS = 10
ORDERS = b"id,name,amount,ordered\n" + b"".join(b"%d,name %d,1.5,2026-01-31\n" % (i, i) for i in range(1, ROWS + 1))

CRAMPED_MB = 128
HASTY_SECONDS = 8  # more than a start takes on a busy machine


@dataclass(frozen=True)
class Scenario:
    """An object, and the faults that its run meets in functions of images that heed them.

    Attributes:
        machine: of the machines made by `machines`.
    """

    machine: str = "faulty"
    key: str = "orders"
    data: bytes = ORDERS
    faults: Mapping[str, Sequence[str]] = field(default_factory=dict)


SCENARIOS = {
    # The slowest first.
    "retries exhausted": Scenario(faults={"IngestState": ["Throttled"] * 16}),
    "time-out": Scenario("hasty", faults={"TransformState": ["sleep"] * 4}),
    "out of memory": Scenario("cramped", faults={"ValidateState": ["hoard"] * 4}),
    "throttled": Scenario(faults={"ValidateState": ["Throttled"] * 3}),
    "unreachable": Scenario(faults={"OutputToS3": ["Unreachable"] * 3}),
    "malformed": Scenario(faults={"TransformState": ["MalformedObject"]}),
    "spread": Scenario(
        "spreading", "readings", MIXED, {"ValidateRange.1": ["amid:exit"], "TransformRange.0": ["amid:exit"]}
    ),
    "alone": Scenario("single", "readings", MIXED),
}


def machines(pipeline: Pipeline, images: Mapping[str, str]) -> dict[str, str]:
    """State machines like the deployed one, whose functions are of the faulty images and else as the templates say.

    "hasty" has a transform with little time, "cramped" a validate with little memory. The chunks of "spreading" and
    "single" are small: the one spreads an object of a megabyte over many invocations, the other does not.
    """
    functions = {
        stage: pipeline.function_like(pipeline.outputs[f"{stage.title()}Function"], "faulty", image=image)
        for stage, image in images.items()
    }
    hasty = pipeline.function_like(functions["transform"], "hasty", Timeout=HASTY_SECONDS)
    cramped = pipeline.function_like(functions["validate"], "cramped", MemorySize=CRAMPED_MB)
    cuts = {
        kind: pipeline.function_like(
            functions["ingest"],
            kind,
            variables={"FILEGATE_CHUNK_BYTES": str(CHUNK), "FILEGATE_FAN_OUT_BYTES": str(fan_out_bytes)},
        )
        for kind, fan_out_bytes in {"spreading": CHUNK, "single": len(MIXED) * 2}.items()
    }
    return {
        **{kind: pipeline.machine_like(kind, {**functions, "ingest": ingest}) for kind, ingest in cuts.items()},
        "faulty": pipeline.machine_like("faulty", functions),
        "hasty": pipeline.machine_like("hasty", {**functions, "transform": hasty}),
        "cramped": pipeline.machine_like("cramped", {**functions, "validate": cramped}),
    }


def start(pipeline: Pipeline, machine_arns: Mapping[str, str]) -> dict[str, Drop]:
    """Every scenario's run, under way."""
    return {
        name: pipeline.start(
            pipeline.put(f"{scenario.key}/{name}.csv", scenario.data),
            faults=scenario.faults,
            machine=machine_arns[scenario.machine],
        )
        for name, scenario in SCENARIOS.items()
    }
