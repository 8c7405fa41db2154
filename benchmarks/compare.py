"""Holds a candidate's result against the reference's, row for row.

python -m benchmarks.compare TABLE RESULT REFERENCE
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from benchmarks.tables import TABLES, Table, published_types, rejected_types


class WrongResult(Exception):
    """What a candidate wrote is not what was asked for."""


def compare(table: Table, result: Path, reference: Path) -> None:
    """Both hold `published`, with a folder for each value of the partition's column, and `rejected`.

    How a candidate spells types and orders rows is its own affair; values, and which rows there are, is not.

    Raises:
        WrongResult: they differ.
    """
    _compare_frames("rejected rows", _rejected(table, result), _rejected(table, reference), by=["row"])
    partitions, wanted = _partitions(table, result), _partitions(table, reference)
    if partitions.keys() != wanted.keys():
        raise WrongResult(f"partitions {sorted(partitions)} instead of {sorted(wanted)}")
    for value, files in wanted.items():
        ours, theirs = (_published(table, value, each) for each in (partitions[value], files))
        _compare_frames(f"rows of {table.partition_by}={value}", ours, theirs, by=table.key)


def _partitions(table: Table, output: Path) -> dict[str, list[Path]]:
    """Files by value of the partition's column."""
    found: dict[str, list[Path]] = {}
    for folder in (output / "published").rglob(f"{table.partition_by}=*"):
        found.setdefault(folder.name.partition("=")[2], []).extend(folder.glob("*.parquet"))
    return found


def _published(table: Table, value: str, files: list[Path]) -> pl.DataFrame:
    """The rows of one partition, in types of the reference."""
    partition = pl.lit(value).alias(table.partition_by)
    rows = pl.concat([pl.read_parquet(file, hive_partitioning=False).with_columns(partition) for file in files])
    return _typed(rows, published_types(table))


def _rejected(table: Table, output: Path) -> pl.DataFrame:
    files = sorted((output / "rejected").rglob("*.parquet"))
    rows = pl.concat([pl.read_parquet(file) for file in files])
    if "values" in rows.columns:  # Filegate keeps the values together, and tells more of each broken rule than its code
        rules = pl.col("broken").list.eval(pl.element().struct.field("rule"))
        rows = rows.select("row", pl.col("values").struct.unnest(), rules)
    return _typed(rows, rejected_types(table)).with_columns(pl.col("broken").list.sort())


def _typed(rows: pl.DataFrame, types: dict[str, pl.DataType]) -> pl.DataFrame:
    if missing := types.keys() - set(rows.columns):
        raise WrongResult(f"columns {sorted(missing)} are missing")
    return rows.select(pl.col(name).cast(dtype) for name, dtype in types.items())


def _compare_frames(what: str, found: pl.DataFrame, wanted: pl.DataFrame, by: list[str] | tuple[str, ...]) -> None:
    if found.height != wanted.height:
        raise WrongResult(f"{found.height:,} {what} instead of {wanted.height:,}")
    found, wanted = found.sort(by), wanted.sort(by)
    for name in wanted.columns:
        if not (same := found[name].eq_missing(wanted[name])).all():
            place = (~same).arg_true()[0]
            raise WrongResult(
                f"{(~same).sum():,} {what} differ in {name}: {found[place, name]!r} instead of {wanted[place, name]!r} "
                f"where {found[place, by[0]]!r} is {by[0]}"
            )


if __name__ == "__main__":
    try:
        compare(TABLES[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]))
    except WrongResult as difference:
        sys.exit(f"wrong result: {difference}")
