"""The evaluation of one chunk: which rows are accepted, and which rules the others broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import or_

import polars as pl

from filegate.contract.reasons import explain
from filegate.contract.rules import CAST_FAILED, Reason, Rule, Unique
from filegate.formats.records import ROW
from filegate.runs.broken_rule import BrokenRule

FIELDS = {field.name: pl.String() for field in fields(BrokenRule)}
BROKEN = pl.List(pl.Struct(FIELDS))
"""The type of `broken`: a struct for each rule that a rejected row broke."""

SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
"""Of the two halves of a key's hash; any two different ones."""

OTHER_RULES = "*:other"
"""The rules that are not named one by one where there are too many."""

MAX_BROKEN = 200_000
"""Broken rules of a chunk's rows that are described: each takes some 300 bytes until it is written."""

_ROW_ITSELF = "\0row"
_RANK = "rank"
_RULE_FIELDS = {name: FIELDS[name] for name in ("rule", "column")}


@dataclass(frozen=True)
class Split:
    """The rows of one chunk, split into accepted and rejected ones.

    Attributes:
        accepted: `__row__`, the contract's columns in its order and types, and `_rescued` if the chunk has it.
        rejected: `__row__`; `values`, a struct of the original strings of the same columns; `broken`, a list of
            `{rule, column, value, allowed}` in the contract's order of rules.
        tallies: number of rejected rows by the code of a rule they broke; a row counts for each of its rules.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    tallies: dict[str, int]


@dataclass(frozen=True, eq=False)
class RuleMask:
    """A rule, for each row of a chunk whether the row breaks it, and the reasons that its value may have."""

    rule: Rule
    mask: pl.Series
    reasons: Sequence[Reason] = ()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A chunk on which every rule on single rows is evaluated, but not those that depend on other rows of the object.

    Attributes:
        rows: `__row__`, the contract's columns, cast, and `_rescued` if the chunk has it.
        strings: returns the same columns of the rows that are true in a mask, as the file's strings.
        present: the contract's columns that the file has.
        cells: the contract's columns, and for each whether its cast failed.
        masks: the rules on single rows that apply to the chunk, in order.
        uniques: the contract's unique columns.
    """

    rows: pl.DataFrame
    strings: Callable[[pl.Series], pl.DataFrame]
    present: Collection[str]
    cells: pl.DataFrame
    masks: Sequence[RuleMask]
    uniques: Sequence[Unique]

    def keys(self, columns: Sequence[str]) -> pl.DataFrame:
        """The hashes of each row's key, to find repeated keys without holding the keys; see `key_hashes`.

        As in pandera, nulls are equal, and columns that the file lacks are ignored. A cell that failed its cast has an
        unknown value, so its row equals no other.

        Args:
            columns: columns of the contract.
        """
        present = [name for name in columns if name in self.present]
        if not present:
            return self._unequal_keys()
        known = key_hashes(self.rows, present)
        unknown = self.cells.select(pl.any_horizontal([CAST_FAILED + name for name in present])).to_series()
        if not unknown.any():
            return known
        single = self._unequal_keys()
        return known.with_columns(single[name].zip_with(unknown, known[name]) for name in known.columns if name != ROW)

    def _unequal_keys(self) -> pl.DataFrame:
        return key_hashes(self.rows.select(ROW, pl.lit("like no other").alias(_ROW_ITSELF)), [ROW, _ROW_ITSELF])

    def split(self, broken: Sequence[tuple[int, BrokenRule]] = (), repeats: pl.DataFrame | None = None) -> Split:
        """Split the chunk into accepted and rejected rows.

        Args:
            broken: the reader's broken rules, by row number: `Records.broken`.
            repeats: `__row__` and `rule`, the code of a unique that the row breaks. Rows of other chunks are ignored.

        Raises:
            ValueError: a rule in `repeats` is not a unique of the contract.
        """
        masks = [*self.masks, *self._unique_masks(repeats)]
        ranks = {each.rule.code: rank for rank, each in enumerate(masks)}
        reported = self._reported(broken, ranks)
        if reported.height:
            masks = self._not_refused(masks, reported)
        found = [each.mask for each in masks if each.mask.any()]
        if reported.height:
            found.append(self.rows[ROW].is_in(reported[ROW].implode()))
        if not found:
            values = pl.Struct([pl.Field(name, pl.String) for name in self.rows.columns if name != ROW])
            return Split(self.rows, pl.DataFrame(schema={ROW: pl.Int64, "values": values, "broken": BROKEN}), {})
        rejects = reduce(or_, found)
        strings = self.strings(rejects)
        counts = Counter(dict(reported["rule"].value_counts().iter_rows()))
        counts.update({each.rule.code: count for each in masks if (count := each.mask.sum())})
        described, others = _described(masks, self.rows[ROW], rejects, counts.total())
        rules = _broken_rules(strings, rejects, described, pl.concat([reported, others]))
        by_row = rules.group_by(ROW, maintain_order=True).agg(pl.struct(*FIELDS).alias("broken"))
        in_order = sorted(counts, key=lambda code: (ranks.get(code, len(ranks)), code))
        return Split(
            accepted=self.rows.filter(~rejects),
            rejected=strings.select(ROW, pl.struct(pl.exclude(ROW)).alias("values"), by_row["broken"]),
            tallies={code: counts[code] for code in in_order},
        )

    def _not_refused(self, masks: Sequence[RuleMask], reported: pl.DataFrame) -> list[RuleMask]:
        """The rules, for other cells than those whose type the reader refused: these break that rule only.

        So do cells that fail their cast.
        """
        refused = reported.filter(pl.col("rule") == pl.col("column") + ":type")
        rows = {column: self.rows[ROW].is_in(cells[ROW].implode()) for (column,), cells in refused.group_by("column")}
        return [
            replace(each, mask=each.mask & ~rows[each.rule.column]) if each.rule.column in rows else each
            for each in masks
        ]

    def _unique_masks(self, repeats: pl.DataFrame | None) -> list[RuleMask]:
        """The uniques, each with the rows that break it."""
        nothing = pl.Series(dtype=pl.Int64)
        groups = repeats.partition_by("rule", as_dict=True) if repeats is not None else {}
        rows = {code: group[ROW].cast(pl.Int64) for (code,), group in groups.items()}
        codes = [unique.code for unique in self.uniques]
        if unknown := rows.keys() - set(codes):
            raise ValueError(f"{sorted(unknown)} are not uniques of the contract, which has {codes}.")
        return [
            RuleMask(unique.rule, self.rows[ROW].is_in(rows.get(unique.code, nothing).implode()))
            for unique in self.uniques
        ]

    def _reported(self, broken: Sequence[tuple[int, BrokenRule]], ranks: Mapping[str, int]) -> pl.DataFrame:
        """The reader's broken rules, with the columns of `_broken_rules`."""
        order = [ranks.get(rule.rule, len(ranks)) for _, rule in broken]
        frame = broken_rules_frame(broken).insert_column(1, pl.Series(_RANK, order, pl.UInt32))
        return frame.unique([ROW, "rule"], keep="first", maintain_order=True) if broken else frame


