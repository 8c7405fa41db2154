"""The run: its identity, and the document that the states of its execution pass on.

The document is small and holds addresses, never rows (Step Functions carries 256 KiB at most). Each stage returns it
with one section added (`ingested`, `validated`, `transformed`, `published`, `committed`) and with what it used.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from filegate.runs.address import Address
from filegate.runs.states import State, Status


def run_id_of(bucket: str, key: str, version_id: str) -> str:
    """The id of an object version's run: 64 hexadecimal digits. The state machine's `States.Hash` gives the same."""
    return hashlib.sha256(f"{bucket}/{key}#{version_id}".encode()).hexdigest()


def replay_id_of(replay_of: str, message_id: str) -> str:
    """The id of the run that replays `replay_of` on behalf of one DLQ message: the same message gives the same run."""
    return hashlib.sha256(f"{replay_of}#{message_id}".encode()).hexdigest()


def short(run_id: str) -> str:
    """The digits that are shown: two of a million runs share them with a probability below one in 500."""
    return run_id[:12]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Request(_Section):
    """What starts a run: the arrival of an object version, or the wish to replay one.

    Attributes:
        bucket: the raw bucket.
        key: the object's key, as stored.
        version_id: the object's version.
        sequencer: S3's hexadecimal order of the events of one key; empty if the event had none.
        time: when the object landed, in ISO 8601; empty where no event announced it.
        replay_of: the run that this one replays.
        replay_rows: "all" reads the object again; "quarantined" only the rows that `replay_of` rejected.
    """

    bucket: str
    key: str
    version_id: str
    sequencer: str = ""
    time: str = ""
    replay_of: str | None = None
    replay_rows: Literal["all", "quarantined"] = "all"

    @property
    def address(self) -> Address:
        return Address(self.bucket, self.key, self.version_id)

    @property
    def dataset(self) -> str:
        """The dataset the key names: the part before the first slash, or "(none)"."""
        return self.key.split("/", 1)[0] or "(none)"


class FoundLayout(_Section):
    """How an object is written, as ingest found it or its dataset declares it.

    Attributes:
        format: "csv", "ndjson", "json_array", "concatenated_json" or "parquet".
        encoding: the text's codec; None for Parquet.
        compression: "gzip" or "zstd"; None if the object as a whole is not compressed.
        delimiter: between the fields of CSV.
        line_end: "LF", "CRLF" or "CR", as the text's first line ends; None if it has one line, and for Parquet.
        header_line: the line on which the header of CSV starts, from 1; None if there is none.
    """

    format: str
    encoding: str | None = None
    compression: str | None = None
    delimiter: str | None = None
    line_end: str | None = None
    header_line: int | None = None


class Ingested(_Section):
    """Ingest's result.

    `claim` says whose the run is: this execution's (CLAIMED), another's (DUPLICATE), or this one's, which has committed
    it already and only has to repeat what follows the commit (COMMITTED). `layout` is None where quarantined rows are
    replayed: they are not read from the object.
    """

    claim: Literal["CLAIMED", "DUPLICATE", "COMMITTED"]
    rows: int = 0
    bytes: int = 0
    chunks: int = 0
    layout: FoundLayout | None = None


class Validated(_Section):
    """Validate's result. `rows_in = rows_accepted + rows_rejected`; `rules` counts rejected rows by rule code.

    `rows_repeated` of the accepted rows have the key of an earlier one, and are not to be published.
    `share_of_tolerance` is the share of rejected rows over the share that the dataset tolerates: 1 is just tolerated.
    """

    verdict: Literal["VALID", "INVALID"]
    rows_in: int
    rows_accepted: int
    rows_rejected: int
    rows_repeated: int = 0
    share_of_tolerance: float
    rules: dict[str, int]
    message: str
    quarantine: str


class Transformed(_Section):
    """Transform's result. `manifest` is a key in the staging bucket; `bytes_out` is the size of the output parts."""

    rows_out: int
    rows_deduplicated: int
    bytes_out: int
    parts: int
    manifest: str


class Published(_Section):
    """Output's result: how many parts were copied into the processed bucket."""

    parts: int


class Committed(_Section):
    """The commit's result. `superseded_by` names the newer run whose output stays, if this one came too late.

    Times are in seconds: `run_seconds` from the claim, `age_seconds` from the object's arrival, if that is known.
    """

    status: Status
    output: str
    superseded_by: str | None = None
    run_seconds: float
    age_seconds: float | None = None
    cost_usd: float | None = None


