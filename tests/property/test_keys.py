"""The key index finds what comparing all rows at once finds, whatever the chunks and the slices."""

import itertools
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filegate import keys as keys_module
from filegate.formats.model import ROW
from filegate.keys import Keep, KeyIndex, key_hashes

hashes = st.tuples(st.sampled_from([0, 1, 2, (1 << 63), (1 << 64) - 1]), st.integers(0, 2))


@settings(max_examples=60)
@given(
    rows=st.lists(hashes, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    keep=st.sampled_from(["none", "first", "last"]),
    file_rows=st.sampled_from([1, 10, 1000]),
    again=st.sets(st.integers(0, 4)),
)
def test_index_agrees_with_one_frame(  # noqa: PLR0917
    rows: list[tuple[int, int]],
    cuts: list[int],
    keep: Keep,
    file_rows: int,
    again: set[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    table = pl.DataFrame(
        {ROW: range(1, len(rows) + 1), "a": [a for a, _ in rows], "b": [b for _, b in rows]},
        schema={ROW: pl.Int64, "a": pl.UInt64, "b": pl.UInt64},
    )
    key = pl.struct("a", "b")
    repeated = key.is_duplicated()
    if keep == "first":
        repeated &= ~key.is_first_distinct()
    if keep == "last":
        repeated &= ~key.is_last_distinct()
    expected = table.filter(repeated)[ROW].to_list()

    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    chunks = [table[low:high] for low, high in itertools.pairwise(bounds)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "SLICE_ROWS", 3)  # many slices
        patch.setattr(keys_module, "FILE_ROWS", file_rows)
        index = KeyIndex(tmp_path_factory.mktemp("index") / "keys", keep)
        for number, chunk in enumerate(chunks):
            index.add(number, table if number in again else chunk)
        for number in again & set(range(len(chunks))):
            index.add(number, chunks[number])
        touched = index.settle()

    found = [index.repeats(number).to_list() for number in range(len(chunks))]
    assert [row for rows_of_chunk in found for row in rows_of_chunk] == expected
    assert touched == [number for number, rows_of_chunk in enumerate(found) if rows_of_chunk]


def test_an_empty_index_has_no_repeats(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path / "keys", "none")
    assert index.settle() == []
    assert index.repeats(0).is_empty()


@settings(max_examples=40)
@given(rows=st.lists(st.integers(0, 40), max_size=60), of=st.integers(1, 5), parts=st.integers(1, 3))
def test_slices_that_are_settled_one_by_one_agree_with_all_at_once(
    rows: list[int], of: int, parts: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keys = key_hashes(
        pl.DataFrame({ROW: range(len(rows)), "key": rows}, schema={ROW: pl.Int64, "key": pl.Int64}), ["key"]
    )
    folder = tmp_path_factory.mktemp("index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "SLICE_ROWS", 3)
        patch.setattr(keys_module, "FILE_ROWS", 4)
        whole, settled = KeyIndex(folder / "whole", "first"), KeyIndex(folder / "settled", "first")
        handed_on = [KeyIndex(folder / f"part-{number}", "first") for number in range(parts)]
        for number in range(parts):
            whole.add(number, keys[number::parts])
            handed_on[number].add(number, keys[number::parts])
        for number, of_all in enumerate(zip(*(index.slices(of) for index in handed_on), strict=True)):
            for part in of_all:
                settled.add_slice(part)
            touched = settled.settle(number, of)
        assert touched == whole.settle()
    for number in range(parts):
        assert settled.repeats(number).to_list() == whole.repeats(number).to_list()


def test_a_slice_is_settled_in_as_small_pieces_as_the_whole_hash_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "SLICE_ROWS", 100)
    keys = key_hashes(pl.DataFrame({ROW: range(8_000)}, schema={ROW: pl.Int64}), [ROW])
    handed_on, index = KeyIndex(tmp_path / "handed on", "first"), KeyIndex(tmp_path / "keys", "first")
    handed_on.add(0, keys)
    *_, last = handed_on.slices(8)
    pieces = []

    def suspects(self: KeyIndex, bounds: pl.Expr) -> pl.Series:
        pieces.append(last.filter(bounds).height)
        return pl.Series("a", dtype=pl.UInt64)

    monkeypatch.setattr(KeyIndex, "_suspects", suspects)
    index.add_slice(last)
    index.settle(7, of=8)
    assert sum(pieces) == last.height
    assert max(pieces) < 150
