"""What a run rejected, for a person: by rule, as a compiler shows its errors, or row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from filegate.cli import text

if TYPE_CHECKING:
    from filegate.operations.quarantine import Example, Explanation, RejectedRow

RECORD_LINES = 2
BROKEN, OTHER = "bold yellow", "dim"


def explanation(rule: Explanation, file: Path | None, width: int | None) -> Iterator[Text]:
    """A rule and the rows of the delivered local file that broke it; on a terminal of `width` columns these are cut."""
    yield Text.assemble((text.line(rule.rule), "bold red"), "  ", text.counted(rule.rows, "row"))
    yield Text.assemble(("  allowed   ", "dim"), text.line(rule.allowed))
    if rule.values:
        received = Text("  received  ", "dim")
        for number, one in enumerate(rule.values):
            received.append(", " if number else "").append(text.value(one.value, width and 60), "not dim yellow")
            received.append(f" ({one.rows:,})" if rule.rows > 1 else "")
        yield received
    for example in rule.examples:
        yield _place(example, file)
        yield from record(example.row, width, indent="    ")


def _place(example: Example, file: Path | None) -> Text:
    """`flights.csv:496  row 495, byte 45,179`: the first of it opens the line in an editor."""
    where = text.place(example.row.row, example.row.byte_offset)
    if file is None:
        return Text(f"  {where}")
    line = "" if example.line is None else f":{example.line}"
    return Text.assemble("  ", (f"{text.line(str(file))}{line}", "cyan"), (f"  {where}", "dim"))


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

    On a terminal of `width` columns it takes `RECORD_LINES` lines at most; without one it is one line, whole.
    """
    if row.values is None:
        raw = (row.raw or b"").decode(errors="backslashreplace")
        yield Text(indent + text.value(raw, width and RECORD_LINES * (width - len(indent)) - 2), OTHER)
        return
    columns = {broken.column for broken in row.broken}
    names = sorted(row.values, key=lambda name: name not in columns)
    fields = [
        (
            name in columns,
            f"{text.line(name)}={text.field(row.values[name], width and (60 if name in columns else 30))}",
        )
        for name in names
    ]
    lines = _filled(fields, None if width is None else width - len(indent))
    for line in lines[:RECORD_LINES]:
        broken, others = ("  ".join(field for is_broken, field in line if is_broken is kind) for kind in (True, False))
        gap = "  " if broken and others else ""
        more = "  …" if len(lines) > RECORD_LINES and line is lines[RECORD_LINES - 1] else ""
        yield Text.assemble(indent, (broken, BROKEN), gap, (others + more, OTHER))


def _filled(fields: Sequence[tuple[bool, str]], width: int | None) -> list[list[tuple[bool, str]]]:
    """The fields in lines that leave room for an ellipsis; one line if there is no width."""
    if width is None:
        return [list(fields)]
    lines: list[list[tuple[bool, str]]] = [[]]
    length = 0
    for field in fields:
        length += len(field[1]) + 2
        if length > width - 1 and lines[-1]:
            lines.append([])
            length = len(field[1]) + 2
        lines[-1].append(field)
    return lines
