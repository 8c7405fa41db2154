"""The key index finds what comparing all rows at once finds, whatever the chunks and the slices."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filegate.contract.keys import Keep, key_hashes
from filegate.formats.records import ROW
from filegate.pipeline import key_index as keys_module
from filegate.pipeline.key_index import KeyIndex

hashes = st.tuples(st.sampled_from([0, 1, 2, (1 << 63), (1 << 64) - 1]), st.integers(0, 2))


@settings(max_examples=60)
@given(
    rows=st.lists(hashes, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    keep=st.sampled_from(["none", "first", "last"]),
    slices=st.integers(1, 5),
    batch_rows=st.sampled_from([1, 10, 1000]),
    again=st.sets(st.integers(0, 4)),
)
def test_index_agrees_with_one_frame(  # noqa: PLR0917
    rows: list[tuple[int, int]],
    cuts: list[int],
    keep: Keep,
    slices: int,
    batch_rows: int,
    again: set[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    halves = ("hash_1", "hash_2")
    table = pl.DataFrame(
        [(row, *key) for row, key in enumerate(rows, 1)],
        schema={ROW: pl.Int64} | dict.fromkeys(halves, pl.UInt64),
        orient="row",
    )
    key = pl.struct(halves)
    repeated = key.is_duplicated()
    if keep == "first":
        repeated &= ~key.is_first_distinct()
    if keep == "last":
        repeated &= ~key.is_last_distinct()
    expected = table.filter(repeated)[ROW].to_list()

    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    chunks = [table[low:high] for low, high in itertools.pairwise(bounds)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "SLICE_ROWS", 3)  # most slices hold more than their share
        patch.setattr(keys_module, "BATCH_ROWS", batch_rows)
        index = KeyIndex(tmp_path_factory.mktemp("index") / "keys", keep, slices)
        for number, chunk in enumerate(chunks):
            index.add(number, table if number in again else chunk)
        for number in again & set(range(len(chunks))):
            index.add(number, chunks[number])
        touched = index.resolve()

    found = [index.repeats(number).to_list() for number in range(len(chunks))]
    assert [row for rows_of_chunk in found for row in rows_of_chunk] == expected
    assert touched == [number for number, rows_of_chunk in enumerate(found) if rows_of_chunk]


def test_an_empty_index_has_no_repeats(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path / "keys", "none", 1)
    assert index.resolve() == []
    assert index.repeats(0).is_empty()


def hashed(values: Sequence[int]) -> pl.DataFrame:
    rows = {ROW: range(len(values)), "key": values}
    return key_hashes(pl.DataFrame(rows, schema={ROW: pl.Int64, "key": pl.Int64}), ["key"])


@settings(max_examples=40)
@given(
    rows=st.lists(st.integers(0, 40), max_size=60),
    slices=st.integers(1, 5),
    settled_in=st.integers(1, 3),
    parts=st.integers(1, 3),
)
def test_slices_that_are_settled_one_by_one_agree_with_all_at_once(
    rows: list[int], slices: int, settled_in: int, parts: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keys = hashed(rows)
    folder = tmp_path_factory.mktemp("index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "SLICE_ROWS", 3)
        patch.setattr(keys_module, "BATCH_ROWS", 4)
        whole, settled = (KeyIndex(folder / name, "first", slices * settled_in) for name in ("whole", "settled"))
        indexes = [KeyIndex(folder / f"part-{number}", "first", slices) for number in range(parts)]
        for number in range(parts):
            whole.add(number, keys[number::parts])
            indexes[number].add(number, keys[number::parts])
        for of_all in zip(*(index.slices() for index in indexes), strict=True):
            for part in of_all:
                settled.add_slice(part)
            touched = settled.resolve()
        assert touched == whole.resolve()
    for number in range(parts):
        assert settled.repeats(number).to_list() == whole.repeats(number).to_list()


@pytest.mark.parametrize(
    ("keep", "expected"), [("none", range(1_000)), ("first", range(1, 1_000)), ("last", range(999))]
)
def test_a_key_of_many_rows_takes_the_room_of_few(
    keep: Keep, expected: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "SLICE_ROWS", 100)
    monkeypatch.setattr(keys_module, "BATCH_ROWS", 50)
    index = KeyIndex(tmp_path / "keys", keep, 1)
    for chunk in range(20):
        index.add(chunk, hashed([0] * 50).with_columns(pl.col(ROW) + 50 * chunk))
    held = []
    note_repeats = KeyIndex._note_repeats

    def noting(self: KeyIndex, keys: pl.DataFrame) -> None:
        held.append(keys.height)
        note_repeats(self, keys)

    monkeypatch.setattr(KeyIndex, "_note_repeats", noting)
    touched = index.resolve()
    assert max(held) <= 125 + 50
    assert touched == list(range(20))
    assert [row for chunk in touched for row in index.repeats(chunk)] == list(expected)


def test_the_slices_are_equal_and_each_lies_in_one_of_the_fewer(tmp_path: Path) -> None:
    fine, coarse = KeyIndex(tmp_path / "fine", "first", 12), KeyIndex(tmp_path / "coarse", "first", 4)
    for index in (fine, coarse):
        index.add(0, hashed(range(12_000)))
    pieces = list(fine.slices())
    assert all(800 < piece.height < 1_200 for piece in pieces)
    for number, whole in enumerate(coarse.slices()):
        together = pl.concat(pieces[3 * number : 3 * (number + 1)])
        assert together.sort(ROW).equals(whole.sort(ROW))