def _described(
    masks: Sequence[RuleMask], rows: pl.Series, rejects: pl.Series, count: int
) -> tuple[Sequence[RuleMask], pl.DataFrame]:
    """The rules with those rows only in whose quarantine they are named.

    If all rows together break more than `MAX_BROKEN`, each row has the first ones, all alike, and one more that says
    how many others there are.

    Args:
        masks: all rules, in order.
        rows: the numbers of the chunk's rows.
        rejects: which of them are rejected.
        count: how many rules they break.
    """
    limit = max(1, MAX_BROKEN // rejects.sum() - 1) if count > MAX_BROKEN else len(masks)
    found = pl.zeros(len(rejects), pl.UInt32, eager=True)
    described = masks
    if limit < len(masks):
        described = []
        for each in masks:
            found += each.mask
            described.append(replace(each, mask=each.mask & (found <= limit)))
    others = pl.select(rows.filter(found > limit), pl.lit(len(masks) + 1, pl.UInt32).alias(_RANK)).with_columns(
        rule=pl.lit(OTHER_RULES),
        column=pl.lit(None, pl.String),
        value=pl.format("{} more", found.filter(found > limit) - limit),
        allowed=pl.lit(f"the first {limit} are described"),
    )
    return described, others


def _broken_rules(
    strings: pl.DataFrame, rejects: pl.Series, masks: Sequence[RuleMask], reported: pl.DataFrame
) -> pl.DataFrame:
    """One row for each rule that each rejected row breaks, in order of rows and rules.

    Args:
        strings: the rejected rows.
        rejects: their mask in the chunk.
        masks: all rules, in order.
        reported: the reader's broken rules: `__row__`, the rank of the rule, and the fields of `BrokenRule`.
    """
    null = pl.Series([None], dtype=pl.String)
    ranks = pl.int_range(len(masks), dtype=pl.UInt32, eager=True).alias(_RANK)
    found = [pl.DataFrame(schema={ROW: pl.Int64, _RANK: pl.UInt32, "value": pl.String, "allowed": pl.String})]
    # Series by series: for each small frame, polars' overhead would be greater than all of this work.
    for rank, each in enumerate(masks):
        if each.mask.any():
            breaking = each.mask.filter(rejects)
            rows = strings[ROW].filter(breaking)
            column = each.rule.column
            values = null.new_from_index(0, len(rows)) if column is None else strings[column].filter(breaking)
            allowed = explain(values, each.reasons, each.rule.allowed).alias("allowed")
            found.append(pl.DataFrame([rows, ranks.new_from_index(rank, len(rows)), values.alias("value"), allowed]))
    evaluated = pl.concat(found).sort(ROW, maintain_order=True)
    rules = pl.DataFrame([(each.rule.code, each.rule.column) for each in masks], _RULE_FIELDS, orient="row")
    evaluated = evaluated.hstack(rules[evaluated[_RANK]]).select(reported.columns)
    if not reported.height:
        return evaluated
    return pl.concat([evaluated, reported]).sort(ROW, _RANK, maintain_order=True)


def broken_rules_frame(broken: Sequence[tuple[int, BrokenRule]]) -> pl.DataFrame:
    """`__row__` and a String column for each field of `BrokenRule`."""
    # Column by column: from a list of rows, polars needs many times the memory.
    columns = {name: [getattr(rule, name) for _, rule in broken] for name in FIELDS}
    return pl.DataFrame({ROW: [row for row, _ in broken], **columns}, schema={ROW: pl.Int64(), **FIELDS})


def key_hashes(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`__row__`, and the UInt64 columns `hash_1` and `hash_2`: the halves of the 128-bit hash of each row's key.

    Equal keys have equal hashes in every chunk and process, within one release of polars.
    """
    key = pl.struct(columns)
    return rows.select(ROW, *(key.hash(seed).alias(f"hash_{half}") for half, seed in enumerate(SEEDS, 1)))
