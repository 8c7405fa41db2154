"""CSV: its dialect's grammar, and the records of one chunk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from filegate.formats.csv_patterns import exact_pattern
from filegate.formats.csv_records import Grammar, Record
from filegate.formats.encoding import UTF8_BOM, next_invalid_utf8
from filegate.formats.model import RESCUED, ROW, TOO_LONG, Malformed, Records
from filegate.formats.text import end_of_text, malformed
from filegate.sources import Csv

_exact_pattern = lru_cache(exact_pattern)


def csv_grammar(source: Csv, columns: int) -> Grammar:
    """The record grammar of files with this many columns."""
    return Grammar(
        delimiter=source.delimiter.encode(),
        quote=None if source.quote is None else source.quote.encode(),
        escape=None if source.escape is None else source.escape.encode(),
        fields=columns + source.trailing_delimiter,
    )


def read_csv(
    data: bytes,
    *,
    first_row: int,
    source: Csv,
    columns: Sequence[str],
    wanted: Sequence[str],
    rescue: bool,
    origin: int,
) -> Records:
    """The records of one chunk.

    Records on one line that both polars and the grammar surely read alike are recognised by one pattern and read by
    polars; all others are split one by one by the grammar. Which way a record takes changes nothing but the time.

    Args:
        data: whole records.
        first_row: the number of the first one.
        source: the dialect.
        columns: names of the file's columns.
        wanted: those of the contract.
        rescue: whether the values of the others go to `_rescued`.
        origin: where `data` starts in the text.
    """
    chunk = _Chunk(data, csv_grammar(source, len(columns)), source, len(columns), first_row)
    chunk.scan()
    kept = [name for name in columns if rescue or name in wanted]
    frame = chunk.frame({name: columns.index(name) for name in kept})
    if rescue:
        unknown = [name for name in columns if name not in wanted]
        rescued = pl.struct(unknown).struct.json_encode() if unknown else pl.lit(None, pl.String)
        frame = frame.with_columns(rescued.alias(RESCUED)).drop(unknown)
    return Records(frame, (), tuple(chunk.malformed), lambda rows: chunk.offsets(rows) + origin)


class _Span(NamedTuple):
    """Records that follow each other: the number of the first one, their bytes, and how many they are."""

    row: int
    start: int
    end: int
    rows: int


@dataclass(frozen=True)
class _Odd:
    """A well-formed record that polars might read otherwise."""

    row: int
    values: list[str | None]


class _Chunk:
    """One chunk's records, sorted by the way they are read."""

    def __init__(self, data: bytes, grammar: Grammar, source: Csv, columns: int, first_row: int) -> None:
        self._data = data
        self._size = end_of_text(data, grammar)
        self._grammar = grammar
        self._source = source
        self._columns = columns
        self._first_row = first_row
        self._next_row = first_row
        self._nulls = frozenset(source.null_values)
        self._line_end = b"\n" if b"\n" in data else b"\r"
        self._spans: list[_Span] = []
        self._exact: list[_Span] = []
        self._odd: list[_Odd] = []
        self.malformed: list[Malformed] = []

    def scan(self) -> None:
        """Sort all records."""
        exact = _exact_pattern(
            self._grammar.delimiter,
            self._grammar.quote,
            self._grammar.escape,
            columns=self._columns,
            trailing=self._source.trailing_delimiter,
            cr=self._line_end == b"\r",
        )
        position, invalid = 0, -1
        while position < self._size:
            if invalid < position:
                invalid = next_invalid_utf8(self._data, position, self._size)
            window = min(position + self._grammar.limit + 1, invalid)
            match = exact.match(self._data, position, window)
            if match and match.end() > position:
                self._add_exact(position, match.end())
                position = match.end()
            else:
                record = self._grammar.record(self._data, position, self._size)
                if not self._grammar.is_blank(record):
                    self._add_single(record)
                position = record.next

    def frame(self, kept: dict[str, int]) -> pl.DataFrame:
        """The well-formed records: their numbers and the columns with these positions in the file."""
        exact = self._read_exact(kept)
        if exact is None:
            self._split_exact()
        elif not self._odd:
            return exact
        odd = pl.DataFrame(
            {
                ROW: pl.Series([odd.row for odd in self._odd], dtype=pl.Int64),
                **{
                    name: pl.Series([odd.values[index] for odd in self._odd], dtype=pl.String)
                    for name, index in kept.items()
                },
            }
        )
        return odd.sort(ROW) if exact is None else pl.concat([exact, odd]).sort(ROW)

    def offsets(self, rows: pl.Series) -> pl.Series:
        """Where the records with these numbers start in the chunk."""
        firsts = [span.row for span in self._spans]
        starts: dict[int, list[int]] = {}
        found = []
        for row in rows.to_list():
            index = bisect_right(firsts, row) - 1
            span = self._spans[index]
            if index not in starts:
                starts[index] = [span.start] if span.rows == 1 else self._line_starts(span)
            found.append(starts[index][row - span.row])
        return pl.Series(rows.name, found, dtype=pl.Int64)

    def _line_starts(self, span: _Span) -> list[int]:
        starts = [span.start]
        for _ in range(span.rows - 1):
            starts.append(self._data.index(self._line_end, starts[-1]) + 1)
        return starts

    def _add_exact(self, start: int, end: int) -> None:
        rows = self._data.count(self._line_end, start, end)
        last = self._exact[-1] if self._exact else None
        span = _Span(self._next_row, start, end, rows)
        self._next_row += rows
        if last is not None and last.end == start:
            span = _Span(last.row, last.start, end, last.rows + rows)
            self._exact.pop()
            self._spans.pop()
        self._exact.append(span)
        self._spans.append(span)

    def _add_single(self, record: Record) -> None:
        row = self._next_row
        self._spans.append(_Span(row, record.start, record.next, 1))
        self._next_row += 1
        result = self._split(record, row)
        if isinstance(result, _Odd):
            self._odd.append(result)
        else:
            self.malformed.append(result)

    def _split(self, record: Record, row: int) -> _Odd | Malformed:
        body = self._data[record.start : record.end]
        if record.problem == TOO_LONG:
            return malformed(row, body, record.problem, f"{len(body)} bytes", f"at most {self._grammar.limit} bytes")
        if record.problem is not None:
            problem = "a quoted field that is not closed, or text after its closing quote"
            return malformed(row, body, record.problem, problem, "quotes around whole fields, doubled inside them")
        if b"\0" in body:
            return malformed(row, body, "record:nul", f"NUL at byte {body.index(0)} of the record", "text without NUL")
        try:
            fields = [(text.decode(), quoted) for text, quoted in self._grammar.values(body)]
        except UnicodeDecodeError:
            invalid = next_invalid_utf8(body, 0, len(body))
            value = f"0x{body[invalid]:02x} at byte {invalid} of the record"
            return malformed(row, body, "record:encoding", value, "text in the file's encoding")
        if len(fields) != self._grammar.fields or (self._source.trailing_delimiter and fields[-1] != ("", False)):
            allowed = f"{self._columns} fields" + ", a delimiter after each" * self._source.trailing_delimiter
            return malformed(row, body, "record:fields", f"{len(fields)} fields", allowed)
        return _Odd(row, [self._value(text, quoted) for text, quoted in fields])

    def _value(self, text: str, quoted: bool) -> str | None:
        return None if (not text and not quoted) or text in self._nulls else text

    def _read_exact(self, kept: dict[str, int]) -> pl.DataFrame | None:
        """What polars reads of the exact records; None if it refuses, or finds another number of them."""
        rows = sum(span.rows for span in self._exact)
        schema = {f"{index}": pl.String for index in range(self._grammar.fields)}
        numbers = pl.int_range(self._first_row, self._next_row, dtype=pl.Int64, eager=True).alias(ROW)
        if rows < len(numbers):
            others = pl.Series([odd.row for odd in self._odd] + [bad.row for bad in self.malformed], dtype=pl.Int64)
            numbers = numbers.filter(~numbers.is_in(others.implode()))
        if not kept:
            return numbers.to_frame()
        if not rows:
            return pl.DataFrame(schema={ROW: pl.Int64} | dict.fromkeys(kept, pl.String))
        try:
            frame = (
                pl.scan_csv(
                    self._exact_bytes(),
                    has_header=False,
                    schema=schema,
                    separator=self._source.delimiter,
                    quote_char=self._source.quote,
                    eol_char=self._line_end.decode(),
                    null_values=list(self._nulls) or None,
                )
                .select(pl.col(f"{index}").alias(name) for name, index in kept.items())
                .collect()
            )
        except pl.exceptions.PolarsError:
            return None
        return frame.insert_column(0, numbers) if frame.height == rows else None

    def _exact_bytes(self) -> bytes:
        if len(self._exact) == 1 and self._exact[0].end - self._exact[0].start == len(self._data):
            joined = self._data
        else:
            view = memoryview(self._data)
            joined = b"".join(view[span.start : span.end] for span in self._exact)
        # polars takes a byte-order mark away from the front, even where it is a value's first character
        return UTF8_BOM + joined if joined.startswith(UTF8_BOM) else joined

    def _split_exact(self) -> None:
        """Split one by one what polars could not be trusted with."""
        for span in self._exact:
            for row, start in enumerate(self._line_starts(span), span.row):
                result = self._split(self._grammar.record(self._data, start, self._size), row)
                if isinstance(result, _Odd):
                    self._odd.append(result)
                else:
                    self.malformed.append(result)
        self._exact.clear()
