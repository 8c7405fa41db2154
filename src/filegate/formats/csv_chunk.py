"""CSV: its dialect's grammar, and the records of one chunk."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from filegate.formats.csv_patterns import exact_pattern
from filegate.formats.csv_plain import PlainChunk
from filegate.formats.csv_records import Grammar, Record
from filegate.formats.encoding import UTF8_BOM, next_invalid_utf8
from filegate.formats.model import RESCUED, ROW, TOO_LONG, Malformed, Records
from filegate.formats.rows import OddRows
from filegate.formats.text import end_of_text, malformed
from filegate.sources import Csv

_exact_pattern = lru_cache(exact_pattern)


@lru_cache(maxsize=64)
def _counted(fields: int) -> str:
    """One text for the many records that have the same wrong number of fields."""
    return f"{fields} fields"


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
    types: Mapping[str, pl.DataType | None],
    rescue: bool,
    origin: int,
) -> Records:
    """The records of one chunk.

    Where all are plain, polars reads them with types at once.
    Records that polars surely reads as the grammar does are recognised by one pattern and read by polars; all others
    are split one by one by the grammar. Which way a record takes changes nothing but the time.

    Args:
        data: whole records.
        first_row: the number of the first one.
        source: the dialect.
        columns: names of the file's columns.
        wanted: those of the contract.
        types: of these, as far as plain texts may be read with them.
        rescue: whether the values of the others go to `_rescued`.
        origin: where `data` starts in the text.
    """
    known = frozenset(wanted)
    kept = {name: index for index, name in enumerate(columns) if name in known}
    # A file may name its columns as it likes, even `__row__`: unknown ones go by their places until they are rescued.
    unknown = {f"\0{index}": index for index, name in enumerate(columns) if rescue and name not in known}
    grammar = csv_grammar(source, len(columns))
    places = kept | unknown

    def rescued(frame: pl.DataFrame) -> pl.DataFrame:
        if not rescue:
            return frame
        texts = [pl.col(place).alias(columns[index]) for place, index in unknown.items()]
        values = pl.struct(texts).struct.json_encode() if texts else pl.lit(None, pl.String)
        return frame.with_columns(values.alias(RESCUED)).drop(unknown)

    plain = PlainChunk(data, first_row=first_row, source=source, grammar=grammar, kept=places, types=types)
    if (frame := plain.frame()) is not None:
        return Records(
            rescued(frame),
            (),
            (),
            lambda rows: plain.offsets(rows) + origin,
            texts=lambda rows: rescued(plain.texts(rows[ROW])),
        )
    chunk = _Chunk(data, grammar=grammar, source=source, columns=len(columns), kept=places, first_row=first_row)
    chunk.scan()
    return Records(rescued(chunk.frame()), (), tuple(chunk.malformed), lambda rows: chunk.offsets(rows) + origin)


class _Span(NamedTuple):
    """Records that follow each other: the number of the first one, their bytes, how many, and if they are flat."""

    row: int
    start: int
    end: int
    rows: int
    flat: bool


class _Chunk:
    """One chunk's records, sorted by the way they are read: `exact` ones by polars, `odd` ones by the grammar."""

    def __init__(
        self, data: bytes, *, grammar: Grammar, source: Csv, columns: int, kept: dict[str, int], first_row: int
    ) -> None:
        self._data = data
        self._size = end_of_text(data, grammar)
        self._grammar = grammar
        self._source = source
        self._columns = columns
        self._kept = kept
        self._first_row = first_row
        self._next_row = first_row
        self._nulls = frozenset(source.null_values)
        self._wanted_fields = f"{columns} fields" + ", a delimiter after each" * source.trailing_delimiter
        self._line_end = b"\n" if b"\n" in data else b"\r"
        self._spans: list[_Span] = []
        self._exact: list[_Span] = []
        self._odd = OddRows(kept)
        self.malformed: list[Malformed] = []

    def scan(self) -> None:
        """Sort all records."""
        flat, any_lines = self._exact_pattern(flat=True), self._exact_pattern(flat=False)
        position, invalid = 0, -1
        while position < self._size:
            if invalid < position:
                invalid = next_invalid_utf8(self._data, position, self._size)
            reach = min(position + self._grammar.limit + 1, invalid)
            if (match := flat.match(self._data, position, reach)) and match.end() > position:
                rows = self._data.count(self._line_end, position, match.end())
                self._add_exact(position, match.end(), rows, flat=True)
                position = match.end()
            elif (match := any_lines.match(self._data, position, reach)) and match.end() > position:
                rows = self._grammar.count(self._data, position, match.end())
                self._add_exact(position, match.end(), rows, flat=False)
                position = match.end()
            else:
                record = self._grammar.record(self._data, position, self._size)
                if not self._grammar.is_blank(record):
                    _append(self._spans, _Span(self._next_row, record.start, record.next, 1, flat=False))
                    self._add_odd(record, self._next_row)
                    self._next_row += 1
                position = record.next

    def frame(self) -> pl.DataFrame:
        """The well-formed records: their numbers and the kept columns."""
        exact = self._read_exact()
        if exact is None:  # polars could not be trusted with them
            for span in self._exact:
                for row, start in enumerate(self._starts(span), span.row):
                    self._add_odd(self._grammar.record(self._data, start, self._size), row)
            self.malformed.sort(key=lambda record: record.row)
            return self._odd.frame().sort(ROW)
        return pl.concat([exact, self._odd.frame()]).sort(ROW) if self._odd else exact

    def offsets(self, rows: pl.Series) -> pl.Series:
        """Where the records with these numbers start in the chunk."""
        firsts = [span.row for span in self._spans]
        starts: dict[int, list[int]] = {}
        found = []
        for row in rows.to_list():
            index = bisect_right(firsts, row) - 1
            span = self._spans[index]
            if index not in starts:
                starts[index] = self._starts(span)
            found.append(starts[index][row - span.row])
        return pl.Series(rows.name, found, dtype=pl.Int64)

    def _starts(self, span: _Span) -> list[int]:
        if span.rows == 1:
            return [span.start]
        if not span.flat:
            return list(self._grammar.starts(self._data, span.start, span.end))
        starts = [span.start]
        while len(starts) < span.rows:
            starts.append(self._data.index(self._line_end, starts[-1]) + 1)
        return starts

    def _exact_pattern(self, *, flat: bool) -> re.Pattern[bytes]:
        return _exact_pattern(
            self._grammar.delimiter,
            self._grammar.quote,
            self._grammar.escape,
            columns=self._columns,
            trailing=self._source.trailing_delimiter,
            cr=self._line_end == b"\r",
            flat=flat,
        )

    def _add_exact(self, start: int, end: int, rows: int, *, flat: bool) -> None:
        span = _Span(self._next_row, start, end, rows, flat)
        _append(self._exact, span)
        _append(self._spans, span)
        self._next_row += rows

    def _add_odd(self, record: Record, row: int) -> None:
        values = self._split(record, row)
        if isinstance(values, Malformed):
            self.malformed.append(values)
        else:
            self._odd.add(row, [values[index] for index in self._kept.values()])

    def _split(self, record: Record, row: int) -> list[str | None] | Malformed:
        body = self._data[record.start : record.end]
        if record.problem == TOO_LONG:
            return malformed(row, body, record.problem, f"{len(body)} bytes", f"at most {self._grammar.limit} bytes")
        if record.problem is not None:
            problem = "a quoted field that is not closed, or text after its closing quote"
            return malformed(row, body, record.problem, problem, "quotes around whole fields, doubled inside them")
        if b"\0" in body:
            return malformed(row, body, "record:nul", f"NUL at byte {body.index(0)} of the record", "text without NUL")
        try:
            fields = self._grammar.values(body)
        except UnicodeDecodeError:
            invalid = next_invalid_utf8(body, 0, len(body))
            value = f"0x{body[invalid]:02x} at byte {invalid} of the record"
            return malformed(row, body, "record:encoding", value, "text in the file's encoding")
        if len(fields) != self._grammar.fields or (self._source.trailing_delimiter and fields[-1] != ("", False)):
            return malformed(row, body, "record:fields", _counted(len(fields)), self._wanted_fields)
        return [None if (not text and not quoted) or text in self._nulls else text for text, quoted in fields]

    def _read_exact(self) -> pl.DataFrame | None:
        """What polars reads of the exact records; None if it refuses, or finds another number of them."""
        rows = sum(span.rows for span in self._exact)
        if not rows:
            return OddRows(self._kept).frame()
        numbers = pl.int_range(self._first_row, self._next_row, dtype=pl.Int64, eager=True).alias(ROW)
        if rows < len(numbers):
            others = pl.Series([*self._odd.rows, *(record.row for record in self.malformed)], dtype=pl.Int64)
            numbers = numbers.filter(~numbers.is_in(others.implode()))
        if not self._kept:
            return numbers.to_frame()
        try:
            frame = (
                pl.scan_csv(
                    self._exact_bytes(),
                    has_header=False,
                    schema={f"{index}": pl.String for index in range(self._grammar.fields)},
                    separator=self._source.delimiter,
                    quote_char=self._source.quote,
                    eol_char=self._line_end.decode(),
                    null_values=list(self._nulls) or None,
                )
                .select(pl.col(f"{index}").alias(name) for name, index in self._kept.items())
                .collect()
            )
        except pl.exceptions.PolarsError:
            return None
        return frame.insert_column(0, numbers) if frame.height == rows else None

    def _exact_bytes(self) -> bytes:
        start, end = self._exact[0].start, self._exact[-1].end
        if end - start == sum(span.end - span.start for span in self._exact):
            joined = self._data if end - start == len(self._data) else self._data[start:end]
        else:
            view = memoryview(self._data)
            joined = b"".join(view[span.start : span.end] for span in self._exact)
        # polars takes a byte-order mark away from the front, even where it is a value's first character
        return UTF8_BOM + joined if joined.startswith(UTF8_BOM) else joined


def _append(spans: list[_Span], span: _Span) -> None:
    """Add a span, as part of the last one where it continues that."""
    last = spans[-1] if spans else None
    if last is not None and last.end == span.start and last.flat == span.flat:
        spans[-1] = _Span(last.row, last.start, span.end, last.rows + span.rows, last.flat)
    else:
        spans.append(span)
