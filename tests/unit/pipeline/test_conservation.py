"""Rows or bytes that got lost, or came twice, are never published."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from filegate.contract import Evaluation, Split
from filegate.errors import ConservationError
from filegate.formats import RawChunk, split
from filegate.pipeline import ingest as ingest_module
from filegate.pipeline.ingest import ingest
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.transform import transform
from filegate.pipeline.validate import validate
from filegate.runs.address import Address

from .conftest import Pipeline

ROWS = "id,country,amount\n" + "".join(f"{n},DE,{n}.5\n" for n in range(100))


def altered(monkeypatch: pytest.MonkeyPatch, alter: Any) -> None:
    """Ingest gets these chunks instead of those of the object."""

    def altered_split(*args: Any, **options: Any) -> Iterator[RawChunk]:
        return iter(alter(list(split(*args, **options))))

    monkeypatch.setattr(ingest_module, "split", altered_split)


def test_chunks_with_a_gap_between_them_fail(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.chunk_bytes = 200
    altered(monkeypatch, lambda chunks: [chunks[0], *chunks[2:]])
    with pytest.raises(ConservationError, match=r"a chunk starts at \d+, the one before ends at \d+"):
        ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)


def test_chunks_that_end_before_the_object_fail(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.chunk_bytes = 200
    altered(monkeypatch, lambda chunks: chunks[:-1])
    with pytest.raises(ConservationError, match=rf"the chunks end at byte \d+ of {len(ROWS)}"):
        ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)


def test_a_row_that_is_neither_accepted_nor_rejected_fails(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Evaluation.split

    def lossy(*args: Any, **options: Any) -> Split:
        found = whole(*args, **options)
        return replace(found, accepted=found.accepted[1:])

    monkeypatch.setattr(Evaluation, "split", lossy)
    run = ingest(pipeline.arrive("orders/a.csv", ROWS), pipeline.context)
    with pytest.raises(ConservationError, match="100 rows became 99 accepted and 0 rejected ones"):
        validate(run, pipeline.context)


def test_an_accepted_part_that_lost_a_row_fails(pipeline: Pipeline) -> None:
    run = pipeline.validated(pipeline.arrive("orders/a.csv", ROWS))
    part = Address("staging", f"runs/{run.run_id}/accepted/00000.parquet")
    rows = pl.read_parquet(pipeline.store.read(part))
    pipeline.store.write(part, parquet_bytes(rows[1:], compression="lz4"))
    with pytest.raises(ConservationError, match="holds 99 rows; validate wrote 100"):
        transform(run, pipeline.context)


def test_two_partitions_under_one_key_fail(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.declare(
        "labels",
        'SCHEMA = DataFrameSchema({"id": Column(int), "country": Column(str)})\n'
        'dataset = Dataset("labels", schema=SCHEMA, source=Csv(), partition_by=["country"])\n',
    )
    monkeypatch.setattr("filegate.pipeline.transform._hive", lambda _: "any")
    run = pipeline.validated(pipeline.arrive("labels/a.csv", "id,country\n1,DE\n2,FR\n"))
    with pytest.raises(ConservationError, match="Two partitions of part 0 would be written to one key"):
        transform(run, pipeline.context)
