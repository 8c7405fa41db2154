"""The columns a file names, held against those its contract expects.

What stands in a header's place may be a row, whose values belong in no message: names that the contract does not have
are told only where most of the names show that they are a header. No message grows with the file's width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Final

from filegate.errors import SchemaMismatch
from filegate.formats.records import ExpectedColumn, UnknownColumns

MAX_RESCUED: Final = 10_000
"""Most unknown columns that are rescued: in each chunk, a column takes memory of its own."""

_SHOWN: Final = 20
_NAME_LENGTH: Final = 60
_LIST_LENGTH: Final = 200

_COMPARED: Final = 100
"""So many names of a file are searched for near misses: each search is a comparison with every one of them."""

_NEAR: Final = 0.8
"""How alike two names are (`difflib`) if one is surely the other misspelt."""


def check_columns(
    found: Sequence[str],
    expected: Sequence[ExpectedColumn],
    on_unknown_columns: UnknownColumns,
    *,
    name: str,
    hint: str | None = None,
) -> None:
    """Refuse a file whose columns are not those of the contract; their order does not matter.

    Args:
        found: the file's columns.
        expected: the contract's.
        on_unknown_columns: "reject" minds columns that the contract does not name; "rescue" minds them where they are
            too many, or have the same name; "ignore" does not.
        name: of the object, for the message.
        hint: what the caller knows to advise, should the columns not fit.

    Raises:
        SchemaMismatch: a required column is missing, a column is there twice, there is one nobody expects, or there
            are too many to rescue.
    """
    names = [column.name for column in expected]
    ours = frozenset(names)
    counts = Counter(found)
    strangers = [column for column in counts if column not in ours]
    if on_unknown_columns == "rescue" and len(strangers) > MAX_RESCUED:
        raise SchemaMismatch(
            f"{name}: the contract does not name {len(strangers):,} of its columns; no more than {MAX_RESCUED:,} can "
            "be rescued.",
            advice=hint or "Correct the file, or declare on_unknown_columns='ignore'.",
        )
    missing = [column.name for column in expected if column.required and column.name not in counts]
    repeated = [column for column in (counts if on_unknown_columns == "rescue" else names) if counts[column] > 1]
    unknown = strangers if on_unknown_columns == "reject" else []
    if not (missing or repeated or unknown):
        return
    known = len(ours & counts.keys())
    trusted = is_header(found, expected)
    told = ours.union(strangers if trusted else _respelt(strangers, names))
    problem = (
        "the columns are not those of the contract"
        if trusted
        else f"{known or 'none'} of its {len(found):,} columns {'are' if known > 1 else 'is'} in the contract"
    )
    faults = [
        f"{what} {_told(columns, told, found)}"
        for what, columns in (("missing", missing), ("found twice", repeated), ("unknown", unknown))
        if columns
    ]
    shown = f"Found: {listed(found)}. " if trusted else ""
    raise SchemaMismatch(
        f"{name}: {problem}: {'; '.join(faults)}. {shown}Expected: {listed(names)}.",
        advice=hint or _advice([column for column in strangers if column in told], missing, unknown, names),
    )


def is_header(found: Sequence[str], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether the fields of a first line are surely names.

    They are if all required columns are among them, at least two; or if at least half of them are the contract's, or
    nearly so. Columns without a name do not count.
    """
    required = {column.name for column in expected if column.required}
    if len(required) > 1 and required.issubset(found):
        return True
    plain = frozenset(_plain(column.name) for column in expected)
    named = [column for column in found if column.strip()]
    others = [spelling for column in named if (spelling := _plain(column)) not in plain]
    near = sum(bool(get_close_matches(other, plain, n=1, cutoff=_NEAR)) for other in others[:_COMPARED])
    return bool(named) and 2 * (len(named) - len(others) + near) >= len(named)


def listed(names: Sequence[str]) -> str:
    """Names for a message: quoted, escaped, shortened, and only the first ones if they are many."""
    return _bounded([_quoted(name) for name in names[:_SHOWN]], len(names))


def _told(columns: Sequence[str], told: Collection[str], found: Sequence[str]) -> str:
    """Columns by their names, or, where these may be values, by their places in the file."""
    parts = []
    if named := [column for column in columns if column in told]:
        parts.append(listed(named))
    if hidden := {column for column in columns if column not in told}:
        places = [str(place) for place, column in enumerate(found, 1) if column in hidden]
        parts.append(f"{len(places):,} at place{'s' if len(places) > 1 else ''} {_bounded(places, len(places))}")
    return " and ".join(parts)


def _advice(strangers: Sequence[str], missing: Sequence[str], unknown: Sequence[str], names: Sequence[str]) -> str:
    alike = {_plain(column): column for column in strangers}
    compared = list(alike)[:_COMPARED]
    pairs = []
    for column in (missing or names)[:_SHOWN]:
        spelling = _plain(column)
        near = [spelling] if spelling in alike else get_close_matches(spelling, compared, n=1)
        pairs += [f"{_quoted(alike[match])} for {_quoted(column)}" for match in near]
    if pairs:
        meant = _bounded(pairs, len(pairs))
        return f"Did the file mean {meant}? Names must match exactly, case and spaces included."
    if unknown and not missing:
        return "Add them to the contract, or declare on_unknown_columns='ignore' or 'rescue'."
    return "Correct the file, or the contract."


def _respelt(strangers: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those that are the contract's names but for case, spaces and dashes: no values, whatever the line is."""
    plain = frozenset(map(_plain, names))
    return [column for column in strangers if _plain(column) in plain]


def _plain(name: str) -> str:
    return "".join(name.casefold().replace("_", " ").replace("-", " ").split())[:_NAME_LENGTH]


def _quoted(name: str) -> str:
    text = repr(name[:_NAME_LENGTH])
    return text if len(name) <= _NAME_LENGTH >= len(text) else f"{text[: _NAME_LENGTH - 1]}…"


def _bounded(texts: Sequence[str], total: int) -> str:
    """The first of the texts that all of `total` ones would begin with."""
    shown: list[str] = []
    for text in texts[:_SHOWN]:
        if shown and sum(map(len, shown)) + len(text) > _LIST_LENGTH:
            break
        shown.append(text)
    more = total - len(shown)
    return ", ".join(shown) + (f" … and {more:,} more" if more else "")
