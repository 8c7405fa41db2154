"""The CSV grammar once more, one character at a time: slow, and simple enough to be trusted."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from filegate.formats.sources import Csv


class Field(NamedTuple):
    value: bytes
    quoted: bool
    escaped: bool
    written: bytes
    has_quote: bool


class Split(NamedTuple):
    start: int
    end: int
    next: int
    problem: str | None
    fields: list[Field] | None


def line_end(data: bytes, at: int) -> int:
    """Length of the line end here."""
    return 2 if data[at : at + 2] == b"\r\n" else int(data[at : at + 1] in (b"\r", b"\n") and at < len(data))


def split(
    data: bytes, *, delimiter: bytes, quote: bytes | None, escape: bytes | None, fields: int, limit: int
) -> list[Split]:
    blanks = {blank for blank in (b" ", b"\t") if blank not in (delimiter, quote, escape)}
    records, at = [], 0
    while at < len(data):
        values, end = _record(data, at, delimiter, quote, escape)
        if values is not None and end - at <= limit:
            stray = sum(field.has_quote for field in values) > 1
            is_blank = all(data[place : place + 1] in blanks for place in range(at, end))
            if fields == 1 or not is_blank:
                problem = "record:quote" if stray else None
                records.append(Split(at, end, end + line_end(data, end), problem, values))
        else:
            end = at
            while end < len(data) and not line_end(data, end):
                end += 1
            problem = "record:too_long" if end - at > limit else "record:quote"
            records.append(Split(at, end, end + line_end(data, end), problem, None))
        at = end + line_end(data, end)
    return records


def _record(
    data: bytes, at: int, delimiter: bytes, quote: bytes | None, escape: bytes | None
) -> tuple[list[Field] | None, int]:
    values = []
    while True:
        quoted = quote is not None and data[at : at + 1] == quote
        value = b""
        escaped = has_quote = False
        at += quoted
        start = at
        while at < len(data) and (quoted or not (line_end(data, at) or data[at : at + 1] == delimiter)):
            if escape is not None and data[at : at + 1] == escape and at + 1 < len(data):
                length = 2 if line_end(data, at + 1) == 2 else 1
                value += data[at + 1 : at + 1 + length]
                at += 1 + length
                escaped = True
            elif quoted and data[at : at + 1] == quote:
                if data[at + 1 : at + 2] != quote:
                    break
                value += data[at : at + 1]
                at += 2
            else:
                has_quote |= data[at : at + 1] == quote
                value += data[at : at + 1]
                at += 1
        written = data[start:at]
        if quoted:
            if at == len(data):
                return None, at
            at += 1
            if at < len(data) and not line_end(data, at) and data[at : at + 1] != delimiter:
                return None, at
        values.append(Field(value, quoted, escaped, written, has_quote))
        if at == len(data) and not quoted and data[at - 1 : at] in (b"\r", b"\n") and value:
            return None, at
        if at == len(data) or line_end(data, at):
            return values, at
        at += 1


def header(source: Csv, columns: Sequence[str]) -> bytes:
    """The header line of a file with these columns."""
    return (source.delimiter.join(columns) + source.delimiter * source.trailing_delimiter + "\n").encode()


def records(body: bytes, source: Csv, columns: Sequence[str], limit: int = 1 << 20) -> list[tuple[int, object]]:
    """The records of a text without header: the offset of each, and its values or the rule that it breaks."""
    fields = len(columns) + source.trailing_delimiter
    found = split(
        body.removesuffix(b"\x1a"),
        delimiter=source.delimiter.encode(),
        quote=source.quote.encode() if source.quote else None,
        escape=source.escape.encode() if source.escape else None,
        fields=fields,
        limit=limit,
    )
    return [(record.start, _outcome(record, body[record.start : record.end], source, columns)) for record in found]


def _outcome(record: Split, raw: bytes, source: Csv, columns: Sequence[str]) -> object:
    if record.problem is not None:
        return record.problem
    if b"\0" in raw:
        return "record:nul"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "record:encoding"
    assert record.fields is not None
    trailing = [(b"", False)] * source.trailing_delimiter
    fields, after = record.fields[: len(columns)], record.fields[len(columns) :]
    if len(fields) < len(columns) or [(field.value, field.quoted) for field in after] != trailing:
        return "record:fields"
    first = fields[0].value.decode().removeprefix("\ufeff")
    if (
        fields[0].value.startswith(b"\xef\xbb\xbf")
        and source.quote
        and first == source.quote + columns[0] + source.quote
    ):
        first = columns[0]
    if [first, *(field.value.decode() for field in fields[1:])] == list(columns):
        return "record:header"
    return tuple(_value(field, source, name) for field, name in zip(fields, columns, strict=True))


def _value(field: Field, source: Csv, column: str) -> str | None:
    value = field.value.decode()
    if not value and not field.quoted:
        return None
    nulls = source.null_values.get(column, ()) if isinstance(source.null_values, Mapping) else source.null_values
    if field.escaped:
        return None if not field.quoted and field.written.decode() in nulls else value
    return None if value in nulls else value
