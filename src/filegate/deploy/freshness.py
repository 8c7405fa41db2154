"""How often datasets expect a file: what the templates make an alarm per dataset of."""

from __future__ import annotations

from filegate.dataset.dataset import HOUR, Declaration
from filegate.dataset.registry import Registry


def hours_until_due(dataset: Declaration) -> int | None:
    """The hours within which the next file is due; None if no file is expected."""
    return None if dataset.due_every is None else dataset.due_every // HOUR


def freshness(registry: Registry) -> str:
    """The value of the templates' parameter `Freshness`: `flights:24,orders:1`, or empty if no dataset expects files.

    Raises:
        DeclarationError: a dataset's declaration is invalid.
    """
    hours = {dataset.name: hours_until_due(dataset) for dataset in registry}
    return ",".join(f"{name}:{count}" for name, count in hours.items() if count is not None)
