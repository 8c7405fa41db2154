"""A compiled dataset is its declaration: equal to it, distinguished from any other, and read without pandera."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from filegate.contract import Contract
from filegate.dataset import compiled
from filegate.dataset.declaration import Dataset, Declaration
from filegate.dataset.registry import Registry
from filegate.errors import CheckFailed, DeclarationError
from filegate.formats import Records, make_reader, sniff, split
from filegate.formats.records import ROW
from filegate.formats.sources import TextSource
from filegate.storage.folder import FileBlob
from tests.unit.formats.support import chunk_of

REPOSITORY = Path(__file__).parents[2]
SAMPLES = {"cars": "cars.json", "flights": "flights.csv", "lineitem": "lineitem.parquet"}
ORDERS = """\
import pandera.polars as pa
import polars as pl
from filegate import Csv, Dataset

class Order(pa.DataFrameModel):
    id: int = pa.Field(ge=1, unique=True)
    note: str = pa.Field(nullable=True)
    @pa.check("note", element_wise=True)
    def is_short(cls, note):
        return len(note) < 4

dataset = Dataset("orders", schema=Order, source=Csv(null_values=["-"]), key=["id"], tolerated_rejects=0.5)
"""
NOTHING = pl.DataFrame(schema={ROW: pl.Int64, "rule": pl.String})
PRINTED = """
import sys
from pathlib import Path
from filegate.dataset.registry import Registry
{program}
print("pandera" in sys.modules)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one dataset, which has a check in Python."""
    (tmp_path / "orders.py").write_text(ORDERS)
    return tmp_path


def copied(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__")))


def orders(*notes: str | None) -> pl.DataFrame:
    rows = range(1, len(notes) + 1)
    return pl.DataFrame({ROW: rows, "id": map(str, rows), "note": notes}, schema_overrides={ROW: pl.Int64})


def contract_free(declaration: Declaration) -> dict[str, Any]:
    return {name: getattr(declaration, name) for name in Declaration.__dataclass_fields__ if name != "contract"}


def assert_same(one: Contract, other: Contract, frame: pl.DataFrame, formats: dict[str, str]) -> None:
    """Both contracts give the same result for the chunk, whatever is repeated in it."""
    assert one.columns == other.columns
    assert one.uniques == other.uniques
    assert dict(one.rules) == dict(other.rules)
    assert one.strict == other.strict
    evaluation, again = (each.with_date_formats(formats).evaluate(frame) for each in (one, other))
    names = [column.name for column in one.columns]
    assert_frame_equal(evaluation.keys(names), again.keys(names))
    repeats = pl.concat([NOTHING, *(frame.select(ROW, rule=pl.lit(unique.code)).head(2) for unique in one.uniques)])
    split, resplit = evaluation.split(repeats=repeats), again.split(repeats=repeats)
    assert_frame_equal(split.accepted, resplit.accepted)
    assert_frame_equal(split.rejected, resplit.rejected)
    assert split.tallies == resplit.tallies


def records_of(dataset: Declaration, file: Path) -> tuple[Records, dict[str, str]]:
    """The first chunk of a sample, and the formats of its dates."""
    blob = FileBlob(file)
    layout = sniff(blob, dataset.sources, dataset.expected_columns, dataset.on_unknown_columns)
    source = dataset.sources[layout.source]
    raw = next(split(blob, layout, source, chunk_bytes=200_000))
    reader = make_reader(layout, source, dataset.expected_columns, dataset.on_unknown_columns)
    return reader.read(blob, chunk_of(raw, 1)), dict(source.date_formats) if isinstance(source, TextSource) else {}


def spoilt(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with values here and there that no contract accepts."""
    columns = [name for name in frame.columns if name != ROW]
    return frame.with_columns(
        pl.when(pl.int_range(pl.len()) % (7 + index) == 0).then(None).otherwise(pl.col(name)).alias(name)
        if index % 2 or frame.schema[name] != pl.String
        else pl.when(pl.int_range(pl.len()) % (5 + index) == 0).then(pl.lit("?")).otherwise(pl.col(name)).alias(name)
        for index, name in enumerate(columns)
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_the_projects_datasets_give_the_same_result_compiled_or_not(tmp_path: Path, name: str) -> None:
    folder = copied(REPOSITORY / "datasets", tmp_path / "datasets")
    assert Registry(folder).compile() == {}
    declared, found = Registry(REPOSITORY / "datasets")[name], Registry(folder)[name]
    assert isinstance(declared, Dataset)
    assert not isinstance(found, Dataset)
    assert contract_free(found) == contract_free(declared)
    assert found.needs_whole_object == declared.needs_whole_object
    records, formats = records_of(declared, REPOSITORY / "datasets" / "samples" / SAMPLES[name])
    for frame in (records.frame, spoilt(records.frame), records.frame.clear()):
        assert_same(declared.contract, found.contract, frame, formats)


@pytest.mark.parametrize("name", ["orders", "utf8"])
def test_the_tests_datasets_give_the_same_result_compiled_or_not(tmp_path: Path, name: str) -> None:
    source = REPOSITORY / "tests" / "e2e" / "fixtures" / "datasets"
    folder = copied(source, tmp_path / "datasets")
    assert Registry(folder).compile() == {}
    declared, found = Registry(source)[name], Registry(folder)[name]
    assert contract_free(found) == contract_free(declared)
    texts = ["1", "2", "x", "", None, "2024-01-31", "DE", "-3", "äöü", "1e5"]
    columns = {column.name: [*texts[at:], *texts[:at]] for at, column in enumerate(declared.contract.columns)}
    frame = pl.DataFrame({ROW: range(1, 11), **columns}, schema_overrides={ROW: pl.Int64})
    assert_same(declared.contract, found.contract, frame, {})


def test_a_check_in_python_gives_the_same_result_and_imports_its_module_only_then(folder: Path) -> None:
    declared = Registry(folder)["orders"]
    assert Registry(folder).compile() == {}
    assert_same(declared.contract, Registry(folder)["orders"].contract, orders("a", "long", None, "-"), {})
    columns = f"rules = Registry(Path({str(folder)!r}))['orders'].contract.rules"
    assert printed(columns) == "False"
    chunk = "import polars as pl; chunk = pl.DataFrame({'__row__': [1], 'id': ['1'], 'note': ['long']})"
    assert printed(f"{columns}; {chunk}; Registry(Path({str(folder)!r}))['orders'].contract.evaluate(chunk)") == "True"


def test_a_check_in_python_that_raises_is_reported_as_without_compiling(folder: Path) -> None:
    (folder / "orders.py").write_text(ORDERS.replace("len(note) < 4", "1 / 0"))
    Registry(folder).compile()
    with pytest.raises(CheckFailed, match="'note:is_short' raised"):
        Registry(folder)["orders"].contract.evaluate(orders("a"))


def printed(program: str) -> str:
    command = [sys.executable, "-c", PRINTED.format(program=program)]
    return subprocess.run(command, env=os.environ, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


STAGES = """
from filegate.runs.address import Address
from filegate.runs.run import Request, Run
from filegate.aws_lambda.settings import FunctionSettings
from filegate.pipeline.context import Context
from filegate.pipeline.ingest import ingest
from filegate.pipeline.validate import validate
from filegate.storage.folder import FolderStore
from filegate.storage.memory import MemoryLedger
store, place = FolderStore(Path({folder!r}).parent), Address("raw", "flights/f.csv")
version = store.write(place, Path({sample!r}).read_bytes())
names = {{name: name for name in ("ledger_table", "staging_bucket", "processed_bucket", "quarantine_bucket")}}
context = Context(store, MemoryLedger(), Registry(Path({folder!r})), FunctionSettings(**names))
run = Run(run_id="r", execution="e", request=Request(bucket="raw", key=place.key, version_id=version))
assert validate(ingest(run, context), context).validated.rows_accepted
"""


def test_ingest_and_validate_do_without_pandera(tmp_path: Path) -> None:
    folder = copied(REPOSITORY / "datasets", tmp_path / "datasets")
    program = STAGES.format(folder=str(folder), sample=str(folder / "samples" / "flights.csv"))
    assert printed(program) == "True"
    Registry(folder).compile()
    assert printed(program) == "False"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_compiled_dataset_is_read_without_pandera(tmp_path: Path, name: str) -> None:
    folder = copied(REPOSITORY / "datasets", tmp_path / "datasets")
    Registry(folder).compile()
    assert printed(f"Registry(Path({str(folder)!r}))[{name!r}]") == "False"
    assert printed(f"Registry(Path({str(folder)!r})).dataset({name!r})") == "True"


# What it is made from


def is_used(folder: Path) -> bool:
    return not isinstance(Registry(folder)["orders"], Dataset)


def test_without_its_file_a_dataset_is_imported(folder: Path) -> None:
    assert not is_used(folder)


def test_a_compiled_dataset_is_used_until_its_source_changes(folder: Path) -> None:
    Registry(folder).compile()
    assert is_used(folder)
    (folder / "orders.py").write_text(ORDERS.replace("ge=1", "ge=2"))
    assert not is_used(folder)
    assert Registry(folder)["orders"].contract.rules["id:ge"].allowed == ">= 2"


def test_a_compiled_dataset_is_not_used_when_a_module_beside_it_changed(folder: Path) -> None:
    (folder / "_shared.py").write_text("LIMIT = 4\n")
    Registry(folder).compile()
    assert is_used(folder)
    (folder / "_shared.py").write_text("LIMIT = 5\n")
    assert not is_used(folder)


@pytest.mark.parametrize("library", ["filegate", "polars", "pandera"])
def test_a_compiled_dataset_is_not_used_with_another_release(
    folder: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry(folder).compile()
    assert is_used(folder)
    monkeypatch.setitem(compiled.RELEASES, library, "99.0")
    assert not is_used(folder)


def test_a_compiled_dataset_that_is_damaged_is_not_used(folder: Path) -> None:
    Registry(folder).compile()
    file = folder / "orders.compiled"
    file.write_bytes(file.read_bytes()[:-1])
    assert not is_used(folder)


def test_the_same_source_is_compiled_into_the_same_bytes(folder: Path) -> None:
    Registry(folder).compile()
    first = (folder / "orders.compiled").read_bytes()
    Registry(folder).compile()
    assert (folder / "orders.compiled").read_bytes() == first


# What is not compiled


WORD = """
import enum
class Word(str, enum.Enum):
    A = "a"

class Order"""
TODAY = "import datetime as dt\nTODAY = dt.date.today()\nclass Order"


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ("class Order", TODAY, "asks for the time at orders.py:6"),
        ("nullable=True)", "default=Word.A)", "holds what cannot be written down: Can't pickle <enum 'Word'>"),
        ("tolerated_rejects=0.5", "references=type('Own', (dict,), {})(a='a.csv')", "cannot be written down"),
    ],
)
def test_a_declaration_that_is_more_than_data_stays_in_python(folder: Path, was: str, now: str, reason: str) -> None:
    source = ORDERS.replace("\nclass Order", WORD) if "Word" in now else ORDERS
    (folder / "orders.py").write_text(source.replace(was, now))
    assert reason in Registry(folder).compile()["orders"]
    assert not is_used(folder)


def test_a_dataset_that_is_no_longer_data_loses_its_file(folder: Path) -> None:
    Registry(folder).compile()
    (folder / "orders.py").write_text("import time\ntime.time()\n" + ORDERS)
    Registry(folder).compile()
    assert not (folder / "orders.compiled").exists()


def test_a_wrong_declaration_is_refused(folder: Path) -> None:
    (folder / "orders.py").write_text(ORDERS.replace('key=["id"]', 'key=["idd"]'))
    with pytest.raises(DeclarationError, match="key names 'idd'"):
        Registry(folder).compile()


def test_times_are_kept(folder: Path) -> None:
    (folder / "orders.py").write_text(
        "from datetime import timedelta\n" + ORDERS.replace("tolerated_rejects=0.5", "due_every=timedelta(hours=5)")
    )
    assert Registry(folder).compile() == {}
    assert Registry(folder)["orders"].due_every == dt.timedelta(hours=5)
