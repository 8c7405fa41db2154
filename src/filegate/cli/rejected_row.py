"""A rejected row for a person: where it is, the rules that it broke, and its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from filegate.cli import text

if TYPE_CHECKING:
    from filegate.operations.quarantine import RejectedRow

RECORD_LINES = 2
BROKEN, OTHER = "bold yellow", "dim"


def rejected(row: RejectedRow, width: int | None) -> Iterator[Text]:
    """Place, rules and record, a line each; on a terminal of `width` columns the record is cut."""
    yield Text(text.place(row.row, row.byte_offset), "bold")
    yield from reasons(row)
    yield from record(row, width)


def reasons(row: RejectedRow) -> Iterator[Text]:
    """The rules that a row broke, a line each."""
    for broken in row.broken:
        line = Text("  ").append(text.line(broken.rule), "red").append("  ")
        if broken.column is not None or broken.value is not None:
            line.append("received ").append(text.value(broken.value), "yellow").append("; ")
        yield line.append(f"allowed: {text.line(broken.allowed)}")


def record(row: RejectedRow, width: int | None, indent: str = "  ") -> Iterator[Text]:
    """The values of a row, those of broken columns first; or its bytes, if it could not be split into values.

    Args:
        row: in quarantine.
        width: of the terminal, on which it takes `RECORD_LINES` lines at most; None: one line, whole.
        indent: of each line.
    """
    if row.values is None:
        raw = (row.raw or b"").decode(errors="backslashreplace")
        yield Text(indent + text.value(raw, width and RECORD_LINES * (width - len(indent)) - 2), OTHER)
        return
    columns = {broken.column for broken in row.broken}
    names = sorted(row.values, key=lambda name: name not in columns)
    line, length, lines = Text(indent), len(indent), 1
    for name in names:
        broken = name in columns
        field = f"{text.line(name)}={text.field(row.values[name], width and (60 if broken else 30))}  "
        if width is not None and length + len(field) > width and length > len(indent):
            if lines == RECORD_LINES:
                yield line.append("…", OTHER)
                return
            yield line
            line, length, lines = Text(indent), len(indent), lines + 1
        line.append(field, BROKEN if broken else OTHER)
        length += len(field)
    yield line
