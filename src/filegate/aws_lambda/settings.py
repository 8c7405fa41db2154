"""A function's settings: the environment variables its template gives it, checked at cold start."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from filegate.pipeline.context import Settings


class FunctionSettings(Settings, BaseSettings):
    """Read from `FILEGATE_…`.

    Attributes: those of `Settings`, and
        ledger_table: name of the DynamoDB table.
        datasets: the folder with the datasets' modules.
    """

    model_config = SettingsConfigDict(env_prefix="FILEGATE_", frozen=True)

    ledger_table: str
    datasets: Path = Path("datasets")
