"""Laws of the whole pipeline, on fakes: conservation, independence of the chunks' size, determinism."""

from collections.abc import Callable
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filegate.runs.address import Address
from filegate.runs.run import Run

from ..unit.pipeline.conftest import Pipeline, new_pipeline

__all__ = ["new_pipeline"]

DATASET = """\
SCHEMA = DataFrameSchema(
    {"id": Column(int, unique=True), "word": Column(str, Check.isin(["a", "b", "x,y", "two\\nlines"]), nullable=True)},
)
dataset = Dataset("words", schema=SCHEMA, source=Csv(null_values=["NA"]), tolerated_rejects=1, key=["id"],
                  transform=lambda rows, _: rows.with_columns(size=pl.col("word").str.len_chars()),
                  partition_by=["word"])
"""
FIELDS = st.sampled_from(["1", "2", "3", "4", "x", "", "a", "b", '"x,y"', '"two\nlines"', '"', 'a"', '"a"b', "NA", "é"])
LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=3).map(",".join), max_size=25)


def text(lines: list[str], end: str) -> str:
    return end.join(["id,word", "1,a", *lines]) + end  # one good row, so that something is published


def result(pipeline: Pipeline, run: Run) -> dict[str, Any]:
    done = pipeline.finish(run)
    assert done.validated is not None
    rejected = pipeline.rejected(run).to_dicts() if done.validated.rows_rejected else []
    live = pipeline.live("words")
    assert done.transformed is not None
    return {
        "counts": done.validated.model_dump(include={"rows_in", "rows_accepted", "rows_rejected"}),
        "rules": done.validated.rules,
        "rejected": rejected,
        "live": live.sort(pl.all()).rows() if live.height else [],
        "rows_out": done.transformed.rows_out,
        "rows_deduplicated": done.transformed.rows_deduplicated,
    }


def published(pipeline: Pipeline) -> dict[str, bytes]:
    return {key: pipeline.store.read(Address("processed", key)) for key in pipeline.files("words")}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, end=st.sampled_from(["\n", "\r\n"]), chunk_bytes=st.integers(1, 80))
def test_the_size_of_the_chunks_changes_nothing_and_no_row_is_lost(
    lines: list[str], end: str, chunk_bytes: int, new_pipeline: Callable[[], Pipeline]
) -> None:
    whole, chunked = new_pipeline(), new_pipeline()
    for pipeline in (whole, chunked):
        pipeline.declare("words", DATASET)
    chunked.chunk_bytes = chunk_bytes
    data = text([line for line in lines if not line.startswith("1,")], end)

    at_once = result(whole, whole.arrive("words/a.csv", data))
    in_chunks = result(chunked, chunked.arrive("words/a.csv", data))

    assert in_chunks == at_once
    counts = at_once["counts"]
    assert counts["rows_in"] == counts["rows_accepted"] + counts["rows_rejected"]
    assert counts["rows_accepted"] == at_once["rows_out"] + at_once["rows_deduplicated"] == len(at_once["live"])
    assert counts["rows_rejected"] == len(at_once["rejected"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, chunk_bytes=st.integers(8, 80))
def test_the_same_bytes_give_the_same_files(
    lines: list[str], chunk_bytes: int, new_pipeline: Callable[[], Pipeline]
) -> None:
    files = []
    for _ in range(2):
        pipeline = new_pipeline()
        pipeline.chunk_bytes = chunk_bytes
        pipeline.declare("words", DATASET)
        pipeline.finish(
            pipeline.arrive("words/a.csv", text([line for line in lines if not line.startswith("1,")], "\n"))
        )
        files.append(published(pipeline))
    assert files[0] == files[1]
    assert files[0]
