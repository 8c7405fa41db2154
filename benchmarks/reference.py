"""The job done row by row in plain Python: too slow to compete, too plain to be doubted.

Every candidate's result is compared with it. It is made once for each input, beside it:

    python -m benchmarks.reference JOB FOLDER OUTPUT
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.data import Data
from benchmarks.jobs import Job, job
from benchmarks.tables import TABLES, Column, Kind, Table, published_types, rejected_types

AT_ONCE = 50_000
"""Rows of one file of the result."""
REMEMBERED = 1 << 16
"""Texts of a column whose judgement is kept: most columns hold few different ones."""

Value = Any
Row = dict[str, Value]


def write_reference(asked: Job, output: Path) -> None:
    """Writes what is published to `<output>/published`, by partition, and what is rejected to `<output>/rejected`.

    `<output>/counts.json` has the numbers of `rows`, of those that are `rejected`, and of those that are `repeated`.
    """
    table = TABLES[asked.table]
    finish = {"lineitem": _priced, "flights": _named}[asked.table](asked)
    evaluators = {name: _evaluator(name, column, table) for name, column in table.columns.items()}
    seen: set[tuple[Value, ...]] = set()
    published, rejected = (
        _Files(output / "published", published_types(table)),
        _Files(output / "rejected", rejected_types(table)),
    )
    number = 0
    with asked.input.open(newline="") as file:
        for number, texts in enumerate(csv.DictReader(file), 1):
            row: Row = {}
            broken: list[str] = []
            for name, evaluate in evaluators.items():
                row[name], faults = evaluate(texts[name])
                broken += faults
            if not ROW_RULES[asked.table](row):
                broken.append(table.row_rule)
            if broken:
                rejected.add("", {"row": number, **_received(texts, table), "broken": sorted(broken)})
                continue
            key = tuple(row[name] for name in table.key)
            if key not in seen:
                seen.add(key)
                finish(row)
                published.add(f"{table.partition_by}={row[table.partition_by]}", row)
    published.close()
    rejected.close()
    counts = {"rows": number, "rejected": rejected.rows, "repeated": number - rejected.rows - len(seen)}
    (output / "counts.json").write_text(json.dumps(counts))


def _evaluator(name: str, column: Column, table: Table) -> Callable[[str], tuple[Value, list[str]]]:
    """Gives a text's value, None if it has none, and the codes of the rules that it breaks."""
    rule, bound = column.rule or ("", None)
    holds = RULES[rule]

    @lru_cache(REMEMBERED)
    def evaluate(text: str) -> tuple[Value, list[str]]:
        if text in ("", table.null):
            return None, [] if column.nullable else [f"{name}:not_null"]
        try:
            value = _parsed(text, column.kind)
        except ValueError:
            return None, [f"{name}:type"]
        return value, [] if holds(value, bound) else [f"{name}:{rule}"]

    return evaluate


def _parsed(text: str, kind: Kind) -> Value:
    if not re.fullmatch(FORMS[kind], text):
        raise ValueError(text)
    return PARSERS[kind](text)


FORMS: dict[Kind, str] = {
    "int": r"[+-]?[0-9]+",
    "money": r"[+-]?[0-9]+(\.[0-9]{1,2})?",
    "text": r"(?s).*",
    "date": r"\d{4}-\d\d-\d\d",
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}
PARSERS: dict[Kind, Callable[[str], Value]] = {
    "int": int,
    "money": Decimal,
    "text": str,
    "date": dt.date.fromisoformat,
    "instant": lambda text: dt.datetime.fromisoformat(text.replace("Z", "+00:00")),
}


RULES: dict[str, Callable[[Value, Any], bool]] = {
    "": lambda _, __: True,
    "eq": lambda value, bound: value == bound,
    "ge": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "in_range": lambda value, bounds: bounds[0] <= value <= bounds[1],
    "isin": lambda value, values: value in values,
    "str_length": lambda value, bounds: bounds[0] <= len(value) <= bounds[1],
    "str_matches": lambda value, pattern: re.search(pattern, value) is not None,
}


def _received_after_shipping(row: Row) -> bool:
    shipped, received = row["l_shipdate"], row["l_receiptdate"]
    return shipped is None or received is None or received > shipped


def _arrived_with_an_air_time(row: Row) -> bool:
    return row["arr_time"] is None or row["air_time"] is not None


ROW_RULES = {"lineitem": _received_after_shipping, "flights": _arrived_with_an_air_time}


def _priced(asked: Job) -> Callable[[Row], None]:
    """Adds the supplier's nation, the revenue and the year."""
    nations = dict(pl.read_parquet(asked.data.suppliers).iter_rows())

    def finish(row: Row) -> None:
        row["s_nationkey"] = nations.get(row["l_suppkey"])
        row["revenue"] = row["l_extendedprice"] * (1 - row["l_discount"])
        row["ship_year"] = row["l_shipdate"].year

    return finish


def _named(asked: Job) -> Callable[[Row], None]:
    """Adds the airline's name, whether the flight was cancelled, and its speed."""
    with asked.data.airlines.open() as file:
        airlines = {line["carrier"]: line["name"] for line in csv.DictReader(file)}

    def finish(row: Row) -> None:
        row["airline"] = airlines.get(row["carrier"])
        row["cancelled"] = row["dep_time"] is None
        row["miles_per_hour"] = (
            None if row["air_time"] is None else round(row["distance"] * 60 / row["air_time"] * 10) / 10
        )

    return finish


def _received(texts: dict[str, str], table: Table) -> Row:
    return {name: None if text in ("", table.null) else text for name, text in texts.items()}


class _Files:
    """Rows on their way into Parquet files, a folder a partition.

    `types` are those of the columns.
    """

    def __init__(self, folder: Path, types: dict[str, Any]) -> None:
        self._folder = folder
        self._types = types
        self._waiting: defaultdict[str, list[Row]] = defaultdict(list)
        self._written = 0
        self.rows = 0

    def add(self, partition: str, row: Row) -> None:
        self.rows += 1
        self._waiting[partition].append(row)
        if len(self._waiting[partition]) == AT_ONCE:
            self._write(partition)

    def close(self) -> None:
        for partition in list(self._waiting):
            self._write(partition)

    def _write(self, partition: str) -> None:
        rows = self._waiting.pop(partition)
        file = self._folder / partition / f"{self._written}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(
            [pl.Series(name, [row[name] for row in rows], dtype, strict=True) for name, dtype in self._types.items()]
        ).write_parquet(file)
        self._written += 1


if __name__ == "__main__":
    name, folder, place = sys.argv[1:]
    write_reference(job(name, Data(Path(folder))), Path(place))
