"""Small files of the shapes that partners deliver, each with what its author wants to come of it.

A folder holds a file, the `dataset.py` that its author would write, and `want.json`: why it is there, and by file
`status` (those that are right), `n` (how many rows are published), `rows` (these, in order), `rejected` (how many),
`rules` (how many rows broke each), `reason_says` (what the reasons, or the run's error, say), `forbid` (texts that no
published value has), `forbid_folder` (a piece of a key that no part has) and `refused` (what is said of a dataset that
cannot be declared so).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from filegate.dataset.declaration import Dataset
from filegate.errors import DeclarationError
from filegate.operations.quarantine import rejected_rows
from filegate.pipeline.in_process import Outcome, run
from filegate.runs.address import Address
from filegate.runs.states import Status

HERE = Path(__file__).parent
WANTS = {folder.name: json.loads((folder / "want.json").read_text())["want"] for folder in HERE.glob("*_*/")}
FILES = [(case, file) for case, files in sorted(WANTS.items()) for file in sorted(files)]
KEYS = {"status", "n", "rows", "rejected", "rules", "reason_says", "forbid", "forbid_folder", "refused"}


@pytest.mark.parametrize(("case", "file"), FILES, ids=[f"{case}/{file}" for case, file in FILES])
def test_a_file_ends_as_its_author_wants(case: str, file: str) -> None:
    want = WANTS[case][file]
    assert want.keys() <= KEYS, "a wish that nobody looks at"
    if "refused" in want:
        with pytest.raises(DeclarationError, match=want["refused"]):
            dataset(case)
        return
    outcome = run(HERE / case / file, dataset(case))
    record = outcome.record
    assert record.status in want["status"], record.error_message
    published = dict(parts(outcome))
    rows = [row for frame in published.values() for row in frame.to_dicts()]
    if "n" in want:
        assert len(rows) == want["n"]
    if "rows" in want:
        assert [{name: plain(value) for name, value in row.items()} for row in rows] == want["rows"]
    if "rejected" in want:
        assert record.rows_rejected == want["rejected"]
    if "rules" in want:
        assert record.rules == want["rules"]
    said = [record.error_message or ""]
    if record.quarantine:
        said += [broken.allowed for row in rejected_rows(record, outcome.store) for broken in row.broken]
    for text in want.get("reason_says", []):
        assert any(text in sentence for sentence in said), said
    for text in want.get("forbid", []):
        assert not any(text in str(value) for row in rows for value in row.values())
    if "forbid_folder" in want:
        assert not any(want["forbid_folder"] in key for key in published)


def dataset(case: str) -> Dataset:
    declared = import_module(f"tests.cases.{case}.dataset").dataset
    assert isinstance(declared, Dataset)
    return declared


def parts(outcome: Outcome) -> Iterator[tuple[str, pl.DataFrame]]:
    """The published parts: their keys, and their rows with the partition columns as strings."""
    record = outcome.record
    if record.output is None or record.status not in (Status.SUCCEEDED, Status.PARTIAL):
        return
    manifest = json.loads(outcome.store.read(Address.parse(record.output)))
    for part in manifest["parts"]:
        folders = [folder.split("=", 1) for folder in part["target"].split("/") if "=" in folder]
        frame = pl.read_parquet(io.BytesIO(outcome.store.read(Address("processed", part["target"]))))
        yield part["target"], frame.with_columns(pl.lit(value).alias(name) for name, value in folders)


def plain(value: object) -> object:
    """A value as `want.json` writes it."""
    return value if value is None or isinstance(value, int | float | str | bool) else str(value)
