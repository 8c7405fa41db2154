"""What a run made comes to a folder, in its hive folders, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from filegate.errors import FilegateError
from filegate.operations.artefacts import collect
from filegate.runs.address import Address
from filegate.runs.manifests import OutputManifest, OutputPart
from filegate.runs.states import Status
from filegate.storage.objects import write_document
from tests.unit.operations.fakes import MemoryCloud


def test_output_and_quarantine(cloud: MemoryCloud, tmp_path: Path) -> None:
    run = cloud.has_partial()
    made = collect(run, cloud.store, tmp_path / "new")
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()} == {
        f"new/flights/month=1/{run.run_id}-00000.parquet",
        f"new/flights/month=2/{run.run_id}-00000.parquet",
        f"new/_quarantine/flights/{run.run_id}/00000.parquet",
        f"new/_quarantine/flights/{run.run_id}/00001.parquet",
    }
    assert [file.read_bytes() for file in made.output] == [b"PARQUET"] * 2
    assert len(made.quarantine) == 2


def test_a_run_that_made_nothing(cloud: MemoryCloud, tmp_path: Path) -> None:
    made = collect(cloud.has("january", Status.FAILED), cloud.store, tmp_path)
    assert (made.output, made.quarantine) == ([], [])
    assert list(tmp_path.iterdir()) == []


def test_no_file_leaves_the_folder(cloud: MemoryCloud, tmp_path: Path) -> None:
    run = cloud.has_partial()
    assert run.output is not None
    part = OutputPart(key="x", target="../../outside.parquet", rows=1, bytes=1)
    manifest = OutputManifest(run_id=run.run_id, dataset="flights", object="x", parts=(part,))
    write_document(cloud.store, Address.parse(run.output), manifest)
    with pytest.raises(FilegateError, match="outside"):
        collect(run, cloud.store, tmp_path / "a" / "b")
    assert not (tmp_path / "outside.parquet").exists()
