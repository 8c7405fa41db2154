"""`filegate.run`: the whole pipeline as a function, over files, without a cloud."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pandera.polars import Check, Column, DataFrameSchema

import filegate
from filegate import Csv, Dataset, Outcome
from filegate.errors import DeclarationError, UnknownDataset
from filegate.pipeline.fan_out import RANGE_CHUNKS
from filegate.pipeline.in_process import SETTINGS
from filegate.runs.address import Address
from filegate.runs.manifests import OutputManifest
from filegate.runs.run import FoundLayout
from filegate.runs.states import Status
from filegate.storage.folder import FolderStore
from filegate.storage.memory import MemoryLedger
from filegate.storage.objects import read_document

from .conftest import HEAD, ORDERS

ROWS = "id,country,amount\n1,DE,1\n2,FR,2\n3,XX,3\n4,DE,4\n"
FANS_OUT = SETTINGS.model_copy(update={"chunk_bytes": 16, "fan_out_bytes": 1})


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "orders.py").write_text(HEAD + ORDERS)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "march.csv"
    file.write_text(ROWS)
    return file


def published(outcome: Outcome) -> dict[str, bytes]:
    """The parts by their keys."""
    bucket, key = str(outcome.record.output).removeprefix("s3://").split("/", 1)
    manifest = read_document(outcome.store, Address(bucket, key), OutputManifest)
    return {part.target: outcome.store.read(Address(bucket, part.target)) for part in manifest.parts}


def test_a_file_is_run_through_all_stages(file: Path, datasets: Path, tmp_path: Path) -> None:
    outcome = filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out")
    record = outcome.record
    assert (record.status, record.rows_in, record.rows_accepted, record.rows_rejected) == (Status.PARTIAL, 4, 3, 1)
    assert record.rules == {"country:isin": 1}
    assert record.layout == FoundLayout(format="csv", encoding="utf-8", delimiter=",", line_end="LF", header_line=1)
    rows = pl.read_parquet(tmp_path / "out" / "processed" / "orders" / "*.parquet")
    assert rows["id"].to_list() == [1, 2, 4]
    rejected = pl.read_parquet(tmp_path / "out" / "quarantine" / "orders" / record.run_id / "*.parquet")
    assert rejected["row"].to_list() == [3]
    assert len(published(outcome)) == 1


def test_an_object_of_a_store_is_run_where_it_is(datasets: Path, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "buckets")
    version = store.write(Address("landing", "orders/march.csv"), ROWS.encode())
    outcome = filegate.run(Address("landing", "orders/march.csv", version), "orders", datasets=datasets, store=store)
    assert (outcome.record.bucket, outcome.record.key) == ("landing", "orders/march.csv")
    assert outcome.record.status == Status.PARTIAL
    assert outcome.store is store
    assert published(outcome)


def test_a_dataset_may_be_an_object_whose_tables_lie_in_the_folder(file: Path, datasets: Path) -> None:
    def transform(rows: pl.LazyFrame, references: filegate.References) -> pl.LazyFrame:
        return rows.join(references["countries"], on="country", how="left", maintain_order="left")

    (datasets / "countries.csv").write_text("country,name\nDE,Germany\nFR,France\n")
    columns = {"id": Column(int), "country": Column(str, Check.isin(["DE", "FR"])), "amount": Column(float)}
    dataset = Dataset(
        "sales",
        schema=DataFrameSchema(columns),
        source=Csv(),
        transform=transform,
        references={"countries": "countries.csv"},
        tolerated_rejects=1,
    )
    outcome = filegate.run(file, dataset, datasets=datasets)
    (part,) = published(outcome).values()
    assert pl.read_parquet(part)["name"].to_list() == ["Germany", "France", "Germany"]
    assert outcome.record.dataset == "sales"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "EmptyObject"), (b"id,land\n1,DE\n", "SchemaMismatch"), (b"\x1f\x8b123", "MalformedObject")],
)
def test_a_file_that_cannot_be_read_is_rejected_with_its_reason_and_its_name(
    file: Path, datasets: Path, data: bytes, reason: str
) -> None:
    file.write_bytes(data)
    record = filegate.run(file, "orders", datasets=datasets).record
    assert (record.status, record.error_type) == (Status.REJECTED, reason)
    assert str(file) in str(record.error_message)
    assert (record.output, record.rows_in) == (None, 0)


def test_too_many_rejects_publish_nothing_and_keep_the_rows(file: Path, datasets: Path, tmp_path: Path) -> None:
    file.write_text(ROWS.replace("DE", "YY"))
    record = filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out").record
    assert (record.status, record.error_type) == (Status.REJECTED, "TooManyRejects")
    assert (record.rows_in, record.rows_accepted, record.rows_rejected) == (4, 1, 3)
    assert record.error_message == ("3 of 4 rows were rejected (75.00%; 50.00% tolerated): country:isin 3.")
    assert not (tmp_path / "out" / "processed").exists()
    assert [*(tmp_path / "out" / "quarantine").rglob("*.parquet")]


def test_a_file_fans_out_into_the_same_parts(tmp_path: Path, datasets: Path) -> None:
    (datasets / "orders.py").write_text(HEAD + ORDERS.replace('"id": Column(int)', '"id": Column(int, unique=True)'))
    rows = [f"{number},DE,{number}" for number in range(1, 3 * RANGE_CHUNKS)]
    repeated = "1,DE,0"  # known only once all ranges are: they are worked on a second time
    file = tmp_path / "large.csv"
    file.write_text("\n".join(["id,country,amount", *rows, repeated]))
    settings = FANS_OUT.model_copy(update={"fan_out_bytes": 1 << 30})
    alone = filegate.run(file, "orders", datasets=datasets, settings=settings)
    fanned_out = filegate.run(file, "orders", datasets=datasets, settings=FANS_OUT)
    assert "ValidateMap" not in fanned_out.record.states
    assert alone.record.chunks == fanned_out.record.chunks > 2 * RANGE_CHUNKS
    assert alone.record.rules == fanned_out.record.rules == {"id:unique": 2}
    assert published(alone) == published(fanned_out)
    assert len(published(fanned_out)) > 1


def test_a_second_run_into_a_folder_is_as_the_first(file: Path, datasets: Path, tmp_path: Path) -> None:
    def run() -> dict[str, bytes]:
        return published(filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out"))

    first = run()
    assert run() == first
    file.write_text(ROWS.replace("1,DE,1", "1,DE,100"))
    changed = run()
    assert changed.keys() == first.keys()
    assert changed != first


def test_a_ledger_that_is_shared_knows_a_file_again(file: Path, datasets: Path, tmp_path: Path) -> None:
    ledger = MemoryLedger()
    first = filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out", ledger=ledger)
    again = filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out", ledger=ledger)
    assert again.record == first.record.model_copy(update={"duplicates": 1})
    assert [record.run_id for record in ledger.of_dataset("orders")] == [first.record.run_id]


def test_a_temporary_folder_goes_with_its_outcome(file: Path, datasets: Path) -> None:
    outcome: Outcome | None = filegate.run(file, "orders", datasets=datasets)
    assert outcome is not None
    assert isinstance(outcome.store, FolderStore)
    folder = outcome.store.path(Address("processed", "a")).parents[1]
    assert folder.is_dir()
    outcome = None
    assert not folder.exists()


def test_the_file_itself_is_never_changed(file: Path, datasets: Path, tmp_path: Path) -> None:
    filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out")
    filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out")
    assert file.read_text() == ROWS


def test_an_unknown_dataset_is_an_error_before_anything_is_written(file: Path, datasets: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownDataset, match="Did you mean 'orders'"):
        filegate.run(file, "order", datasets=datasets, folder=tmp_path / "out")
    with pytest.raises(DeclarationError, match="is not a folder"):
        filegate.run(file, "orders", datasets=tmp_path / "elsewhere", folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_an_error(datasets: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file .*absent\.csv"):
        filegate.run(tmp_path / "absent.csv", "orders", datasets=datasets)


def test_variables_of_the_functions_mean_nothing(
    file: Path, datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables: dict[str, Any] = {
        "FILEGATE_CHUNK_BYTES": "1",
        "FILEGATE_STAGING_BUCKET": "elsewhere",
        "FILEGATE_DATASETS": str(tmp_path),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    record = filegate.run(file, "orders", datasets=datasets, folder=tmp_path / "out").record
    assert record.chunks == 1
    assert not (tmp_path / "out" / "elsewhere").exists()


def test_every_exported_name_is_there_and_known_to_type_checkers() -> None:
    assert all(getattr(filegate, name).__module__ == filegate._HOMES[name] for name in filegate.__all__)
    (checked,) = (node for node in ast.parse(inspect.getsource(filegate)).body if isinstance(node, ast.If))
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name: node.module for node in imports for alias in node.names} == filegate._HOMES
    with pytest.raises(AttributeError, match="nothing"):
        _ = filegate.nothing
