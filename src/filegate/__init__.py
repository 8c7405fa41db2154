"""Filegate: only rows that honour their contract get through, and every other row is kept, explained and replayable.

A dataset's module needs nothing but these names, pandera and polars. `run` is the whole pipeline as a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filegate.dataset.declaration import Dataset, References
    from filegate.formats.sources import Csv, Json, Parquet
    from filegate.pipeline.in_process import Outcome, run

__version__ = "0.1.0"
__all__ = ["Csv", "Dataset", "Json", "Outcome", "Parquet", "References", "run"]

_HOMES = {
    "Csv": "filegate.formats.sources",
    "Dataset": "filegate.dataset.declaration",
    "Json": "filegate.formats.sources",
    "Outcome": "filegate.pipeline.in_process",
    "Parquet": "filegate.formats.sources",
    "References": "filegate.dataset.declaration",
    "run": "filegate.pipeline.in_process",
}


def __getattr__(name: str) -> Any:
    """Imports on first use: the command line and the ingest function start without pandera."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    return getattr(import_module(_HOMES[name]), name)
