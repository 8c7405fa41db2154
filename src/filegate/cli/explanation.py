"""What a run rejected, by rule, for a person: as a compiler shows its errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from filegate.cli import text
from filegate.cli.rejected_row import record

if TYPE_CHECKING:
    from filegate.operations.explain import Example, Explanation


def explanation(rule: Explanation, file: Path | None, width: int | None) -> Iterator[Text]:
    """A rule and the rows that broke it.

    Args:
        rule: what broke it.
        file: the local file that was delivered.
        width: of the terminal, on which records are cut; None: nothing is cut.
    """
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
