"""The columns a file names, held against those its contract expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from filegate.errors import SchemaMismatch
from filegate.formats.model import ExpectedColumn, UnknownColumns

_SHOWN = 50


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
        on_unknown_columns: only "reject" minds columns that the contract does not name.
        name: of the object, for the message.
        hint: what the caller knows to advise, should the columns not fit.

    Raises:
        SchemaMismatch: a required column is missing, a column is there twice, or there is one nobody expects.
    """
    names = [column.name for column in expected]
    repeated = [column for column, count in Counter(found).items() if count > 1]
    missing = [column.name for column in expected if column.required and column.name not in found]
    unknown = [column for column in found if column not in names] if on_unknown_columns == "reject" else []
    faults = [
        f"{what} {_shown(columns)}"
        for what, columns in (("missing", missing), ("found twice", repeated), ("unknown", unknown))
        if columns
    ]
    if not faults:
        return
    advice = hint or _advice(found, names, missing, unknown)
    if not {_plain(column) for column in found} & {_plain(column) for column in names}:
        # What stands in the header's place may be a row, whose values belong in no message.
        raise SchemaMismatch(
            f"{name}: none of its {len(found)} columns is one of the contract's. Expected: {_shown(names)}.",
            advice=advice,
        )
    raise SchemaMismatch(
        f"{name}: the columns are not those of the contract: {'; '.join(faults)}. "
        f"Found: {_shown(found)}. Expected: {_shown(names)}.",
        advice=advice,
    )


def _advice(found: Sequence[str], names: Sequence[str], missing: Sequence[str], unknown: Sequence[str]) -> str:
    strangers = [column for column in found if column not in names]
    alike = {_plain(column): column for column in strangers}
    pairs = []
    for column in missing or names:
        near = get_close_matches(_plain(column), alike, n=1)
        if near:
            pairs.append(f"{alike[near[0]]!r} for {column!r}")
    if pairs:
        return f"Did the file mean {_shown(pairs, quoted=False)}? Names must match exactly, case and spaces included."
    if unknown and not missing:
        return "Add them to the contract, or declare on_unknown_columns='ignore' or 'rescue'."
    return "Correct the file, or the contract."


def _plain(name: str) -> str:
    return "".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _shown(names: Iterable[str], *, quoted: bool = True) -> str:
    listed = [repr(name[:100]) if quoted else name for name in names]
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
