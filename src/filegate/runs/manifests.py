"""Manifests: what one stage passes to the next, as JSON objects in the staging bucket; states pass their addresses.

They outlive a deployment, as the ledger's items do: both bear the version of their format. What was written before
versions had a number has none, and is of version 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from filegate.errors import UnknownFormat
from filegate.runs.address import Address
from filegate.runs.run import FoundLayout, Invocation, Range

FileFormat = Literal["csv", "ndjson", "json_array", "concatenated_json", "parquet"]
Compression = Literal["gzip", "zstd"]
LineEnd = Literal["LF", "CRLF", "CR"]

STAGED_AS: Final[Mapping[FileFormat, FileFormat]] = {"json_array": "ndjson", "concatenated_json": "ndjson"}
"""Formats whose chunks are staged in another one."""


@dataclass(frozen=True)
class Layout:
    """How one object is written, as its first bytes and its dataset's declaration say.

    Attributes:
        format: the record format.
        source: index into the dataset's sources.
        compression: the object's compression, or None.
        encoding: the text's codec; "utf-8" for Parquet.
        columns: names in the file's own order (empty for JSON, whose records carry their names).
        data_start: where the first record starts, in bytes of the decompressed UTF-8 text: after byte-order mark and
            header.
        delimiter: between the fields of CSV.
        line_end: as the first line ends; None for Parquet, and if a text has one line.
        header_line: the line on which the header of CSV starts, from 1; None if there is none.
    """

    format: FileFormat
    source: int
    compression: Compression | None
    encoding: str
    columns: tuple[str, ...]
    data_start: int
    delimiter: str | None = None
    line_end: LineEnd | None = None
    header_line: int | None = None

    @property
    def found(self) -> FoundLayout:
        """What the run's record says of it."""
        return FoundLayout(
            format=self.format,
            encoding=None if self.format == "parquet" else self.encoding,
            compression=self.compression,
            delimiter=self.delimiter,
            line_end=self.line_end,
            header_line=self.header_line,
        )

    @property
    def staged(self) -> bool:
        """Whether byte ranges of the object cannot be chunks, so that ingest must store chunks of its own."""
        return self.compression is not None or self.encoding != "utf-8" or self.format in STAGED_AS


FORMAT = 1


def _known(version: int) -> int:
    if version != FORMAT:
        raise UnknownFormat(
            f"A document has format {version}; this release of Filegate reads {FORMAT}.",
            advice="A newer release wrote it: use that one, or a later one.",
        )
    return version


Format = Annotated[int, AfterValidator(_known)]
"""A document's version. Reading another one raises `UnknownFormat`."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Manifest(_Frozen):
    """What all manifests share: the version of their format."""

    format: Format = FORMAT


class Chunk(_Frozen):
    """A part of the object that holds whole records.

    Attributes:
        index: its number, from 0.
        blob: what holds its bytes: the object itself, a copy of this part in staging, or a quarantine part.
        start: its first byte in the blob (for Parquet its first row).
        length: its number of bytes (for Parquet, of rows).
        origin: where it starts in the object's decompressed UTF-8 text, in bytes.
        first_row: number of its first record, from 1.
        rows: number of its records.
    """

    index: int
    blob: Address
    start: int
    length: int
    origin: int
    first_row: int
    rows: int


class ChunkManifest(Manifest):
    """Ingest's: the chunks of a run, or those of one range of it.

    `quarantined` says that they are quarantine parts of the run that is replayed.
    """

    layout: Layout
    chunks: tuple[Chunk, ...]
    quarantined: bool = False


class AcceptedPart(_Frozen):
    """A Parquet file of accepted rows in the staging bucket, with `__row__` and the contract's columns.

    Attributes:
        index: the number of its chunk.
        key: where it is.
        rows: how many it holds.
        repeated: how many of them have the key of an earlier row of the object, and so are not to be published.
        repeats: where the `__row__` of those are, as a Parquet file; empty if there are none.
    """

    index: int
    key: str
    rows: int
    repeated: int = 0
    repeats: str = ""


class AcceptedManifest(Manifest):
    """Validate's: the accepted parts of a run, or of one range of it, in order; parts without rows are left out."""

    parts: tuple[AcceptedPart, ...]


class OutputPart(_Frozen):
    """A Parquet file to publish: its key in staging, its key in the processed bucket, its rows, its bytes."""

    key: str
    target: str
    rows: int
    bytes: int


class OutputManifest(Manifest):
    """Transform's: the output parts. A committed run has the same in the processed bucket, under `_manifests/`."""

    run_id: str
    dataset: str
    object: str
    parts: tuple[OutputPart, ...]


class QuarantinePart(_Frozen):
    """A Parquet file of rejected rows in the quarantine bucket."""

    key: str
    rows: int


class ChunkOutcome(_Frozen):
    """What became of a chunk's rows; `rules` counts the rejected ones by the rule that they broke."""

    accepted: AcceptedPart
    rejected: QuarantinePart
    rules: dict[str, int]


class QuarantineManifest(Manifest):
    """What a run rejected; kept beside the parts. `layout` lets a replay read malformed records again."""

    run_id: str
    dataset: str
    object: str
    layout: Layout
    rules: dict[str, int]
    parts: tuple[QuarantinePart, ...]


class Refusal(_Frozen):
    """The permanent error that an invocation of a fan-out ended with: its class, and its two sentences."""

    type: str
    problem: str
    advice: str | None


class RangeOutcome(Manifest):
    """What one invocation of a fan-out made of its range.

    Attributes:
        range: what it worked on.
        used: what the invocation used.
        refusal: why the object cannot be processed; None if it can.
        chunks_done: how many chunks it worked on.
        rows_done: how many rows these hold.
        chunks: of a validated range, its chunks in order.
        parts: of a transformed range, its output.
    """

    range: Range
    used: Invocation
    refusal: Refusal | None = None
    chunks_done: int = 0
    rows_done: int = 0
    chunks: tuple[ChunkOutcome, ...] = ()
    parts: tuple[OutputPart, ...] = ()
