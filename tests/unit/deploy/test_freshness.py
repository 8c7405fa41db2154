"""The template parameter with the hours within which each dataset expects a file."""

from __future__ import annotations

import re
from pathlib import Path

from filegate.dataset.registry import Registry
from filegate.deploy import load_template
from filegate.deploy.environment import freshness

MODULE = """\
from datetime import timedelta
from pandera.polars import Column, DataFrameSchema
from filegate import Csv, Dataset
dataset = Dataset("{name}", schema=DataFrameSchema({{"id": Column(int)}}), source=Csv(){due})
"""
TEMPLATE = Path(__file__).parents[3] / "infra" / "cloudformation" / "main.yaml"


def declared(folder: Path, **due: str) -> Registry:
    for name, value in due.items():
        (folder / f"{name}.py").write_text(MODULE.format(name=name, due=value and f", due_every={value}"))
    return Registry(folder)


def test_datasets_that_expect_files_are_listed_with_their_hours(tmp_path: Path) -> None:
    registry = declared(
        tmp_path,
        weekly="timedelta(days=7)",
        sometimes="",
        bank_statements="timedelta(days=1)",
        ticks="timedelta(hours=1)",
    )
    assert freshness(registry) == "bank_statements:24,ticks:1,weekly:168"
    pattern = load_template(TEMPLATE)["Parameters"]["Freshness"]["AllowedPattern"]
    assert re.fullmatch(pattern, freshness(registry))


def test_the_value_is_empty_if_no_dataset_expects_files(tmp_path: Path) -> None:
    assert freshness(declared(tmp_path, sometimes="")) == ""
