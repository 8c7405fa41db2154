"""Validate keeps every row: accepted, or rejected with its position and its reasons."""

from dataclasses import replace
from typing import Any

import pytest

from filegate.contract import Evaluation
from filegate.errors import ConservationError
from filegate.pipeline.handover import CHUNKS, read_manifest, write_manifest
from filegate.pipeline.ingest import ingest
from filegate.pipeline.validate import validate
from filegate.runs.manifests import ChunkManifest
from filegate.runs.run import Validated

from .conftest import Pipeline

MIXED = 'id,country,amount\n1,DE,1.5\n2,XX,2.5\nx,FR,oops\n4,DE\n5,"FR",3\n'
UNIQUE = """\
SCHEMA = DataFrameSchema({"id": Column(int, unique=True), "note": Column(str, nullable=True)})
dataset = Dataset("labels", schema=SCHEMA, source=Csv(), tolerated_rejects=1)
"""


def outcome(pipeline: Pipeline, key: str, data: str) -> Validated:
    result = pipeline.validated(pipeline.arrive(key, data)).validated
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("tolerated", "bad", "share"), [(0.5, 0, 0), (0.5, 1, 0.4), (0.5, 5, 2), (0, 0, 0), (0, 1, 100), (0.0001, 4, 100)]
)
def test_the_share_of_the_tolerance_is_reported(pipeline: Pipeline, tolerated: float, bad: int, share: float) -> None:
    pipeline.declare(
        "numbers",
        'SCHEMA = DataFrameSchema({"id": Column(int)})\n'
        f'dataset = Dataset("numbers", schema=SCHEMA, source=Csv(), tolerated_rejects={tolerated})\n',
    )
    result = outcome(pipeline, "numbers/a.csv", "id\n" + "x\n" * bad + "1\n" * (5 - bad))
    assert result.share_of_tolerance == pytest.approx(share)
    assert (result.verdict == "VALID") == (share <= 1)


def test_rejected_rows_carry_position_values_and_reasons(pipeline: Pipeline) -> None:
    run = pipeline.arrive("orders/a.csv", MIXED)
    result = pipeline.validated(run).validated
    assert result is not None
    assert (result.rows_in, result.rows_accepted, result.rows_rejected) == (5, 2, 3)
    assert result.rules == {"country:isin": 1, "id:type": 1, "amount:type": 1, "record:fields": 1}
    rows = pipeline.rejected(run).to_dicts()
    assert [(row["row"], row["byte_offset"]) for row in rows] == [
        (2, MIXED.index("2,XX")),
        (3, MIXED.index("x,FR")),
        (4, MIXED.index("4,DE")),
    ]
    assert rows[0]["values"] == {"id": "2", "country": "XX", "amount": "2.5"}
    assert rows[0]["broken"][0] | {"allowed": ""} == {
        "rule": "country:isin",
        "column": "country",
        "value": "XX",
        "allowed": "",
    }
    assert "DE" in rows[0]["broken"][0]["allowed"]
    assert [broken["rule"] for broken in rows[1]["broken"]] == ["id:type", "amount:type"]
    assert rows[2]["values"] is None
    assert rows[2]["raw"] == b"4,DE"


@pytest.mark.parametrize(("bad", "verdict"), [(5, "VALID"), (6, "INVALID"), (10, "INVALID")])
def test_the_tolerance_decides(pipeline: Pipeline, bad: int, verdict: str) -> None:
    rows = ["1,XX,1\n"] * bad + ["1,DE,1\n"] * (10 - bad)
    assert outcome(pipeline, "orders/a.csv", "id,country,amount\n" + "".join(rows)).verdict == verdict


def test_no_accepted_row_is_never_valid(pipeline: Pipeline) -> None:
    pipeline.declare("labels", UNIQUE)
    assert outcome(pipeline, "labels/a.csv", "id,note\nx,\n").verdict == "INVALID"


@pytest.mark.parametrize("chunk_bytes", [8, 16, 1 << 20])
def test_uniqueness_holds_over_the_whole_object(pipeline: Pipeline, chunk_bytes: int) -> None:
    pipeline.declare("labels", UNIQUE)
    pipeline.chunk_bytes = chunk_bytes
    run = pipeline.arrive("labels/a.csv", "id,note\n1,a\n2,b\n3,c\n1,d\n4,e\nx,f\n1,g\n")
    result = pipeline.validated(run).validated
    assert result is not None
    assert result.rules == {"id:unique": 3, "id:type": 1}
    rejected = pipeline.rejected(run)
    assert rejected["row"].to_list() == [1, 4, 6, 7]
    assert rejected["byte_offset"].to_list() == [8, 20, 28, 32]


def test_another_number_of_rows_than_ingest_counted_fails_loudly(pipeline: Pipeline) -> None:
    run = ingest(pipeline.arrive("orders/a.csv", MIXED), pipeline.context)
    manifest = read_manifest(run, pipeline.context, CHUNKS, ChunkManifest)
    chunk = manifest.chunks[0].model_copy(update={"rows": 6})
    run = write_manifest(run, pipeline.context, CHUNKS, manifest.model_copy(update={"chunks": (chunk,)}))
    with pytest.raises(ConservationError, match="5 rows were read, but ingest counted 6"):
        validate(run, pipeline.context)


def test_rows_that_are_neither_accepted_nor_rejected_are_a_loss(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(evaluation: Evaluation, *args: Any) -> Any:
        found = honest(evaluation, *args)
        return replace(found, accepted=found.accepted.head(-1))

    honest = Evaluation.split
    monkeypatch.setattr(Evaluation, "split", losing)
    run = ingest(pipeline.arrive("orders/a.csv", MIXED), pipeline.context)
    with pytest.raises(ConservationError, match="Chunk 0: 4 rows became 1 accepted and 2 rejected ones"):
        validate(run, pipeline.context)
