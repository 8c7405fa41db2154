"""The CSV grammar once more, one character at a time: slow, and plain enough to be believed."""

from typing import NamedTuple


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
