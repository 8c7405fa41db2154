"""The first record of a CSV text: its header, or evidence that the header is missing or the dialect another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from filegate.errors import EmptyObject, MalformedObject, SchemaMismatch
from filegate.formats.columns import check_columns, is_header, listed
from filegate.formats.csv.grammar import Grammar, Record, csv_grammar
from filegate.formats.encoding import UTF8_BOM, undecodable
from filegate.formats.records import TOO_LONG, ExpectedColumn, UnknownColumns
from filegate.formats.sources import Csv

_DELIMITERS = ",;\t|:"

_EXCEL_LINE = re.compile(rb'(?i:"?sep=.?"?)')

MAX_COLUMNS: Final = 1 << 14
"""As many as a worksheet of Excel has; in each chunk, every column takes memory."""

_HINT_BYTES = 256 << 10
"""Length of the text in whose lines a header is searched for."""


def read_header(
    sample: bytes,
    *,
    ended: bool,
    source: Csv,
    expected: Sequence[ExpectedColumn],
    on_unknown_columns: UnknownColumns,
    encoding: str,
    name: str,
) -> tuple[tuple[str, ...], int]:
    """The file's columns, and the offset of its first data record.

    `sample` is the first bytes of its UTF-8 text, or the whole text if that has `ended`; `encoding` is the codec.

    Raises:
        EmptyObject: there is no data record.
        MalformedObject: the first record is malformed.
        SchemaMismatch: its columns are not the contract's.
    """
    grammar = csv_grammar(source, 2)  # of several columns, so that blank lines are not records
    start = len(UTF8_BOM) if sample.startswith(UTF8_BOM) else 0
    size = grammar.text_end(sample) if ended else len(sample)
    first = grammar.first_record(sample, start, size)
    if first is None:
        if ended:
            raise EmptyObject(f"{name}: the file has only blank lines.", advice="Deliver it with its rows.")
        raise MalformedObject(f"{name}: the first {size} bytes are blank lines.", advice="Remove them.")
    try:
        fields = _fields(sample, first, grammar, ended=ended, name=name)
    except UnicodeDecodeError as error:
        broken = undecodable(sample[first.start : first.end], encoding, source)
        problem = f"{name}: the first record cannot be decoded: {broken.value}; allowed is {broken.allowed}."
        raise MalformedObject(problem) from error
    if _EXCEL_LINE.fullmatch(sample, first.start, first.end):
        raise SchemaMismatch(
            f"{name}: the first line, 'sep=', tells Excel the delimiter, and is not part of the table.",
            advice="Remove it.",
        )
    if source.trailing_delimiter and fields[-1] == "":
        fields = fields[:-1]
    if len(fields) > MAX_COLUMNS:
        raise SchemaMismatch(
            f"{name}: it has {len(fields):,} columns; at most {MAX_COLUMNS:,} are read.",
            advice="Deliver it without columns that nobody needs.",
        )
    if not source.header:
        _check_width(fields, source, expected, name)
        return tuple(column.name for column in expected), start
    check_columns(
        fields,
        expected,
        on_unknown_columns,
        name=name,
        hint=lambda: _hint(sample[start:size], fields, source, expected),
    )
    if ended and csv_grammar(source, len(fields)).first_record(sample, first.next, size) is None:
        raise EmptyObject(f"{name}: the file has a header and no rows.", advice="Deliver it with its rows.")
    return tuple(fields), first.next


def _fields(sample: bytes, record: Record, grammar: Grammar, *, ended: bool, name: str) -> list[str]:
    body = sample[record.start : record.end]
    problem = None
    if record.problem == TOO_LONG or (record.next == len(sample) and not ended):
        problem = f"is longer than {grammar.limit} bytes"
    elif record.problem is not None:
        problem = "has a quoted field that is not closed, or text after its closing quote"
    elif b"\0" in body:
        problem = "has NUL bytes (if it is UTF-16 without a byte-order mark, declare that encoding)"
    if problem is not None:
        raise MalformedObject(
            f"{name}: the first record {problem}.",
            advice="Is it a CSV file? If so, check the delimiter, quote and escape that its source declares.",
        )
    return [field.text for field in grammar.values(body)]


def _check_width(fields: Sequence[str], source: Csv, expected: Sequence[ExpectedColumn], name: str) -> None:
    names = [column.name for column in expected]
    if list(fields) == names:
        raise SchemaMismatch(
            f"{name}: the first record is a header, but the source declares a file without one.",
            advice="Declare Csv(header=True).",
        )
    if len(fields) == len(names):
        return
    widths = {other: ",".join(fields).count(other) + 1 for other in _DELIMITERS if other != source.delimiter}
    other = next((other for other, width in widths.items() if width == len(names) and len(fields) == 1), None)
    raise SchemaMismatch(
        f"{name}: the first record has {len(fields)} fields, the contract {len(names)} columns: {listed(names)}.",
        advice=f"Declare Csv(delimiter={other!r})."
        if other
        else "A file without header must have the contract's columns, in its order.",
    )


def _hint(text: bytes, fields: Sequence[str], source: Csv, expected: Sequence[ExpectedColumn]) -> str | None:
    """What the lines of a text whose header does not match the contract suggest about the file or its declaration."""
    lines = enumerate(text[:_HINT_BYTES].splitlines(), 1)
    (_, line), *others = [(number, line.decode(errors="replace")) for number, line in lines if line.strip()]
    if fields[-1] == "" and "" not in fields[:-1] and _holds_header(fields[:-1], expected):
        return "If each record ends with a delimiter, declare Csv(trailing_delimiter=True)."
    for other in _DELIMITERS:
        if other != source.delimiter and _holds_header(_cells(line, other, source), expected):
            return f"Declare Csv(delimiter={other!r})."
    for number, other in others:
        if _holds_header(_cells(other, source.delimiter, source), expected):
            return f"Line {number:,} has the columns' names: remove the lines before it."
    widths = [len(_cells(each, source.delimiter, source)) for _, each in others[:1]]
    is_table = (len(fields) > 1 or len(expected) == 1) and widths in ([], [len(fields)])
    if is_table and not is_header(fields, expected) and any(map(_is_value, fields)):
        return "The first line has few of the column names: is the header missing? If so, declare Csv(header=False)."
    return None


def _cells(line: str, delimiter: str, source: Csv) -> list[str]:
    return [cell.strip(source.quote or "") for cell in line.split(delimiter)]


def _holds_header(cells: Sequence[str], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether the cells, several unless the contract has one column, have all required names, and any name."""
    names = {column.name for column in expected}
    required = {column.name for column in expected if column.required}
    return required.issubset(cells) and not names.isdisjoint(cells) and (len(cells) > 1 or len(names) == 1)


def _is_value(field: str) -> bool:
    """Whether a header cell looks like data: empty, or with more digits than letters."""
    digits = sum(character.isdigit() for character in field)
    return not field.strip() or digits > sum(character.isalpha() for character in field)
