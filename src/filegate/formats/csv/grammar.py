r"""What a CSV record is: the one definition that splitting, reading and byte offsets share.

Grammar, on bytes of UTF-8 text (every significant character is ASCII, so no multi-byte character is ever split):

- A record ends at LF, CRLF or CR outside a quoted field, or at the end of the text.
- A quote opens a field only as its first character; anywhere else it is an ordinary character. The
  quoted field ends at the next quote that is not doubled, and a delimiter, a line end or the end of the text must
  follow it.
- A delimiter between two quotes of unquoted fields, as in `1,a"b, c"`, might be meant as text: such quotes are *stray*,
  and the record is malformed.
- The escape character, where there is one, takes the next character (or CRLF) literally, quoted or not; but a record
  cannot end with an escaped line end that nothing follows.
- A record that breaks this, or is not complete within `limit` bytes, is malformed and ends at its own first line end,
  so that one stray quote costs one row.
- A blank line is not a record, unless records have one field: then an empty line is a null. Spaces and tabs are blanks
  if the dialect does not use them; so a line of delimiters is a record.
- DOS's end-of-file mark, ^Z as the last byte of the text, is not part of a record.

Its regular expressions are possessive throughout: no input makes them backtrack. A *flat* record has no line end in its
fields and no escape character; so in consecutive ones each line end ends a record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, NamedTuple

from filegate.formats.csv.index import RecordIndex
from filegate.formats.records import TOO_LONG
from filegate.formats.sources import Csv

CTRL_Z: Final = b"\x1a"
"""DOS's end-of-file mark: the last byte of some exports."""

LINE_END: Final = re.compile(rb"\r\n?|\n")

MAX_RECORD_BYTES: Final = 1 << 20
"""A longer record is malformed; so the search for a closing quote, and the memory for one record, are bounded."""

_MIN_STEP: Final = 1 << 7
_CR = ord("\r")
_ESCAPABLE = rb"(\r\n|[\s\S])"


class Record(NamedTuple):
    """One record's place: its body is [start, end), the next record starts at `next`; and the rule that it breaks."""

    start: int
    end: int
    next: int
    problem: str | None


class Field(NamedTuple):
    r"""One field of a record.

    Attributes:
        text: its value, without quotes and escapes.
        quoted: whether it is.
        word: what may be a null value, else None. A field with escaped characters is one only as it is written, without
            quotes: `\N`.
    """

    text: str
    quoted: bool
    word: str | None


class Advance(NamedTuple):
    """Whole records: where the last one ends, how many they are, and their number together with blank lines."""

    end: int
    rows: int
    lines: int


@dataclass(frozen=True)
class _Patterns:
    """The patterns of one dialect's records.

    Attributes:
        field: one field of a well-formed record; the group `quoted` is the content between quotes, if there are any.
        record: a record, then its line end; group 1 is its body.
        last: a record that ends with the text.
        flat: consecutive flat records.
        records: consecutive records, flat or not.
        stray: the start of a well-formed record with stray quotes; None without quotes.
        escape_in_text: in an unquoted field, an escape sequence for its group 1; None without an escape character.
        escape_in_quotes: the same in a quoted field; None without quotes.
    """

    field: re.Pattern[bytes]
    record: re.Pattern[bytes]
    last: re.Pattern[bytes]
    flat: re.Pattern[bytes]
    records: re.Pattern[bytes]
    stray: re.Pattern[bytes] | None
    escape_in_text: re.Pattern[bytes] | None
    escape_in_quotes: re.Pattern[bytes] | None


