"""What the pipeline must know of its surroundings, and the sizes that bound its work."""

from __future__ import annotations

from pydantic import BaseModel, PositiveInt


class Settings(BaseModel, frozen=True):
    """Where artefacts lie, and how large things may be.

    Attributes:
        staging_bucket: what stages pass to each other; expires by itself.
        processed_bucket: what is published.
        quarantine_bucket: what was rejected.
        chunk_bytes: the size of a chunk; the stages' memory follows it.
        fan_out_bytes: a larger object is spread over many invocations.
        whole_object_bytes: a larger one is refused where the dataset's transform needs the whole object.
    """

    staging_bucket: str
    processed_bucket: str
    quarantine_bucket: str
    chunk_bytes: PositiveInt = 6 << 20
    fan_out_bytes: PositiveInt = 512 << 20
    whole_object_bytes: PositiveInt = 128 << 20
