"""The columns of a file, compared with those of its contract.

The line in the header's place may be a row, whose values must not appear in messages: names that the contract does not
have are shown only if most of the names are those of a header. No message grows with the file's width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from typing import Final
from unicodedata import category, normalize

from filegate.errors import SchemaMismatch
from filegate.formats.records import ExpectedColumn, UnknownColumns

MAX_RESCUED: Final = 10_000
"""Maximum number of unknown columns that are rescued: in each chunk, every column takes memory."""

_MAX_NAMES: Final = 20
_MAX_NAME_LENGTH: Final = 60
_MAX_LIST_LENGTH: Final = 200

_MAX_COMPARED: Final = 100
"""Maximum number of a file's names in which similar ones are searched for."""

_SEPARATORS: Final = frozenset(("Cc", "Cf", "Pc", "Pd"))
"""Categories of characters that do not tell two names apart: control and format characters, underscores, dashes."""

_MIN_SIMILARITY: Final = 0.8
"""Similarity (`difflib`) from which on one name is certainly a misspelling of the other."""


def check_columns(
    found: Sequence[str],
    expected: Sequence[ExpectedColumn],
    on_unknown_columns: UnknownColumns,
    *,
    name: str,
    hint: Callable[[], str | None] = lambda: None,
) -> None:
    """Refuse a file whose columns are not those of the contract; their order does not matter.

    An optional column may be absent, but not be there in another spelling: the file means it.

    Args:
        found: the file's columns.
        expected: the contract's.
        on_unknown_columns: "reject" refuses columns that the contract does not have; "rescue" refuses them if they are
            too many, or have the same name; "ignore" accepts them.
        name: of the object, for the message.
        hint: gives the caller's advice, if it has any; called if the columns do not match.

    Raises:
        SchemaMismatch: a required column is missing, or all are, or one is spelt differently; a column is repeated; a
            column is unknown, or too many are.
    """
    names = [column.name for column in expected]
    ours = frozenset(names)
    counts = Counter(found)
    others = [column for column in counts if column not in ours]
    if on_unknown_columns == "rescue" and len(others) > MAX_RESCUED:
        raise SchemaMismatch(
            f"{name}: {len(others):,} of its columns are not in the contract; at most {MAX_RESCUED:,} can be rescued.",
            advice=hint() or "Correct the file, or declare on_unknown_columns='ignore'.",
        )
    absent = [column for column in expected if column.name not in counts]
    respelt = frozenset(map(spelling, others)) if absent else frozenset()
    # values of an optional column would be lost, and perhaps replaced by its default
    missing = [column.name for column in absent if column.required or spelling(column.name) in respelt]
    if not missing and len(absent) == len(expected):
        missing = names
    repeated = [column for column in (counts if on_unknown_columns == "rescue" else names) if counts[column] > 1]
    unknown = others if on_unknown_columns == "reject" else []
    if not (missing or repeated or unknown):
        return
    known = len(ours & counts.keys())
    trusted = is_header(found, expected)
    visible = ours.union(others if trusted else _respelt(others, names))
    problem = (
        "the columns are not those of the contract"
        if trusted
        else f"{known or 'none'} of its {len(found):,} columns {'are' if known > 1 else 'is'} in the contract"
    )
    problems = [
        f"{what} {_names_or_places(columns, visible, found)}"
        for what, columns in (("missing", missing), ("found twice", repeated), ("unknown", unknown))
        if columns
    ]
    shown = f"Found: {listed(found)}. " if trusted else ""
    raise SchemaMismatch(
        f"{name}: {problem}: {'; '.join(problems)}. {shown}Expected: {listed(names)}.",
        advice=hint() or _advice([column for column in others if column in visible], missing, unknown, names),
    )


def is_header(found: Sequence[str], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether the fields of a first line are certainly names.

    They are if all required columns, at least two, are among them; or if at least half of them are the contract's, or
    similar. Columns without a name are ignored.
    """
    required = {column.name for column in expected if column.required}
    if len(required) > 1 and required.issubset(found):
        return True
    plain = frozenset(_plain(column.name) for column in expected)
    named = [column for column in found if column.strip()]
    others = [spelling for column in named if (spelling := _plain(column)) not in plain]
    near = sum(bool(get_close_matches(other, plain, n=1, cutoff=_MIN_SIMILARITY)) for other in others[:_MAX_COMPARED])
    return bool(named) and 2 * (len(named) - len(others) + near) >= len(named)


def listed(names: Sequence[str]) -> str:
    """Names for a message: quoted, escaped, shortened, and only the first ones if they are many."""
    return _bounded([_quoted(name) for name in names[:_MAX_NAMES]], len(names))


def _names_or_places(columns: Sequence[str], visible: Collection[str], found: Sequence[str]) -> str:
    """The columns' names, or, if these may be values, their places in the file."""
    parts = []
    if named := [column for column in columns if column in visible]:
        parts.append(listed(named))
    if hidden := {column for column in columns if column not in visible}:
        places = [str(place) for place, column in enumerate(found, 1) if column in hidden]
        parts.append(f"{len(places):,} at place{'s' if len(places) > 1 else ''} {_bounded(places, len(places))}")
    return " and ".join(parts)


def _advice(others: Sequence[str], missing: Sequence[str], unknown: Sequence[str], names: Sequence[str]) -> str:
    alike = {_plain(column): column for column in others}
    compared = list(alike)[:_MAX_COMPARED]
    pairs = []
    for column in (missing or names)[:_MAX_NAMES]:
        spelling = _plain(column)
        near = [spelling] if spelling in alike else get_close_matches(spelling, compared, n=1)
        pairs += [f"{_quoted(alike[match])} for {_quoted(column)}" for match in near]
    if pairs:
        meant = _bounded(pairs, len(pairs))
        return f"Did the file mean {meant}? Names must match exactly, case and spaces included."
    if unknown and not missing:
        return "Add them to the contract, or declare on_unknown_columns='ignore' or 'rescue'."
    return "Correct the file, or the contract."


def _respelt(others: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those that are names of the contract in another spelling: they cannot be values."""
    spellings = frozenset(map(spelling, names))
    return [column for column in others if spelling(column) in spellings]


def spelling(name: str) -> str:
    """What names have in common that differ in case, blanks, dashes, underscores or invisible characters only."""
    name = normalize("NFKC", name).casefold()
    return "".join(one for one in name if not one.isspace() and category(one) not in _SEPARATORS) or name


def _plain(name: str) -> str:
    """A name to compare with similar ones."""
    return spelling(name)[:_MAX_NAME_LENGTH]


def _quoted(name: str) -> str:
    text = repr(name[:_MAX_NAME_LENGTH])
    return text if len(name) <= _MAX_NAME_LENGTH >= len(text) else f"{text[: _MAX_NAME_LENGTH - 1]}…"


def _bounded(items: Sequence[str], total: int) -> str:
    """The first items of a list of `total` ones."""
    shown: list[str] = []
    for item in items[:_MAX_NAMES]:
        if shown and sum(map(len, shown)) + len(item) > _MAX_LIST_LENGTH:
            break
        shown.append(item)
    more = total - len(shown)
    return ", ".join(shown) + (f" … and {more:,} more" if more else "")
