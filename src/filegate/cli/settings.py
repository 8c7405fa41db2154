"""What a command uses, by its options or by environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


def _environment() -> str | None:
    return os.environ.get("FILEGATE_ENVIRONMENT") or None


def _datasets() -> Path | None:
    folder = os.environ.get("FILEGATE_DATASETS")
    return Path(folder) if folder else None


@dataclass(frozen=True)
class ClientSettings:
    """Which cloud and which datasets a command uses.

    Attributes:
        environment: name of the deployment; None: the running `filegate local`.
        datasets: the folder of the declared datasets as the user named it; None: not named.
    """

    environment: str | None = field(default_factory=_environment)
    datasets: Path | None = field(default_factory=_datasets)

    @property
    def folder(self) -> Path:
        """The folder of the datasets where no running cloud says otherwise."""
        return self.datasets or Path("datasets")
