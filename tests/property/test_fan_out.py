"""A fan-out gives what one invocation gives, byte for byte, wherever the chunks end and whatever is repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filegate.pipeline import fan_out, uniqueness
from filegate.runs.run import Run

from ..unit.pipeline.conftest import Pipeline, new_pipeline

__all__ = ["new_pipeline"]  # a fixture

DECLARED = """\
SCHEMA = DataFrameSchema({{
    "id": Column(int, unique={unique}), "name": Column(str, Check.isin(["a", "b", "c"])), "amount": Column(float)
}})
def transform(rows, references):
    return rows.with_columns(double=pl.col("amount") * 2)
dataset = Dataset(
    "sales", schema=SCHEMA, source=Csv(), transform=transform, key={key}, partition_by=["name"], tolerated_rejects=1
)
"""
ids = st.one_of(st.integers(0, 9), st.integers(0, 1_000))
rows = st.lists(st.tuples(ids, st.sampled_from("abcx"), st.integers(0, 9)), min_size=8, max_size=24)


def csv(found: list[tuple[int, str, int]]) -> str:
    return "id,name,amount\n" + "".join(f"{number},{name},{amount}\n" for number, name, amount in found)


def parts(pipeline: Pipeline, run: Run) -> dict[str, bytes]:
    """What the stages wrote for the next one and for readers, but for the manifests of accepted parts."""
    staged = [*pipeline.store.list("staging", f"runs/{run.run_id}/accepted/")]
    staged += pipeline.store.list("staging", f"runs/{run.run_id}/out")
    found = {key: pipeline.bytes("staging", key) for key in staged if "accepted" not in key or key.endswith(".parquet")}
    return found | {key: pipeline.bytes("quarantine", key) for key in pipeline.store.list("quarantine", "")}


@dataclass(frozen=True)
class Case:
    """An object, how its dataset is declared, and the sizes of its chunks."""

    rows: list[tuple[int, str, int]]
    unique: bool
    key: list[str]
    chunk_bytes: int
    slice_rows: int

    def result(self, pipeline: Pipeline, *, fan_out_bytes: int) -> tuple[object, object, dict[str, bytes]]:
        pipeline.declare("sales", DECLARED.format(unique=self.unique, key=self.key))
        pipeline.chunk_bytes, pipeline.fan_out_bytes = self.chunk_bytes, fan_out_bytes
        run = pipeline.arrive("sales/a.csv", csv(self.rows))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(uniqueness, "STAGED_SLICE_ROWS", self.slice_rows)
            patch.setattr(fan_out, "RANGE_CHUNKS", 4)
            patch.setattr(fan_out, "GROUP_CHUNKS", 2)
            validated = pipeline.validated(run).validated
            assert validated is not None
            transformed = pipeline.transformed(run).transformed if validated.verdict == "VALID" else None
        return validated, transformed, parts(pipeline, run)


cases = st.builds(
    Case,
    rows=rows,
    unique=st.booleans(),
    key=st.sampled_from([[], ["id"], ["name"]]),
    chunk_bytes=st.sampled_from([7, 16, 40]),
    slice_rows=st.sampled_from([8, 1_000_000]),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(case=cases)
def test_the_parts_are_the_same(case: Case, new_pipeline: Callable[[], Pipeline]) -> None:
    alone = case.result(new_pipeline(), fan_out_bytes=1 << 30)
    fanned_out = case.result(new_pipeline(), fan_out_bytes=1)
    assert alone == fanned_out
