"""The quarantine's rows: rejected and malformed ones in one order, with one schema."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from filegate import Csv, Dataset, Parquet
from filegate.contract.evaluation import BROKEN
from filegate.formats import Malformed, Records
from filegate.formats.records import ORIGINALS, ROW
from filegate.pipeline import quarantine
from filegate.pipeline.quarantine import COLUMNS, QuarantineReader, quarantine_frame
from filegate.runs.address import Address
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import Chunk, Layout
from filegate.storage.folder import FileBlob

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


def test_a_value_of_parquet_that_is_not_text_stays_rejected(tmp_path):
    broken = {"rule": "x:type", "column": "x", "value": "Zo\\xeb", "allowed": "text in UTF-8"}
    part = pl.DataFrame(
        {"row": [7], "byte_offset": [None], "values": [{"x": "Zo\\xeb"}], "raw": [b"Zo\xeb"], "broken": [[broken]]},
        schema_overrides={"byte_offset": pl.Int64},
    )
    part.write_parquet(tmp_path / "part.parquet")
    dataset = Dataset("rows", schema=pa.DataFrameSchema({"x": pa.Column(str)}), source=Parquet())
    reader = QuarantineReader(
        Layout("parquet", 0, None, "utf-8", ("x",), 0), Parquet(), dataset.declaration(), tmp_path
    )
    chunk = Chunk(index=0, blob=Address("", ""), start=0, length=1, origin=0, first_row=0, rows=1)
    records = reader.read(FileBlob(tmp_path / "part.parquet"), chunk)
    assert records.frame.is_empty()
    assert records.malformed == (Malformed(7, b"Zo\xeb", BrokenRule(**broken)),)


def part_of(raws):
    """A quarantine part of malformed records."""
    broken = [[{"rule": "record:fields", "column": None, "value": "2 fields", "allowed": "3 fields"}]] * len(raws)
    rows = {"row": range(1, len(raws) + 1), "byte_offset": 0, "values": None, "raw": raws, "broken": broken}
    return pl.DataFrame(
        rows, schema_overrides={"row": pl.Int64, "raw": pl.Binary, "values": pl.Struct({"a": pl.String})}
    )


def reread(raws, source, tmp_path):
    schema = pa.DataFrameSchema({name: pa.Column(str) for name in "abc"})
    dataset = Dataset("d", schema=schema, source=source)
    layout = Layout("csv", 0, None, "utf-8", ("a", "b", "c"), 0)
    part = tmp_path / "part.parquet"
    part_of(raws).write_parquet(part)
    reader = QuarantineReader(layout, source, dataset.declaration(), tmp_path)
    chunk = Chunk(index=0, blob=Address("", ""), start=0, length=0, origin=0, first_row=0, rows=len(raws))
    return reader.read(FileBlob(part), chunk)


def test_records_that_would_join_are_read_one_by_one(tmp_path):
    raws = [b'"x', b'y"', b"1,2,3"]
    found = reread(raws, Csv(), tmp_path)
    assert found.frame.rows() == [(3, "1", "2", "3")]
    assert [(record.row, record.raw) for record in found.malformed] == [(1, raws[0]), (2, raws[1])]


def test_as_many_records_as_rows_may_still_be_others(tmp_path):
    """Two rows would join, and one would be two."""
    raws = [b"1,2\\", b"3,4", b'"x\ny",z', b"5,6,7"]
    found = reread(raws, Csv(quote=None, escape="\\"), tmp_path)
    assert found.frame.rows() == [(4, "5", "6", "7")]
    assert sorted(record.row for record in found.malformed) == [1, 2, 3]


def test_many_records_that_would_join_are_tried_so_often_only(tmp_path, monkeypatch):
    monkeypatch.setattr(quarantine, "MAX_READS", 3)
    raws = [b'"x', b'y"'] * 4
    found = reread(raws, Csv(), tmp_path)
    assert sorted(record.row for record in found.malformed) == [*range(1, 9)]