@dataclass(frozen=True)
class Grammar:
    """The record grammar of one CSV dialect.

    Attributes:
        delimiter: between fields.
        quote: around fields, or None.
        escape: before a literal character, or None.
        fields: number of fields in a record of the file, the empty one after a trailing delimiter included.
        blanks: characters of which a blank line may consist.
        limit: maximum length of a record's body, in bytes.
    """

    delimiter: bytes = b","
    quote: bytes | None = b'"'
    escape: bytes | None = None
    fields: int = 2
    blanks: bytes = b" \t"
    limit: int = MAX_RECORD_BYTES

    @cached_property
    def patterns(self) -> _Patterns:
        return _patterns(self.delimiter, self.quote, self.escape)

    @cached_property
    def _not_blank(self) -> re.Pattern[bytes]:
        """The rest of a line from its first character that is not blank."""
        return re.compile(rb"[^\r\n" + re.escape(self.blanks) + rb"][^\r\n]*+")

    @cached_property
    def _blank_lines(self) -> re.Pattern[bytes]:
        """Consecutive blank lines."""
        line = b"[" + re.escape(self.blanks) + b"]{0,%d}+" % self.limit if self.blanks else b""
        return re.compile(b"(?:" + line + rb"(?:\r\n?+|\n))*+")

    @property
    def lookahead(self) -> int:
        """How many bytes from a record's first one decide where it ends."""
        return self.limit + 2

    @cached_property
    def special(self) -> tuple[bytes, ...]:
        """The characters that can keep a line end from ending a record."""
        return tuple(character for character in (self.quote, self.escape) if character is not None)

    def record(self, data: bytes, start: int, size: int) -> Record:
        """The record at `start` of the text `data[:size]`.

        Exact if `data` has `lookahead` bytes from `start`, or the rest of the text.
        """
        stop = min(start + self.limit + 1, size)
        if match := self.patterns.record.match(data, start, stop):
            return Record(start, match.end(1), _whole_line_end(data, match.end(), size), None)
        last = size - start <= self.limit
        if last and self.patterns.last.match(data, start, size):
            return Record(start, size, size, None)
        problem = "record:quote"
        line_end = LINE_END.search(data, start, stop)
        if line_end is None and not last:
            problem = TOO_LONG
            line_end = LINE_END.search(data, stop, size)
        if line_end is None:
            return Record(start, size, size, problem)
        return Record(start, line_end.start(), _whole_line_end(data, line_end.end(), size), problem)

    def first_record(self, data: bytes, start: int, size: int) -> Record | None:
        """The first record at or after `start`; None if there are only blank lines."""
        while start < size:
            record = self.record(data, start, size)
            if not self.is_blank(data, record):
                return record
            start = record.next
        return None

    def is_blank(self, data: bytes, record: Record) -> bool:
        """Whether it is a blank line that is not a record."""
        return self.fields != 1 and record.problem is None and not data[record.start : record.end].strip(self.blanks)

    def after_blank_lines(self, data: bytes, start: int, size: int) -> int:
        """Where the blank lines at `start` end: there itself if there are none, or if each is a record."""
        return start if self.fields == 1 else _end(self._blank_lines, data, start, size)

    def has_stray_quotes(self, body: bytes) -> bool:
        """Whether a delimiter is between two quotes of a well-formed record's unquoted fields."""
        stray = self.patterns.stray
        return stray is not None and stray.match(body) is not None

    def text_end(self, data: bytes) -> int:
        """Where the records in the last bytes of a text end: before a final ^Z."""
        has_mark = data.endswith(CTRL_Z) and CTRL_Z not in (self.delimiter, *self.special)
        return len(data) - has_mark

    def index(self, data: bytes, excluded: bytes = b"") -> RecordIndex:
        """The records of a text whose ends are quick to find; not those with one of the excluded characters."""
        return RecordIndex(
            data,
            delimiter=self.delimiter,
            quote=self.quote,
            excluded=excluded + (self.escape or b""),
            blanks=None if self.fields == 1 else self.blanks,
            limit=self.limit,
        )

    def advance(self, data: bytes, stop: int, size: int) -> Advance:
        """The records from the one at 0 to the last one that ends at or before `stop`.

        Stops before a record that is too long. Records that the index does not resolve are found by patterns; the steps
        between two uses of the index grow while it resolves little.
        """
        stop -= data[stop - 1 : stop + 1] == b"\r\n"
        index = self.index(data[:stop])
        position = rows = lines = 0
        step = shortest = min(_MIN_STEP, self.limit + 1)
        while position < stop:
            span = index.span(position, stop)
            step = shortest if span.end - position >= 4 * step else min(2 * step, self.limit + 1)
            found = self._advance_by_patterns(data, span.end, min(span.end + step, stop), stop, size)
            position = found.end
            rows += len(span.starts) + found.rows
            lines += len(span.starts) + found.lines
            if position == span.end:
                break
        return Advance(position, rows, lines)

    def _advance_by_patterns(self, data: bytes, position: int, until: int, stop: int, size: int) -> Advance:
        """The records from `position` to the last one that starts before `until`."""
        rows = lines = 0
        while position < until:
            if (end := _end(self.patterns.flat, data, position, until)) > position:
                found = self._count_flat(data, position, end)
            elif (end := _end(self.patterns.records, data, position, until)) > position:
                found = self._count(data, position, end)
            else:
                record = self.record(data, position, size)
                if record.next > stop or record.problem == TOO_LONG:
                    break
                found = Advance(record.next, int(not self.is_blank(data, record)), 1)
            position = found.end
            rows += found.rows
            lines += found.lines
        return Advance(position, rows, lines)

    def _count_flat(self, data: bytes, start: int, end: int) -> Advance:
        """Whole flat records in [start, end)."""
        lf = data.count(b"\n", start, end)
        cr = data.count(b"\r", start, end) if data.find(b"\r", start, end) >= 0 else 0
        crlf = data.count(b"\r\n", start, end) if lf and cr else 0
        rows = lines = lf + cr - crlf
        if self.fields != 1:
            blank = [b"\n\n"] if not cr else [b"\n\r"] if lf == cr == crlf else [b"\n\n", b"\r\r", b"\n\r"]
            blank += [line_end + bytes([one]) for one in self.blanks for line_end in (b"\n", b"\r")[: 1 + (cr > crlf)]]
            if data[start] in b"\r\n" + self.blanks or any(data.find(pair, start, end) >= 0 for pair in blank):
                rows = sum(1 for _ in self._not_blank.finditer(data, start, end))
        return Advance(end, rows, lines)

    def _count(self, data: bytes, start: int, end: int) -> Advance:
        """Whole well-formed records in [start, end)."""
        bodies = [body[1] for body in self.patterns.record.finditer(data, start, end)]
        rows = len(bodies) if self.fields == 1 else sum(1 for body in bodies if body.strip(self.blanks))
        return Advance(end, rows, len(bodies))

    def width(self, body: bytes) -> int:
        """The number of fields of a well-formed record."""
        if all(character not in body for character in self.special):
            return body.count(self.delimiter) + 1
        width = position = 0
        while position <= len(body) and (match := self.patterns.field.match(body, position)):
            width += 1
            position = match.end() + 1
        return width

    def values(self, body: bytes) -> list[Field]:
        """The fields of a well-formed record.

        Raises:
            UnicodeDecodeError: a field is not UTF-8.
        """
        if all(character not in body for character in self.special):
            return [Field(text, False, text) for text in body.decode().split(self.delimiter.decode())]
        fields = []
        position, patterns = 0, self.patterns
        while position <= len(body) and (match := patterns.field.match(body, position)):
            quoted = match.lastgroup == "quoted"
            written = match["quoted"] if quoted else match[0]
            escaped = self.escape is not None and self.escape in written
            escape = patterns.escape_in_quotes if quoted else patterns.escape_in_text if escaped else None
            text = (escape.sub(rb"\1", written) if escape else written).decode()
            fields.append(Field(text, quoted, text if not escaped else None if quoted else written.decode()))
            position = match.end() + 1
        return fields


