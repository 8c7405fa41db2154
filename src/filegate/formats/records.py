"""What the format modules share: what is expected of an object, and the chunks and records found in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from filegate.runs.broken_rule import BrokenRule

ROW = "__row__"
"""Column with a record's number in its object: 1 is the first data record; header and blank lines do not count."""

RESCUED = "_rescued"
"""Column with the values of unknown columns, when the dataset rescues them: one JSON object, scalars as strings."""

TOO_LONG: Final = "record:too_long"
"""The rule that a record over the limit breaks; of such a record only the first bytes are kept."""

KEPT_BYTES: Final = 64 << 10
"""How many bytes of a faulty record are kept."""

MAX_VALUE_LENGTH: Final = 200
"""Characters of a received value that are shown."""

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
        scalar: the type of its values in JSON: a string, a number, a boolean, or a string with a date or time.
        coerce: whether a JSON value of another scalar type is accepted as a string.
        dtype: the type of its values, if a reader may parse unambiguous values itself.
    """

    name: str
    required: bool = True
    scalar: Scalar = "text"
    coerce: bool = True
    dtype: pl.DataType | None = None


@dataclass(frozen=True)
class RawChunk:
    """A record-aligned chunk as it is split off an object.

    Attributes:
        start: first byte, in the decompressed UTF-8 text; for Parquet, the first row (0-based) of the slice.
        length: number of bytes; for Parquet, of rows.
        rows: number of records in it, malformed ones included.
        data: the bytes if the layout is staged; else None, since the object's own byte range holds them.
    """

    start: int
    length: int
    rows: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be split into values.

    Attributes:
        row: its number.
        raw: its bytes without the line end, at most the first `KEPT_BYTES`.
        broken: what is wrong with it.
    """

    row: int
    raw: bytes
    broken: BrokenRule


def as_strings(rows: pl.DataFrame) -> pl.DataFrame:
    r"""Rows of a chunk with their values cast to strings; bytes that are not UTF-8 are shown as `\xff`."""
    shown = [
        pl.Series(name, [_shown(value) for value in rows[name]], pl.String)
        for name, dtype in rows.schema.items()
        if dtype == pl.Binary
    ]
    rows = rows.with_columns(shown)
    return rows.with_columns(in_text(pl.col(name), dtype) for name, dtype in rows.schema.items() if name != ROW)


def in_text(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A value of this type as a string: polars' own cast drops the decimals of a time of day."""
    return value.dt.to_string("%T%.f") if dtype == pl.Time else value.cast(pl.String)


def _shown(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")


@dataclass(frozen=True)
class Records:
    """The records of one chunk. `frame.height + len(malformed)` is the chunk's number of rows.

    Attributes:
        frame: `__row__` (Int64, ascending) and one column for each of the contract's columns that the file has: String
            from text formats, or the contract's type if every value of the chunk is written unambiguously; the file's
            own type from Parquet; String `_rescued` if the dataset rescues unknown columns.
        broken: rules that records in `frame` broke while they were read, with the records' numbers.
        malformed: records that are not in `frame`.
        byte_offsets: `rows -> offsets`: where the records with these numbers (Int64 series) start, in bytes of the
            decompressed UTF-8 text; null for Parquet. Computed on demand, since only rejected rows need it.
        originals: `__row__` (Int64, ascending) and `raw` (Binary) of the records in `broken`: at most the first
            `KEPT_BYTES` without the line end, since their values alone do not show what is wrong.
        strings: returns some rows of `frame` with their values as the file's strings.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, BrokenRule], ...]
    malformed: tuple[Malformed, ...]
    byte_offsets: Callable[[pl.Series], pl.Series]
    originals: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ORIGINALS))
    strings: Callable[[pl.DataFrame], pl.DataFrame] = as_strings
