"""A run as the ledger keeps it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from filegate.runs.manifests import FORMAT, Format
from filegate.runs.run import FoundLayout, Usage
from filegate.runs.states import Status


class RunRecord(BaseModel):
    """A run as the ledger keeps it. Times are ISO 8601 in UTC; counts are rows unless they say bytes.

    `chunks_done` of `chunks_due`, and `rows_done`, are the progress of the present `state` since `entered_at`: as far
    as it was reported, which is now and then. While ingest still looks for chunks, none is due. `lease_until`, in
    seconds since 1970, is when the run may be taken over, unless it gives a sign of life before. `layout` is None until
    ingest has found it, for replays of quarantined rows, and in items of earlier releases.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Format = FORMAT
    run_id: str
    dataset: str
    status: Status
    bucket: str
    key: str
    version_id: str
    owner: str
    sequencer: str = ""
    state: str = ""
    entered_at: str = ""
    states: dict[str, str] = Field(default_factory=dict)
    started_at: str
    finished_at: str | None = None
    retries: int = 0
    duplicates: int = 0
    bytes: int = 0
    chunks: int = 0
    layout: FoundLayout | None = None
    chunks_due: int = 0
    chunks_done: int = 0
    rows_done: int = 0
    lease_until: int = 0
    rows_in: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_out: int = 0
    rows_deduplicated: int = 0
    bytes_out: int = 0
    rules: dict[str, int] = Field(default_factory=dict)
    quarantine: str | None = None
    output: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    replay_of: str | None = None
    replayed_by: str | None = None
    superseded_by: str | None = None
    supersedes: tuple[str, ...] = ()
    usage: Usage = Usage()
    cost_usd: float | None = None
