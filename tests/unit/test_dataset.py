"""A wrong declaration is refused when it is loaded, with what to write instead."""

from pathlib import Path

import pytest

from filegate import Dataset
from filegate.dataset.registry import Registry
from filegate.errors import DeclarationError, UnknownDataset

HEAD = """\
from datetime import timedelta
import pandera.polars as pa
import polars as pl
from pandera.polars import Column, DataFrameSchema
from filegate import Csv, Dataset, Json, Parquet
SCHEMA = DataFrameSchema({"id": Column(int), "day": Column(pl.Date), "note": Column(str, nullable=True)})
"""


def declared(folder: Path, body: str, *, name: str = "orders") -> Registry:
    (folder / f"{name}.py").write_text(HEAD + body)
    return Registry(folder)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("source=[]", "no source is declared"),
        ("source=Csv(), partition_by=['day', 'day']", r"partition_by names a column twice: \['day', 'day'\]"),
        ("source=Csv(), key=['id', 'id']", r"key names a column twice: \['id', 'id'\]"),
        ("source=[Csv(), Csv(delimiter=';')]", r"sources \['Csv', 'Csv'\] repeat a format"),
        ("source=Csv(date_formats={'dya': '%d'})", "date_formats names 'dya', which is not a column"),
        ("source=Csv(date_formats={'id': '%d'})", "'id', which is not a date or time"),
        (
            "source=Csv(date_formats={'day': '%x'})",
            r"'%x' of 'day' has %x, which cannot be read exactly. Write its parts",
        ),
        ("source=Csv(date_formats={'day': ['%x']})", r"date format \['%x'\] of 'day' is not a string. Give one"),
        ("source=Json(date_formats={'day': '%F%z'})", r"'%F%z' of 'day' has %z, but pl.Date cannot hold an offset"),
        ("source=Csv(null_values={'idd': ['NA']})", "null_values names 'idd', which is not a column"),
        ("source=Json(null_values={'idd': ['NA']})", "null_values names 'idd', which is not a column"),
        ("source=Csv(null_values={'id': [0]})", "0 is not a string"),
        ("source=Csv(delimiter='::')", r"Csv\(delimiter='::'\): expected one ASCII character"),
        ("source=Csv(delimiter='\"')", "delimiter, quote and escape must differ"),
        ("source=Json(encoding='utf-9')", "'utf-9' is not a codec"),
        ("source=Json(encoding='idna')", "'idna' is not a codec"),
        ("source=Csv(), key=['idd']", "key names 'idd', which is not a column"),
        ("source=Csv(), key=['note']", "key column 'note' is nullable"),
        ("source=Csv(), on_unknown_columns='drop'", "on_unknown_columns='drop'"),
        ("source=Csv(), transform_scope='row'", "transform_scope='row'"),
        ("source=Csv(), tolerated_rejects=5", "tolerated_rejects=5"),
        ("source=Csv(), tolerated_rejects='5%'", "tolerated_rejects='5%'"),
        ("source=Csv(encoding=1252)", "encoding=1252 is not a codec"),
        ("source=Csv(header=0)", r"Csv\(header=0\): expected True or False"),
        ("source=Csv(), due_every=24", r"due_every=24 is not a timedelta\. Write it like timedelta\(hours=24\)"),
        ("source=Csv(), due_every=timedelta(minutes=90)", "due_every is 1:30:00. Give whole hours"),
        ("source=Csv(), due_every=timedelta(0)", "due_every is 0:00:00"),
        ("source=Csv(), due_every=timedelta(days=7, hours=1)", "due_every is 7 days, 1:00:00.*at most seven days"),
        ("source=Csv(), references={'a': 'a.xlsx'}", r"must end with one of \['\.csv'"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, arguments: str, problem: str) -> None:
    registry = declared(tmp_path, f"dataset = Dataset('orders', schema=SCHEMA, {arguments})")
    with pytest.raises(DeclarationError, match=problem):
        registry["orders"]


def test_strict_may_not_contradict_the_policy(tmp_path: Path) -> None:
    body = "SCHEMA.strict = True\ndataset = Dataset('orders', schema=SCHEMA, source=Csv(), on_unknown_columns='ignore')"
    with pytest.raises(DeclarationError, match="strict=True contradicts on_unknown_columns='ignore'"):
        declared(tmp_path, body)["orders"]


