r"""JSON lines that polars reads together.

Most lines of a file have one *shape*: the same keys in the same order, with the same blanks around them. A line of a
shape is *plain* if each value is null, a number, true, false, or a string without escaped quotes, of a type that its
column accepts. One regular expression proves that. Then the text before a value, its prefix, occurs nowhere else: it
contains a quote, and a key's first character, or its closing quote, never directly follows the end of a string. So
plain lines become CSV if commas replace the prefixes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from filegate.formats.records import ExpectedColumn, Scalar
from filegate.formats.utf8 import as_csv

MAX_KEYS: Final = 300
"""For many more, the regular expression engine cannot cache its states, and takes ten times as long."""

MAX_SHAPE: Final = 16 << 10
"""Characters of a shape: the engine refuses expressions of a few hundred thousand."""

_SAMPLES: Final = 8
"""Number of lines whose shapes are tried."""

_ESCAPED: Final = r"\\(?:[\\/bfnrt]|u(?:[0-9A-CEFa-cef][0-9A-Fa-f]|[Dd][0-7])[0-9A-Fa-f]{2})"
"""A whole character that is not a quote."""
_TEXT: Final = rf'"(?:[^"\\\x00-\x1f\x{{fffd}}]|{_ESCAPED})*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?"
_BOOLEAN: Final = "true|false"
_PLAIN: Final[dict[Scalar, str]] = {"text": _TEXT, "number": _NUMBER, "boolean": _BOOLEAN, "temporal": _TEXT}
_SCALAR: Final = f"{_TEXT}|{_NUMBER}|{_BOOLEAN}"
_NULL: Final = "null"

_MEMBER: Final = re.compile(
    r'([ \t]*+([{,])[ \t]*+"([^"\\,:{}\0- \ufffd]*+)"[ \t]*+:[ \t]*+)(?:"(?:[^"\\]|\\[^"])*+"|[\w.+-]++)'
)
_END: Final = re.compile(r"[ \t]*+}[ \t]*+\Z")


@dataclass(frozen=True)
class Shape:
    """The common part of lines.

    Attributes:
        members: each key, with the prefix of its value.
        end: the text after the last value.
    """

    members: tuple[tuple[str, str], ...]
    end: str

    def pattern(self, columns: Mapping[str, ExpectedColumn]) -> str:
        """Matches the plain lines of this shape."""
        values = (f"(?:{_values(columns.get(key))}|{_NULL})" for key, _ in self.members)
        members = (pl.escape_regex(before) + value for (_, before), value in zip(self.members, values, strict=True))
        return rf"\A{''.join(members)}{pl.escape_regex(self.end)}\z"

    def read(self, lines: pl.Series) -> pl.DataFrame:
        """The values of plain lines as strings, a column for each key."""
        starts = [before for _, before in self.members]
        commas = ["", *("," for _ in starts[1:])]
        old = [*(start + _NULL for start in starts), *starts, f"{self.end}\n"]
        text = (lines.str.join("\n") + "\n").str.replace_many(old, [*commas, *commas, "\n"], leftmost=True)
        schema = {f"{place}": pl.String for place in range(len(starts))}
        frame = pl.scan_csv(as_csv(text.item().encode()), has_header=False, schema=schema).collect()
        if text.str.contains("\\", literal=True).item():
            frame = frame.select(map(_unescaped, frame))
        frame.columns = [key for key, _ in self.members]
        return frame


def plain_lines(
    lines: pl.Series, columns: Mapping[str, ExpectedColumn], are_plain: Callable[[Collection[str]], bool], limit: int
) -> Iterator[tuple[pl.Series, pl.DataFrame]]:
    """For each shape: which lines are plain and have at most `limit` bytes, and their values as strings, by key.

    Args:
        lines: of a chunk.
        columns: the contract's.
        are_plain: whether records with these keys may be plain.
        limit: in bytes.
    """
    left = lines.str.len_bytes() <= limit
    samples = lines.gather_every(max(1, len(lines) // _SAMPLES)).head(_SAMPLES)
    for shape in dict.fromkeys(map(shape_of, samples)):
        if shape is None or not are_plain([key for key, _ in shape.members]):
            continue
        plain = left & lines.str.contains(shape.pattern(columns))
        if plain.any():
            yield plain, shape.read(lines.filter(plain))
            left &= ~plain
        if not left.any():
            break


def shape_of(line: str) -> Shape | None:
    """A line's shape; None if it cannot be plain."""
    members: list[tuple[str, str]] = []
    position = 0
    while (member := _MEMBER.match(line, position)) and len(members) < MAX_KEYS:
        if member[2] != ("," if members else "{"):
            return None
        members.append((member[3], member[1]))
        position = member.end()
    end = _END.match(line, position)
    if end is None or not members or len(dict(members)) < len(members):
        return None
    size = len(end[0]) + sum(len(before) for _, before in members)
    return Shape(tuple(members), end[0]) if size <= MAX_SHAPE else None


def _values(column: ExpectedColumn | None) -> str:
    return _SCALAR if column is None or column.coerce else _PLAIN[column.scalar]


def _unescaped(strings: pl.Series) -> pl.Series:
    escaped = strings.filter(strings.str.contains("\\", literal=True)).unique()
    return strings.replace(escaped, [json.loads(f'"{each}"') for each in escaped]) if len(escaped) else strings
