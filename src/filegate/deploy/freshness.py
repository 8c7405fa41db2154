"""How often the datasets expect a file: what an alarm a dataset is made from."""

from __future__ import annotations

from filegate.dataset.dataset import HOUR, Declaration
from filegate.dataset.registry import Registry


def hours_until_due(dataset: Declaration) -> int | None:
    """Within how many hours a file is due; None if none is expected."""
    return None if dataset.due_every is None else dataset.due_every // HOUR


def freshness(registry: Registry) -> str:
    """The value of the templates' parameter `Freshness`: `flights:24,orders:1`, or nothing if nothing is ever due.

    Raises:
        DeclarationError: a dataset is declared wrongly.
    """
    hours = {dataset.name: hours_until_due(dataset) for dataset in registry}
    return ",".join(f"{name}:{count}" for name, count in hours.items() if count is not None)