def test_the_module_and_its_dataset_have_one_name(tmp_path: Path) -> None:
    registry = declared(tmp_path, "dataset = Dataset('order', schema=SCHEMA, source=Csv())")
    with pytest.raises(DeclarationError, match=r"orders\.py declares the dataset 'order'"):
        registry["orders"]


def test_a_module_declares_one_dataset(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"orders\.py declares 0 datasets"):
        declared(tmp_path, "")["orders"]


def test_an_error_in_a_module_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"orders\.py:7: NameError: name 'Cvs' is not defined"):
        declared(tmp_path, "source = Cvs()")["orders"]


def test_a_broken_module_harms_no_other(tmp_path: Path) -> None:
    declared(tmp_path, "oops", name="broken")
    registry = declared(tmp_path, "dataset = Dataset('orders', schema=SCHEMA, source=Csv())")
    assert registry["orders"].columns == ("id", "day", "note")
    assert registry.names() == ["broken", "orders"]


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    registry = declared(tmp_path, "dataset = Dataset('orders', schema=SCHEMA, source=Csv())")
    with pytest.raises(
        UnknownDataset, match=r"No dataset 'oders' is declared; there are orders\. Did you mean 'orders'"
    ):
        registry["oders"]
    with pytest.raises(UnknownDataset):
        registry["../orders"]


@pytest.mark.parametrize(
    ("transform", "partition_by", "problem"),
    [
        ("lambda rows, _: rows.select('nope')", "[]", "transform fails on an empty frame: ColumnNotFoundError"),
        ("lambda rows, _: rows.collect()", "[]", "transform returned DataFrame"),
        ("None", "['month']", r"partition_by names \['month'\], which the result lacks"),
        ("lambda rows, _: rows.select('id')", "['id']", "partition_by names every column"),
        ("lambda rows, _: rows.with_columns(ids=pl.concat_list('id'))", "['ids']", "which holds several values a row"),
        ("lambda rows, _: rows.with_columns(b=pl.lit(b'x'))", "['b']", "which has the type Binary"),
    ],
)
def test_the_transform_is_tried_on_no_rows(tmp_path: Path, transform: str, partition_by: str, problem: str) -> None:
    body = (
        f"dataset = Dataset('orders', schema=SCHEMA, source=Csv(), transform={transform}, partition_by={partition_by})"
    )
    registry = declared(tmp_path, body)
    dataset = registry["orders"]
    assert isinstance(dataset, Dataset)
    with pytest.raises(DeclarationError, match=problem):
        dataset.result_schema(registry.references("orders"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("_month", "begins with an underscore or a dot"),
        (".month", "begins with an underscore or a dot"),
        ("a/b", "would have to be written as 'a%2Fb'"),
        ("a=b", "would have to be written as 'a%3Db'"),
        ("", "would have to be written as ''"),
    ],
)
def test_a_column_whose_folders_would_be_misread_cannot_be_partitioned_by(
    tmp_path: Path, name: str, problem: str
) -> None:
    body = f"dataset = Dataset('orders', schema=SCHEMA, source=Csv(), partition_by=[{name!r}])"
    with pytest.raises(DeclarationError, match=f"partition_by names {name!r}, which {problem}"):
        declared(tmp_path, body)["orders"]


def test_a_missing_reference_is_named(tmp_path: Path) -> None:
    registry = declared(tmp_path, "dataset = Dataset('orders', schema=SCHEMA, source=Csv(), references={'a': 'a.csv'})")
    with pytest.raises(DeclarationError, match=r"a\.csv'\] do not exist"):
        registry.references("orders")


def test_the_projects_own_datasets_are_sound() -> None:
    registry = Registry(Path(__file__).parents[2] / "datasets")
    assert registry.names() == ["cars", "flights", "lineitem"]
    for dataset in registry:
        assert isinstance(dataset, Dataset)
        assert dataset.result_schema(registry.references(dataset.name))


def test_a_missing_folder_is_told_when_a_dataset_is_asked_for(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "nowhere")  # output has no datasets, and no use for them
    with pytest.raises(DeclarationError, match="nowhere is not a folder"):
        registry["orders"]
