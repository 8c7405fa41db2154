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
    yield record(row, width)


def reasons(row: RejectedRow) -> Iterator[Text]:
    """The rules that a row broke, a line each."""
    for broken in row.broken:
        line = Text("  ").append(text.line(broken.rule), "red").append("  ")
        if broken.column is not None or broken.value is not None:
            line.append("received ").append(text.value(broken.value), "yellow").append("; ")
        yield line.append(f"allowed: {text.line(broken.allowed)}")


def record(row: RejectedRow, width: int | None, indent: str = "  ") -> Text:
    """The values of a row, those of broken columns first; or its bytes, if it could not be split into values.

    Args:
        row: in quarantine.
        width: of the terminal, of which it takes `RECORD_LINES` lines at most; None: whole.
        indent: of its first line.
    """
    most = None if width is None else RECORD_LINES * width - len(indent)
    if row.values is None:
        return Text(indent + text.value((row.raw or b"").decode(errors="backslashreplace"), most and most - 2), OTHER)
    columns = {broken.column for broken in row.broken}
    first, rest = [], []
    for name, value in row.values.items():
        if name in columns:
            first.append(f"{text.line(name)}={text.field(value, width and 60)}")
        else:
            rest.append(f"{text.line(name)}={text.field(value, width and 30)}")
    shown = text.shortened("  ".join(first + rest), most)
    line = Text(indent + shown, OTHER)
    line.stylize(BROKEN, len(indent), len(indent) + len("  ".join(first)))
    return line
