"""The words the format modules share: what is expected of an object, and the pieces and records found in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

ROW = "__row__"
"""Column with a record's number in its object: 1 is the first data record; header and blank lines do not count."""

RESCUED = "_rescued"
"""Column with the values of unknown columns, as one JSON object of texts, when the dataset rescues them."""

TOO_LONG: Final = "record:too_long"
"""The rule that a record over the limit breaks; of such a record only the first bytes are kept."""

KEPT_BYTES: Final = 64 << 10
"""How much of a record that is at fault is kept."""

ORIGINALS: Final = pl.Schema({ROW: pl.Int64(), "raw": pl.Binary()})
"""Columns of `Records.originals`."""

Scalar = Literal["text", "number", "boolean", "temporal"]
UnknownColumns = Literal["reject", "ignore", "rescue"]


@dataclass(frozen=True)
class ExpectedColumn:
    """What a reader must know of one of the contract's columns.

    Attributes:
        name: as in the contract.
        required: whether a file without it is refused.
        scalar: what its values are in JSON: a string, a number, a boolean, or a string that is a date or time.
        coerce: whether a JSON value of another scalar type is taken as its text.
        dtype: the type of its values, where a reader may find these itself in texts that leave no doubt about them.
    """

    name: str
    required: bool = True
    scalar: Scalar = "text"
    coerce: bool = True
    dtype: pl.DataType | None = None


@dataclass(frozen=True)
class Piece:
    """A record-aligned piece, as the cutter finds it.

    Attributes:
        start: first byte, in the decompressed UTF-8 text; for Parquet, the first row (0-based) of the slice.
        length: number of bytes; for Parquet, of rows.
        rows: number of records in it, malformed ones included.
        data: the bytes, where the layout is staged; else None, since the object's own range holds them.
    """

    start: int
    length: int
    rows: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule of one record, found while reading: before there are columns to check.

    Attributes:
        row: the record's number.
        rule: its code, for example "record:fields" or "carrier:type"; never text of the record, since codes are logged.
        column: the contract's column at fault, or None for the record as a whole.
        value: what was received, 200 characters of it at most, or None.
        allowed: what would have been accepted.
    """

    row: int
    rule: str
    column: str | None
    value: str | None
    allowed: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be split into values.

    Attributes:
        row: its number.
        raw: its bytes without the line end, the first `KEPT_BYTES` of them if it is longer.
        length: its full length in bytes.
        fault: what is wrong with it.
    """

    row: int
    raw: bytes
    length: int
    fault: Fault


def as_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a chunk with their values as texts."""
    return rows.with_columns(pl.exclude(ROW).cast(pl.String))


@dataclass(frozen=True)
class Records:
    """What one chunk holds. `frame.height + len(malformed)` is the chunk's number of rows.

    Attributes:
        frame: `__row__` (Int64, ascending) and one column for each of the contract's columns the file has: String from
            text formats, where null is "no value", or the contract's type where all texts of the chunk leave no doubt
            about their values; the file's own type from Parquet; String `_rescued` where the dataset rescues unknown
            columns.
        faults: faults of records that are in `frame`.
        malformed: records that are not.
        byte_offsets: `rows -> offsets`: where the records with these numbers (Int64 series) start, in bytes of the
            decompressed UTF-8 text; null for Parquet. Computed on demand, since only rejected rows need it.
        originals: `__row__` (Int64, ascending) and `raw` (Binary): of the records that have `faults`, the bytes without
            the line end, the first `KEPT_BYTES` of them; their values alone no longer show what is wrong.
        texts: gives some rows of `frame` with their values as the file's texts.
    """

    frame: pl.DataFrame
    faults: tuple[Fault, ...]
    malformed: tuple[Malformed, ...]
    byte_offsets: Callable[[pl.Series], pl.Series]
    originals: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ORIGINALS))
    texts: Callable[[pl.DataFrame], pl.DataFrame] = as_texts
