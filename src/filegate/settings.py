"""A function's settings: the environment variables its template gives it, checked at cold start."""

from __future__ import annotations

from pathlib import Path

from pydantic import PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class FunctionSettings(BaseSettings):
    """Read from `FILEGATE_…`.

    Attributes:
        ledger_table: name of the DynamoDB table.
        staging_bucket: what stages hand to each other; expires by itself.
        processed_bucket: what is published.
        quarantine_bucket: what was rejected.
        datasets: the folder with the datasets' modules.
        chunk_bytes: the size of a chunk; the stages' memory follows it.
        fan_out_bytes: a larger object is spread over many invocations.
        whole_object_bytes: a larger one is refused where the dataset's transform needs the whole object.
    """

    model_config = SettingsConfigDict(env_prefix="FILEGATE_", frozen=True)

    ledger_table: str
    staging_bucket: str
    processed_bucket: str
    quarantine_bucket: str
    datasets: Path = Path("datasets")
    chunk_bytes: PositiveInt = 6 << 20
    fan_out_bytes: PositiveInt = 512 << 20
    whole_object_bytes: PositiveInt = 128 << 20