class FanOut(_Section):
    """How a large object is spread over many invocations: by a Distributed Map over ranges of its chunks.

    Attributes:
        ranges: key in the staging bucket of what the next Map reads: a JSON array with a `Range` for each invocation.
        looks: how many passes over the ranges came before: one, where chunks with repeated rows are validated again.
    """

    ranges: str
    looks: int = 0


class Range(_Section):
    """What one invocation of a fan-out works on.

    Attributes:
        index: the number of the range, from 0.
        again: the chunks to validate once more, since they hold repeated rows; empty in the first pass, over all.
    """

    index: int
    again: tuple[int, ...] = ()


class Failure(_Section):
    """Why a run published nothing, or not all: the status it ended with, the class of the error, its message."""

    status: Status
    type: str
    message: str


class Retries(_Section):
    """How often the run was started again from its beginning."""

    count: int = 0


class Invocation(_Section):
    """What one call of a function used, in what AWS charges for; or the calls of one fan-out together.

    Attributes:
        state: the state that called.
        calls: how many calls these are.
        seconds: how long it took, the start of its process included.
        memory_mb: the memory its function has, which is charged whether used or not.
        s3_reads: GET and HEAD requests.
        s3_writes: PUT and COPY requests, which are charged alike.
        ledger_reads: DynamoDB's read units.
        ledger_writes: DynamoDB's write units.
        failed: whether it ended with an error.
    """

    state: State
    calls: int = 1
    seconds: float
    memory_mb: int
    s3_reads: int = 0
    s3_writes: int = 0
    ledger_reads: float = 0
    ledger_writes: float = 0
    failed: bool = False

    @property
    def gb_seconds(self) -> float:
        return self.seconds * self.memory_mb / 1024


class Usage(_Section):
    """What a run used: the invocations by their ids, so that one which is reported twice counts once."""

    invocations: dict[str, Invocation] = Field(default_factory=dict)

    def __or__(self, other: Usage) -> Usage:
        """Both; where they report the same invocation, as `other` does."""
        return Usage(invocations=self.invocations | other.invocations)


class Run(_Section):
    """The document of one execution.

    `fan_out` is there while the run is spread over many invocations, `range` in the document that each of them gets.
    `manifest` is what one stage passes to the next, as JSON, where that is too little to be worth an object.
    """

    run_id: str
    execution: str
    retries: Retries = Retries()
    request: Request
    usage: Usage = Usage()
    fan_out: FanOut | None = None
    range: Range | None = None
    manifest: str | None = None
    ingested: Ingested | None = None
    validated: Validated | None = None
    transformed: Transformed | None = None
    published: Published | None = None
    committed: Committed | None = None

    @property
    def chunks(self) -> int:
        """How many chunks the object has; 0 before ingest has found them."""
        return 0 if self.ingested is None else self.ingested.chunks

    @property
    def findings(self) -> dict[str, Any]:
        """What the stages found so far, by the names of `RunRecord`'s fields."""
        found: dict[str, Any] = {}
        if self.ingested is not None:
            found = {"bytes": self.ingested.bytes, "chunks": self.ingested.chunks, "rows_in": self.ingested.rows}
            if self.ingested.layout is not None:
                found["layout"] = self.ingested.layout
        if self.validated is not None:
            names = {"rows_in", "rows_accepted", "rows_rejected", "rules", "quarantine"}
            found |= self.validated.model_dump(include=names)
        return found

    def with_ingested(self, ingested: Ingested) -> Self:
        return self.model_copy(update={"ingested": ingested})

    def with_validated(self, validated: Validated) -> Self:
        """The run once validated: what ingest passed on is used up."""
        return self.model_copy(update={"validated": validated, "manifest": None})

    def with_transformed(self, transformed: Transformed) -> Self:
        """The run once transformed: what validate passed on is used up, and so are its ranges."""
        return self.model_copy(update={"transformed": transformed, "manifest": None, "fan_out": None})

    def with_published(self, published: Published) -> Self:
        return self.model_copy(update={"published": published})

    def with_committed(self, committed: Committed) -> Self:
        return self.model_copy(update={"committed": committed})

    def with_usage(self, usage: Usage) -> Self:
        """The run with this usage added to its own."""
        return self.model_copy(update={"usage": self.usage | usage})

    def with_fan_out(self, fan_out: FanOut | None) -> Self:
        return self.model_copy(update={"fan_out": fan_out})

    def with_range(self, range_: Range | None) -> Self:
        return self.model_copy(update={"range": range_})

    def with_manifest(self, manifest: str | None) -> Self:
        return self.model_copy(update={"manifest": manifest})
