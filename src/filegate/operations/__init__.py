"""What an operator does: deliver, follow, find, explain, replay, watch costs.

`from filegate import operations` imports those of its modules that bring boto3, polars or pandera when they are first
used: `--help` and a misspelled command do not wait for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filegate.operations import alerts, check, cloud, quarantine, spending

__all__ = ["alerts", "check", "cloud", "quarantine", "spending"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
