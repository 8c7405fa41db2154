"""The CSV grammar once more, one character at a time: slow, and simple enough to be trusted."""

from collections.abc import Sequence
from typing import NamedTuple

from filegate.formats.sources import Csv


class Split(NamedTuple):
    start: int
    end: int
    next: int
    problem: str | None
    fields: list[tuple[bytes, bool]] | None


def line_end(data: bytes, at: int) -> int:
    """Length of the line end here."""
    return 2 if data[at : at + 2] == b"\r\n" else int(data[at : at + 1] in (b"\r", b"\n") and at < len(data))


def split(
    data: bytes, *, delimiter: bytes, quote: bytes | None, escape: bytes | None, fields: int, limit: int
) -> list[Split]:
    records, at = [], 0
    while at < len(data):
        values, end = _record(data, at, delimiter, quote, escape)
        if values is not None and end - at <= limit:
            if end > at or fields == 1:
                records.append(Split(at, end, end + line_end(data, end), None, values))
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
) -> tuple[list[tuple[bytes, bool]] | None, int]:
    values = []
    while True:
        quoted = quote is not None and data[at : at + 1] == quote
        value = b""
        at += quoted
        while at < len(data) and (quoted or not (line_end(data, at) or data[at : at + 1] == delimiter)):
            if escape is not None and data[at : at + 1] == escape and at + 1 < len(data):
                length = 2 if line_end(data, at + 1) == 2 else 1
                value += data[at + 1 : at + 1 + length]
                at += 1 + length
            elif quoted and data[at : at + 1] == quote:
                if data[at + 1 : at + 2] != quote:
                    break
                value += data[at : at + 1]
                at += 2
            else:
                value += data[at : at + 1]
                at += 1
        if quoted:
            if at == len(data):
                return None, at
            at += 1
            if at < len(data) and not line_end(data, at) and data[at : at + 1] != delimiter:
                return None, at
        values.append((value, quoted))
        if at == len(data) and not quoted and data[at - 1 : at] in (b"\r", b"\n") and value:
            return None, at
        if at == len(data) or line_end(data, at):
            return values, at
        at += 1


def header(source: Csv, columns: Sequence[str]) -> bytes:
    """The header line of a file with these columns."""
    return (source.delimiter.join(columns) + source.delimiter * source.trailing_delimiter + "\n").encode()


def records(body: bytes, source: Csv, columns: int, limit: int = 1 << 20) -> list[tuple[int, object]]:
    """The records of a text without header: the offset of each, and its values or the rule that it breaks."""
    fields = columns + source.trailing_delimiter
    found = split(
        body.removesuffix(b"\x1a"),
        delimiter=source.delimiter.encode(),
        quote=source.quote.encode() if source.quote else None,
        escape=source.escape.encode() if source.escape else None,
        fields=fields,
        limit=limit,
    )
    return [(record.start, _outcome(record, body[record.start : record.end], source, fields)) for record in found]


def _outcome(record: Split, raw: bytes, source: Csv, fields: int) -> object:
    if record.problem is not None:
        return record.problem
    if b"\0" in raw:
        return "record:nul"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "record:encoding"
    assert record.fields is not None
    if len(record.fields) != fields or (source.trailing_delimiter and record.fields[-1] != (b"", False)):
        return "record:fields"
    values = [(value.decode(), quoted) for value, quoted in record.fields[: fields - source.trailing_delimiter]]
    return tuple(
        None if (not value and not quoted) or value in source.null_values else value for value, quoted in values
    )
