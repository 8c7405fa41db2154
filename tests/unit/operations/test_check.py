"""The check finds all that is wrong with the datasets of a folder, not just the first of it."""

from __future__ import annotations

from pathlib import Path

from filegate.dataset.registry import Registry
from filegate.operations.check import check, describe

HEAD = """
import pandera.polars as pa
import polars as pl
from filegate import Csv, Dataset
class Row(pa.DataFrameModel):
    id: int = pa.Field(ge=1)
def transform(rows, references):
    return rows.select(pl.col("missing"))
"""
MODULES = {
    "good": 'dataset = Dataset("good", schema=Row, source=Csv(), tolerated_rejects=0.1)',
    "raises": "1 / 0",
    "renamed": 'dataset = Dataset("other", schema=Row, source=Csv())',
    "strict": 'dataset = Dataset("strict", schema=Row, source=Csv(), key=["nope"])',
    "transforms": 'dataset = Dataset("transforms", schema=Row, source=Csv(), transform=transform)',
    "refers": 'dataset = Dataset("refers", schema=Row, source=Csv(), references={"a": "a.csv", "b": "b.parquet"})',
    "misreads": (
        'dataset = Dataset("misreads", schema=Row, source=Csv(), references={"c": "c.parquet", "d": "d.parquet"})'
    ),
}


def test_every_problem_of_every_dataset(tmp_path: Path) -> None:
    for name, declaration in MODULES.items():
        (tmp_path / f"{name}.py").write_text(HEAD + declaration)
    for name in ("c", "d"):
        (tmp_path / f"{name}.parquet").write_text("this is no Parquet")

    found = {checked.name: checked for checked in check(Registry(tmp_path))}

    reported = {name: " / ".join(str(problem) for problem in one.problems) for name, one in found.items()}
    assert set(reported) == set(MODULES)
    assert reported["good"] == ""
    assert "ZeroDivisionError" in reported["raises"]
    assert "'other'" in reported["renamed"]
    assert "'nope'" in reported["strict"]
    assert "missing" in reported["transforms"]
    assert "a.csv" in reported["refers"]
    assert "b.parquet" in reported["refers"]
    assert len(found["misreads"].problems) == 2
    assert found["good"].to_json() == {"dataset": "good", "ok": True, "problems": []}


def test_a_dataset_described(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(HEAD + MODULES["good"])
    (checked,) = check(Registry(tmp_path))
    assert checked.dataset is not None
    assert describe(checked.dataset) == {
        "dataset": "good",
        "formats": ["csv"],
        "columns": {"id": "Int64"},
        "rules": ["id:type", "id:not_null", "id:ge"],
        "key": [],
        "partition_by": [],
        "transform_scope": None,
        "references": {},
        "on_unknown_columns": "reject",
        "tolerated_rejects": 0.1,
        "due_every_hours": None,
    }
