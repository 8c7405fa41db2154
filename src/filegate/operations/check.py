"""Check the datasets of a folder before anything is deployed: all of them, and all that is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from filegate.dataset.dataset import HOUR, Dataset
from filegate.dataset.registry import Registry
from filegate.errors import FilegateError


@dataclass(frozen=True)
class CheckedDataset:
    """A dataset and what is wrong with it.

    Attributes:
        name: the module's name.
        dataset: the declaration; None if it could not be loaded.
        problems: what is wrong, each with its advice; empty if all is well.
    """

    name: str
    dataset: Dataset | None
    problems: tuple[FilegateError, ...]

    def to_json(self) -> dict[str, Any]:
        """`dataset`, `ok`, `problems` (`problem`, `advice`)."""
        problems = [{"problem": problem.problem, "advice": problem.advice} for problem in self.problems]
        return {"dataset": self.name, "ok": not problems, "problems": problems}


def check(registry: Registry) -> Iterator[CheckedDataset]:
    """Loads each dataset and its reference tables, and runs its transform on no rows."""
    for name in registry.names():
        try:
            dataset = registry.dataset(name)
        except FilegateError as error:
            yield CheckedDataset(name, None, (error,))
            continue
        problems = _reference_problems(registry, dataset)
        if not problems:
            try:
                dataset.result_schema(registry.references(name))
            except FilegateError as error:
                problems = [error]
        yield CheckedDataset(name, dataset, tuple(problems))


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


def _reference_problems(registry: Registry, dataset: Dataset) -> list[FilegateError]:
    """What is wrong with the reference tables."""
    try:
        tables = registry.references(dataset.name)
    except FilegateError as error:
        return [error]
    problems = []
    for table, file in dataset.references.items():
        try:
            tables[table].collect_schema()
        except Exception as error:  # any error of a reader of a broken file
            reason = f"{type(error).__name__}: {error}"
            problem = f"Dataset {dataset.name!r}: reference {table!r} ({file}) cannot be read: {reason}"
            problems.append(FilegateError(problem, advice="Fix the file."))
    return problems
