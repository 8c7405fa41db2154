"""CSV: its dialect's grammar, and the records of one chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

import polars as pl

from filegate.formats.csv.grammar import Grammar, Record
from filegate.formats.csv.index import RecordIndex
from filegate.formats.csv.plain import PlainChunk
from filegate.formats.encoding import UTF8_BOM, next_invalid_utf8
from filegate.formats.records import RESCUED, ROW, TOO_LONG, Malformed, Records
from filegate.formats.rows import OddRows, present
from filegate.formats.sources import Csv
from filegate.formats.text import end_of_text, malformed


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

    Where all are plain, polars reads them with types at once. If not, those whose ends are told from their quotes and
    line ends are read by polars as texts, and each byte of them is accounted for; all others are split one by one by
    the grammar. Which way a record takes changes nothing but the time.

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
    chunk = _Chunk(data, grammar=grammar, source=source, kept=places, first_row=first_row)
    chunk.scan()
    return Records(rescued(chunk.frame()), (), tuple(chunk.malformed), lambda rows: chunk.offsets(rows) + origin)


class _Chunk:
    """One chunk's records, sorted by the way they are read: `exact` ones by polars, `odd` ones by the grammar."""

    def __init__(self, data: bytes, *, grammar: Grammar, source: Csv, kept: dict[str, int], first_row: int) -> None:
        self._data = data
        self._size = end_of_text(data, grammar)
        self._grammar = grammar
        self._source = source
        self._kept = kept
        self._first_row = first_row
        self._next_row = first_row
        self._nulls = frozenset(source.null_values)
        columns = grammar.fields - source.trailing_delimiter
        self._wanted_fields = f"{columns} fields" + ", a delimiter after each" * source.trailing_delimiter
        self._index = grammar.index(data, strange=b"\0")
        self._starts: list[pl.Series | list[int]] = [[]]
        self._exact: list[tuple[int, int]] = []
        self._odd = OddRows(kept)
        self.malformed: list[Malformed] = []

    def scan(self) -> None:
        """Sort all records."""
        position, invalid = 0, -1
        while position < self._size:
            if invalid < position:
                invalid = next_invalid_utf8(self._data, position, self._size)
            run = self._index.run(position, invalid)
            if run.end > position:
                self._count(run.starts)
                self._exact.append((position, run.end))
                position = run.end
            else:
                record = self._grammar.record(self._data, position, self._size)
                if not self._grammar.is_blank(record):
                    self._add_odd(record, self._next_row)
                    self._count([position])
                position = record.next

    def frame(self) -> pl.DataFrame:
        """The well-formed records: their numbers and the kept columns."""
        if not self._exact:
            return self._odd.frame()
        numbers = self._exact_rows()
        exact, fits = self._read_exact(len(numbers))
        if not fits.all():
            misfits = numbers.filter(~fits)
            for row, start in zip(misfits, self.offsets(misfits), strict=True):
                self._add_odd(self._grammar.record(self._data, start, self._size), row)
            self.malformed.sort(key=lambda record: record.row)
            exact, numbers = exact.filter(fits), numbers.filter(fits)
        exact = exact.insert_column(0, numbers)
        return pl.concat([exact, self._odd.frame()]).sort(ROW) if self._odd else exact

    def offsets(self, rows: pl.Series) -> pl.Series:
        """Where the records with these numbers start in the chunk."""
        return self._row_starts.gather(rows - self._first_row).alias(rows.name)

    @cached_property
    def _row_starts(self) -> pl.Series:
        return pl.concat([pl.Series(starts, dtype=pl.Int64) for starts in self._starts])

    def _count(self, starts: pl.Series | list[int]) -> None:
        """Take notice of where the next rows start."""
        self._next_row += len(starts)
        last = self._starts[-1]
        if isinstance(last, list) and isinstance(starts, list):
            last.extend(starts)
        else:
            self._starts.append(starts)

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

    def _exact_rows(self) -> pl.Series:
        """The numbers of the exact records."""
        numbers = pl.int_range(self._first_row, self._next_row, dtype=pl.Int64, eager=True).alias(ROW)
        odd = [*self._odd.rows, *(record.row for record in self.malformed)]
        return numbers.filter(~numbers.is_in(pl.Series(odd, dtype=pl.Int64).implode())) if odd else numbers

    def _read_exact(self, rows: int) -> tuple[pl.DataFrame, pl.Series]:
        """What polars reads of the exact records, and for each, whether that is the record.

        polars fills short records up and cuts long ones off. But only if a record has the right number of fields are
        its bytes, quotes and line end apart, those of the values and of the delimiters between them.
        """
        text, index = self._exact_text()
        fields = [f"{place}" for place in range(self._grammar.fields)]
        frame = self._scanned(text, fields)
        if frame.height == rows:
            sizes = frame.select(pl.sum_horizontal(pl.all().str.len_bytes())).to_series()
            fits = sizes + (len(fields) - 1) == index.contents()
            if self._source.trailing_delimiter:
                fits &= frame[fields[-1]].is_null()
        else:
            frame, fits = frame.clear(rows), pl.repeat(False, rows, dtype=pl.Boolean, eager=True)
        return frame.select(
            present(pl.col(f"{place}"), self._nulls).alias(name) for name, place in self._kept.items()
        ), fits

    def _scanned(self, text: bytes, fields: list[str]) -> pl.DataFrame:
        """What polars reads; nothing if it refuses."""
        schema = dict.fromkeys(fields, pl.String)
        frame = pl.scan_csv(
            # polars takes a byte-order mark away from the front, even where it is a value's first character
            UTF8_BOM + text if text.startswith(UTF8_BOM) else text,
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

    def _exact_text(self) -> tuple[bytes, RecordIndex]:
        """The exact records, one after the other."""
        if self._exact == [(0, len(self._data))]:
            return self._data, self._index
        view = memoryview(self._data)
        text = b"".join(view[start:end] for start, end in self._exact)
        return text, self._grammar.index(text)