def csv_grammar(source: Csv, columns: int) -> Grammar:
    """The record grammar of files with this many columns."""
    return Grammar(
        delimiter=source.delimiter.encode(),
        quote=None if source.quote is None else source.quote.encode(),
        escape=None if source.escape is None else source.escape.encode(),
        fields=columns + source.trailing_delimiter,
        blanks=bytes(blank for blank in b" \t" if chr(blank) not in (source.delimiter, source.quote, source.escape)),
        limit=MAX_RECORD_BYTES,
    )


def line_grammar() -> Grammar:
    """One JSON record per line; blank lines are not records. A JSON string contains no raw line end."""
    return Grammar(quote=None, limit=MAX_RECORD_BYTES)


def line_end_at(data: bytes) -> int:
    """Where the first LF or CR is, or -1."""
    match = LINE_END.search(data)
    return match.start() if match else -1


def _end(pattern: re.Pattern[bytes], data: bytes, start: int, stop: int) -> int:
    """Where the pattern's match at `start` ends: at `start` itself if nothing matches."""
    match = pattern.match(data, start, stop)
    return match.end() if match else start


def _whole_line_end(data: bytes, end: int, size: int) -> int:
    """`end`, or one more if it lies between CR and LF."""
    return end + 1 if end < size and data[end - 1] == _CR and data[end : end + 1] == b"\n" else end


