"""Check the datasets of a folder before anything is deployed: all of them, and all that is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from filegate.dataset.declaration import HOUR, Dataset, References
from filegate.dataset.registry import Registry
from filegate.errors import FilegateError


@dataclass(frozen=True)
class CheckedDataset:
    """A dataset, by its module's name, and what is wrong with it; `dataset` is None if it could not be loaded."""

    name: str
    dataset: Dataset | None
    problems: Sequence[FilegateError]

    def to_json(self) -> dict[str, Any]:
        """`dataset`, `ok`, `problems` (`problem`, `advice`)."""
        problems = [{"problem": problem.problem, "advice": problem.advice} for problem in self.problems]
        return {"dataset": self.name, "ok": not problems, "problems": problems}


def check(registry: Registry) -> Iterator[CheckedDataset]:
    """Loads each dataset and its reference tables, and runs its transform on no rows."""
    for name in registry.names():
        dataset, problems = None, []
        try:
            dataset = registry.dataset(name)
            tables = registry.references(name)
            problems = [*_unreadable(dataset, tables)]
            if not problems:
                dataset.result_schema(tables)
        except FilegateError as error:
            problems = [error]
        yield CheckedDataset(name, dataset, problems)


def describe(dataset: Dataset) -> dict[str, Any]:
    """What a dataset declares, as JSON: `dataset`, `formats`, `columns` (name → type), `rules`, and its policies."""
    return {
        "dataset": dataset.name,
        "formats": [type(source).__name__.lower() for source in dataset.sources],
        "columns": {column.name: str(column.dtype) for column in dataset.contract.columns},
        "rules": [*dataset.contract.rules, *(unique.code for unique in dataset.contract.uniques)],
        "key": list(dataset.key),
        "partition_by": list(dataset.partition_by),
        "transform_scope": dataset.transform_scope if dataset.transform is not None else None,
        "references": dict(dataset.references),
        "on_unknown_columns": dataset.on_unknown_columns,
        "tolerated_rejects": dataset.tolerated_rejects,
        "due_every_hours": None if dataset.due_every is None else dataset.due_every // HOUR,
    }


def _unreadable(dataset: Dataset, tables: References) -> Iterator[FilegateError]:
    """What is wrong with the reference tables."""
    for table, file in dataset.references.items():
        try:
            tables[table].collect_schema()
        except Exception as error:  # any error of a reader of a broken file
            reason = f"{type(error).__name__}: {error}"
            problem = f"Dataset {dataset.name!r}: reference {table!r} ({file}) cannot be read: {reason}"
            yield FilegateError(problem, advice="Fix the file.")
