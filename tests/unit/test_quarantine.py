"""The quarantine's rows: rejected and malformed ones in one order, with one schema."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from filegate.contract.broken_rules import BROKEN
from filegate.formats import Malformed, Records
from filegate.formats.records import ORIGINALS, ROW
from filegate.pipeline.quarantine import COLUMNS, quarantine_frame
from filegate.runs.broken_rule import BrokenRule

REASON = {"rule": "a:ge", "column": "a", "value": "0", "allowed": ">= 1"}
UNREADABLE: dict[str, Any] = {"rule": "record:fields", "column": None, "value": "2 fields", "allowed": "1 fields"}


def frame(rejected: list[int], originals: list[int], malformed: list[int]) -> pl.DataFrame:
    rows = {ROW: rejected, "values": [{"a": "0"} for _ in rejected], "broken": [[REASON] for _ in rejected]}
    return quarantine_frame(
        pl.DataFrame(rows, schema={ROW: pl.Int64, "values": pl.Struct({"a": pl.String}), "broken": BROKEN}),
        Records(
            pl.DataFrame(),
            (),
            tuple(Malformed(row, b"x,y", BrokenRule(**UNREADABLE)) for row in malformed),
            lambda rows: (rows * 10).cast(pl.UInt32),
            pl.DataFrame({ROW: originals, "raw": [b"{}" for _ in originals]}, schema=ORIGINALS),
        ),
    )


@pytest.mark.parametrize("originals", [[], [3]])
@pytest.mark.parametrize("malformed", [[], [2, 4]])
@pytest.mark.parametrize("rejected", [[], [1, 3, 5]])
def test_rejected_and_malformed_rows_are_in_the_object_s_order(rejected, malformed, originals):
    found = frame(rejected, originals, malformed)
    assert tuple(found.columns) == COLUMNS
    assert list(found.schema.values()) == [pl.Int64, pl.Int64, pl.Struct({"a": pl.String}), pl.Binary, BROKEN]
    assert found.rows() == [
        (row, row * 10, None, b"x,y", [UNREADABLE])
        if row in malformed
        else (row, row * 10, {"a": "0"}, b"{}" if row in originals else None, [REASON])
        for row in sorted(rejected + malformed)
    ]