@cache
def _patterns(delimiter: bytes, quote: bytes | None, escape: bytes | None) -> _Patterns:
    # The dialect's delimiter, quote and escape character, ready for a pattern.
    d, q, e = (re.escape(character or b"") for character in (delimiter, quote, escape))
    escaped = [e + b"(?:" + _ESCAPABLE.replace(b"(", b"(?:") + rb"|\Z)"] if escape else []
    text = _run(b"[^" + d + e + rb"\r\n]*+", escaped)
    flat_text = b"[^" + d + e + rb"\r\n]*+"
    one_field, field, flat_field = text, text, flat_text
    stray = None
    if quote is not None:
        content = _run(b"[^" + q + e + b"]*+", [q + q, *escaped])
        flat_content = _run(b"[^" + q + e + rb"\r\n]*+", [q + q])
        end = q + b"(?=[" + d + rb"\r\n]|\Z)"
        unquoted = b"(?!" + q + b")" + text
        one_field = q + b"(?P<quoted>" + content + b")" + end + b"|" + unquoted
        field = b"(?>" + q + content + end + b"|" + unquoted + b")"
        flat_field = b"(?>" + q + flat_content + end + b"|(?!" + q + b")" + flat_text + b")"
        no_quote = b"(?!" + q + b")" + _run(b"[^" + d + q + e + rb"\r\n]*+", escaped)
        before = b"(?:(?>" + q + content + end + b"|" + no_quote + b")" + d + b")*+"
        stray = re.compile(before + no_quote + q + text + d + before + no_quote + q)
    body = field + b"(?:" + d + field + b")*+"
    flat_body = flat_field + b"(?:" + d + flat_field + b")*+"
    # A CR that ends the searched range might be half of a CRLF: such a record is left to `record`.
    line_end = rb"(?:\r?+\n|\r(?=[^\n]))"
    return _Patterns(
        field=re.compile(one_field),
        record=re.compile(b"(" + body + rb")(?:\r\n?+|\n)"),
        # An escaped line end that ends the text joins nothing: a chunk may end where such a record proved malformed.
        last=re.compile(body + rb"(?<![\r\n])\Z"),
        flat=re.compile(b"(?:" + flat_body + line_end + b")*+"),
        records=re.compile(b"(?:" + body + line_end + b")*+"),
        stray=stray,
        escape_in_text=re.compile(e + _ESCAPABLE) if escape else None,
        escape_in_quotes=re.compile(b"[" + q + e + b"]" + _ESCAPABLE) if quote else None,
    )


def _run(text: bytes, between: list[bytes]) -> bytes:
    """`text`, repeated with any of the patterns in `between` after each repetition."""
    return text + b"(?:(?:" + b"|".join(between) + b")" + text + b")*+" if between else text
