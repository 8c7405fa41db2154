"""Source formats: how the bytes of a dataset's files are read."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from filegate.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """Options of every text format.

    Attributes:
        null_values: strings that mean null, besides the empty unquoted field: in all columns, or by column.
        date_formats: strptime-like format by column, for dates, times and timestamps that are not ISO 8601.
        encoding: a Python codec name; None: UTF-8, or UTF-16 if the first bytes show it.
    """

    null_values: Sequence[str] | Mapping[str, str | Sequence[str]] = ()
    date_formats: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.null_values, str):
            raise DeclarationError(
                f"null_values={self.null_values!r} is one string.", advice=f"Write a list: [{self.null_values!r}]."
            )
        by_column = self.null_values if isinstance(self.null_values, Mapping) else {"": self.null_values}
        words = {name: (each,) if isinstance(each, str) else tuple(each) for name, each in by_column.items()}
        if odd := [word for each in words.values() for word in each if not isinstance(word, str)]:
            raise DeclarationError(f"null_values={self.null_values!r}: {odd[0]!r} is not a string.")
        object.__setattr__(self, "null_values", words if isinstance(self.null_values, Mapping) else words[""])
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
                codecs.decode(b"", self.encoding, "surrogateescape")
            except (LookupError, UnicodeError, TypeError):
                raise DeclarationError(
                    f"encoding={self.encoding!r} is not a codec for files that Python knows.",
                    advice="Use for example 'utf-8', 'latin-1', 'cp1252' or 'utf-16'.",
                ) from None

    def null_words(self, column: str) -> tuple[str, ...]:
        """The strings that mean null in a column."""
        words = self.null_values.get(column, ()) if isinstance(self.null_values, Mapping) else self.null_values
        return tuple(words)


@dataclass(frozen=True, kw_only=True)
class Csv(TextSource):
    r"""Delimited text (RFC 4180 and its many dialects); `Csv(delimiter="\t")` is TSV.

    Lines may end with LF, CRLF, CR or a mixture; a quoted field may contain any of them.

    Attributes:
        delimiter: one ASCII character between fields.
        quote: one ASCII character around fields, doubled to stand for itself; None if fields are never quoted.
        escape: one ASCII character that takes the next one literally, or None.
        header: whether the first record is a header; if not, the columns are the contract's, in its order.
        trailing_delimiter: whether each record ends with one more delimiter, as in TPC-H `.tbl` files.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    header: bool = True
    trailing_delimiter: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        used = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        for name, value in used.items():
            if value is None and name != "delimiter":
                continue
            if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n\0":
                raise DeclarationError(f"Csv({name}={value!r}): expected one ASCII character, not a line end.")
        given = [value for value in used.values() if value is not None]
        if len(set(given)) < len(given):
            raise DeclarationError(f"Csv: delimiter, quote and escape must differ, got {given}.")
        for name, flag in (("header", self.header), ("trailing_delimiter", self.trailing_delimiter)):
            if not isinstance(flag, bool):  # pandas' header=0 is a header, which Python takes for False
                raise DeclarationError(f"Csv({name}={flag!r}): expected True or False.")


@dataclass(frozen=True, kw_only=True)
class Json(TextSource):
    """JSON records: an object per line (NDJSON), an array, or objects one after the other; this is detected."""


@dataclass(frozen=True, kw_only=True)
class Parquet:
    """Apache Parquet. Columns keep their types; `coerce` in the contract makes other types be cast."""


Source = Csv | Json | Parquet
