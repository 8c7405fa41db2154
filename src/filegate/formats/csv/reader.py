"""CSV: the records of one chunk.

There are three ways to read a record, which give the same values: polars with types, if the whole chunk is plain;
polars as strings, with each byte accounted for, if the index finds the record's end; and the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from typing import Final

import polars as pl

from filegate.errors import MalformedObject
from filegate.formats.columns import listed
from filegate.formats.csv.grammar import Field, Grammar, Record, csv_grammar
from filegate.formats.csv.header import MAX_COLUMNS
from filegate.formats.csv.index import RecordIndex
from filegate.formats.csv.plain import PlainReader
from filegate.formats.encoding import next_invalid_utf8, place, undecodable
from filegate.formats.reader import RowBuffer, TextReader, null_if_in
from filegate.formats.records import (
    KEPT_BYTES,
    RESCUED,
    ROW,
    TOO_LONG,
    ExpectedColumn,
    Malformed,
    Records,
    UnknownColumns,
)
from filegate.formats.sources import Csv
from filegate.formats.utf8 import as_csv
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import Chunk

_ALLOWED_QUOTES: Final = "quotes around whole fields, doubled inside them"
_REPEATED_HEADER: Final = BrokenRule(
    "record:header", None, "the columns' names again", "a header at the beginning only"
)


def _around(quote: str) -> tuple[tuple[str, str], ...]:
    """What may stand around the first name of a header: polars and the grammar leave it as it is."""
    return ("", ""), ("\ufeff", ""), (f"\ufeff{quote}", quote)


class CsvReader(TextReader):
    """Reads the chunks of files of one dialect."""

    def __init__(
        self,
        source: Csv,
        columns: Sequence[str],
        expected: Sequence[ExpectedColumn],
        on_unknown_columns: UnknownColumns,
        encoding: str = "utf-8",
    ) -> None:
        dtypes = {column.name: column.dtype for column in expected}
        projection = _Projection(columns, dtypes, source, rescue=on_unknown_columns == "rescue")
        super().__init__(csv_grammar(source, len(columns)), projection.names)
        self._source = source
        self._encoding = encoding
        self._projection = projection
        types = {
            place: dtype
            for name, place in projection.places.items()
            if (dtype := dtypes[name]) is not None and name not in source.date_formats
        }
        self._plain = PlainReader(source, self._grammar, columns, projection.columns, types)

    def _records(self, data: bytes, chunk: Chunk) -> Records:
        if records := self._plain.read(data, chunk):
            return records
        found = _ScannedChunk(
            data, chunk.first_row, self._source, self._grammar, self._projection, encoding=self._encoding
        )
        return Records(found.frame(), (), tuple(found.malformed), lambda rows: found.offsets(rows) + chunk.origin)


class _Projection:
    """The contract's columns of a file, and the rescued ones.

    Attributes:
        places: place of each of the contract's columns in a record, from 0, in the file's order.
        fields: the fields that are read, named by their places, since a file may have any column name, even `__row__`.
        null_words: by place of a field, the strings that mean null.
        strings: expressions on the fields: null if a field is one of the null values.
        columns: expressions on the fields: the resulting columns.
        names: of the resulting columns.
        header: names of the file's columns.
    """

    def __init__(self, columns: Sequence[str], expected: Collection[str], source: Csv, *, rescue: bool) -> None:
        self.header = tuple(columns)
        quote = source.quote or ""
        # A file that was appended has a byte-order mark of its own.
        self._beginnings = {f"{start}{name}{end}": name for name in columns for start, end in _around(quote)}
        # Numbers are names of columns that nobody named: a record of them is a record.
        self._may_be_reordered = len(columns) > 1 and all(re.search("[^\\W\\d_]", name) for name in columns)
        self.places = {name: place for place, name in enumerate(columns) if name in expected}
        self.columns = [pl.col(f"{place}").alias(name) for name, place in self.places.items()]
        unknown = {place: name for place, name in enumerate(columns) if rescue and name not in expected}
        self.null_words = {place: source.null_words(columns[place]) for place in (*self.places.values(), *unknown)}
        self.fields = [f"{place}" for place in self.null_words]
        self.strings = [null_if_in(pl.col(f"{place}"), words) for place, words in self.null_words.items()]
        if rescue:
            values = [pl.col(f"{place}").alias(name) for place, name in unknown.items()]
            rescued = pl.struct(values).struct.json_encode() if values else pl.lit(None, pl.String)
            self.columns.append(rescued.alias(RESCUED))
        self.names = [column.meta.output_name() for column in self.columns]

    def repeats_header(self, fields: Sequence[Field], row: int) -> bool:
        """Whether a record is the header once more.

        Args:
            fields: the record's.
            row: its number.

        Raises:
            MalformedObject: it is, in another order: so are the values of what follows.
        """
        first = self._beginnings.get(fields[0].text)
        if first is None:
            return False
        found = (first, *(field.text for field in fields[1 : len(self.header)]))
        if found != self.header and self._may_be_reordered and sorted(found) == sorted(self.header):
            raise MalformedObject(
                f"Record {row:,} is a header with the columns in another order: {listed(found)}. That of the file is "
                f"{listed(self.header)}.",
                advice="It was put together from files that differ: deliver them one by one.",
            )
        return found == self.header

    def may_repeat_header(self, frame: pl.DataFrame) -> pl.Series:
        """For each record, whether its values are names of columns, none of them twice."""
        found = frame.to_series().fill_null("").is_in([*self._beginnings])
        for field in range(1, len(self.header)):
            if not found.any():
                return found
            found &= frame.to_series(field).fill_null("").is_in(self.header)
        if found.any():
            values = pl.concat_list(pl.col(frame.columns[: len(self.header)]).fill_null(""))
            distinct = frame.filter(found).select(values.list.n_unique() == len(self.header)).to_series()
            found = found.scatter(found.arg_true(), distinct)
        return found


class _ScannedChunk:
    """One chunk of any content, read as strings: the records that the index resolves by polars, the others one by one.

    Which way a record takes changes nothing but the time.
    """

    def __init__(
        self, data: bytes, first_row: int, source: Csv, grammar: Grammar, projection: _Projection, *, encoding: str
    ) -> None:
        self._data = data
        self._first_row = first_row
        self._next_row = first_row
        self._source = source
        self._encoding = encoding
        self._grammar = grammar
        self._projection = projection
        self._index = grammar.index(data, excluded=b"\0")
        self._starts: list[pl.Series | list[int]] = [[]]
        self._resolved: list[tuple[int, int]] = []
        self._parsed = RowBuffer(projection.fields)
        self.malformed: list[Malformed] = []
        self._scan()

    def _scan(self) -> None:
        """Find all records, and read those that the index does not resolve."""
        position, invalid, size = 0, -1, len(self._data)
        while position < size:
            if invalid < position:
                invalid = next_invalid_utf8(self._data, position, size)
            span = self._index.span(position, invalid)
            if span.end > position:
                self._add_starts(span.starts)
                self._resolved.append((position, span.end))
                position = span.end
            elif (end := self._grammar.after_blank_lines(self._data, position, size)) > position:
                position = end
            else:
                record = self._grammar.record(self._data, position, size)
                if not self._grammar.is_blank(self._data, record):
                    self._parse(record, self._next_row)
                    self._add_starts([position])
                position = record.next

    def frame(self) -> pl.DataFrame:
        """`__row__` and the resulting columns of the well-formed records."""
        resolved = self._read_resolved() if self._resolved else None
        if resolved is None:
            frame = self._parsed.frame()
        elif self._parsed:
            frame = pl.concat([resolved, self._parsed.frame()]).sort(ROW)
        else:
            frame = resolved
        return frame.select(ROW, *self._projection.columns)

    def offsets(self, rows: pl.Series) -> pl.Series:
        """Where the records with these numbers start in the chunk."""
        return self._row_starts.gather(rows - self._first_row).alias(rows.name)

    @cached_property
    def _row_starts(self) -> pl.Series:
        return pl.concat([pl.Series(starts, dtype=pl.Int64) for starts in self._starts])

    def _add_starts(self, starts: pl.Series | list[int]) -> None:
        """Add the starts of the next rows."""
        self._next_row += len(starts)
        last = self._starts[-1]
        if isinstance(last, list) and isinstance(starts, list):
            last.extend(starts)
        else:
            self._starts.append(starts)

    def _parse(self, record: Record, row: int) -> None:
        """Read a record by the grammar."""
        body = self._data[record.start : record.end]
        values = self._unreadable(record, body) or self._values(body, row)
        if isinstance(values, BrokenRule):
            self.malformed.append(Malformed(row, body[:KEPT_BYTES], values))
        else:
            self._parsed.add(row, values)

    def _unreadable(self, record: Record, body: bytes) -> BrokenRule | None:
        """The rule that a record breaks before its fields are known."""
        if record.problem == TOO_LONG:
            return BrokenRule(TOO_LONG, None, f"{len(body)} bytes", f"at most {self._grammar.limit} bytes in UTF-8")
        if record.problem is not None:
            problem = "a quoted field that is not closed, or text after its closing quote"
            return BrokenRule(record.problem, None, problem, _ALLOWED_QUOTES)
        if self._grammar.has_stray_quotes(body):
            problem = "a delimiter between quotes inside of unquoted fields"
            return BrokenRule("record:quote", None, problem, _ALLOWED_QUOTES)
        if b"\0" in body:
            return BrokenRule(
                "record:nul", None, f"NUL at {place(body, body.index(0), self._encoding)}", "text without NUL"
            )
        return None

    def _values(self, body: bytes, row: int) -> list[str | None] | BrokenRule:
        """The fields of a well-formed record that are read, or the rule that it breaks."""
        grammar, trailing = self._grammar, self._source.trailing_delimiter
        try:
            # Such a record may have a million fields: they are counted before any is made.
            if body.count(grammar.delimiter) >= MAX_COLUMNS and (width := grammar.width(body)) != grammar.fields:
                body.decode()
                return _wrong_width(width, grammar.fields - trailing, trailing, body.endswith(grammar.delimiter))
            fields = grammar.values(body)
        except UnicodeDecodeError:
            return undecodable(body, self._encoding, self._source)
        last_is_empty = not (fields[-1].text or fields[-1].quoted)
        if len(fields) != grammar.fields or (trailing and not last_is_empty):
            return _wrong_width(len(fields), grammar.fields - trailing, trailing, last_is_empty)
        if self._projection.repeats_header(fields, row):
            return _REPEATED_HEADER
        return [
            None if (not field.text and not field.quoted) or field.word in words else field.text
            for field, words in ((fields[place], words) for place, words in self._projection.null_words.items())
        ]

    def _resolved_rows(self) -> pl.Series:
        """The numbers of the resolved records."""
        numbers = pl.int_range(self._first_row, self._next_row, dtype=pl.Int64, eager=True).alias(ROW)
        others = [*self._parsed.rows, *(record.row for record in self.malformed)]
        return numbers.filter(~numbers.is_in(pl.Series(others, dtype=pl.Int64).implode())) if others else numbers

    def _read_resolved(self) -> pl.DataFrame:
        """`__row__` and the fields of the resolved records; those that polars does not read exactly are parsed."""
        numbers = self._resolved_rows()
        text, index = self._resolved_text()
        frame = self._scanned(text)
        if frame.height == len(numbers):
            exact = self._is_exact(frame, index)
        else:
            frame = frame.clear(len(numbers))
            exact = pl.repeat(False, len(numbers), dtype=pl.Boolean, eager=True)
        frame = frame.select(self._projection.strings).insert_column(0, numbers)
        if exact.all():
            return frame
        inexact = numbers.filter(~exact)
        for row, start in zip(inexact, self.offsets(inexact), strict=True):
            self._parse(self._grammar.record(self._data, start, len(self._data)), row)
        self.malformed.sort(key=lambda record: record.row)
        return frame.filter(exact)

    def _is_exact(self, frame: pl.DataFrame, index: RecordIndex) -> pl.Series:
        """For each record, whether polars reads it exactly.

        polars pads short records and truncates long ones. But only if a record has the right number of fields are its
        bytes, except quotes and line end, those of the values and of the delimiters between them.
        """
        sizes = frame.select(pl.sum_horizontal(pl.all().str.len_bytes())).to_series()
        exact = sizes + (frame.width - 1) == index.contents()
        if self._source.trailing_delimiter:
            exact &= frame.to_series(-1).is_null()
        return exact & ~self._projection.may_repeat_header(frame)

    def _scanned(self, text: bytes) -> pl.DataFrame:
        """The text as polars reads it; an empty frame if polars refuses it."""
        schema = {f"{place}": pl.String for place in range(self._grammar.fields)}
        first = self._grammar.record(text, 0, len(text))
        if self._grammar.width(text[: first.end]) > self._grammar.fields:
            return pl.DataFrame(schema=schema)  # polars would refuse it, too, and name all its fields before
        frame = pl.scan_csv(
            as_csv(text),
            has_header=False,
            schema=schema,
            separator=self._source.delimiter,
            quote_char=self._source.quote,
            eol_char="\n" if b"\n" in text else "\r",
            truncate_ragged_lines=True,
        )
        try:
            return frame.collect()
        except pl.exceptions.PolarsError:
            return pl.DataFrame(schema=schema)

    def _resolved_text(self) -> tuple[bytes, RecordIndex]:
        """The resolved records, joined."""
        if self._resolved == [(0, len(self._data))]:
            return self._data, self._index
        view = memoryview(self._data)
        text = b"".join(view[start:end] for start, end in self._resolved)
        return text, self._grammar.index(text)


@lru_cache(maxsize=64)
def _wrong_width(found: int, expected: int, trailing: bool, last_is_empty: bool) -> BrokenRule:
    """One object for the many records with the same wrong number of fields."""
    allowed = f"{expected} fields" + ", a delimiter after each" * trailing
    if found == expected + 1 and last_is_empty and not trailing:
        allowed += "; if each record ends with a delimiter, declare Csv(trailing_delimiter=True)"
    return BrokenRule("record:fields", None, f"{found} fields", allowed)
