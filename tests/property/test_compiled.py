"""Law of compiled datasets: whatever a schema declares, the compiled dataset judges every chunk as it does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from polars.testing import assert_frame_equal

from filegate import Csv, Dataset
from filegate.dataset.compiled import read_compiled, write_compiled

from .test_contract import FEW, schemas_and_chunks


@given(schemas_and_chunks())
@FEW
def test_a_compiled_dataset_judges_as_its_schema_does(case):
    schema, frame = case
    schema.unique = list(schema.columns)
    dataset = Dataset("d", schema=schema, source=Csv())
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "d.py"
        write_compiled(module, lambda: dataset)
        compiled = read_compiled(module, lambda: dataset)
    assert compiled is not None
    checked, again = dataset.contract.check(frame), compiled.contract.check(frame)
    split, resplit = checked.split(), again.split()
    assert_frame_equal(split.accepted, resplit.accepted)
    assert_frame_equal(split.rejected, resplit.rejected)
    assert split.tallies == resplit.tallies
    assert_frame_equal(checked.keys(schema.unique), again.keys(schema.unique))
    assert compiled.contract.uniques == dataset.contract.uniques
    assert compiled.expected_columns == dataset.expected_columns
