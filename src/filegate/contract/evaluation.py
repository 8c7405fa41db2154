"""The verdict on one chunk: which rows are accepted, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import polars as pl

from filegate.contract.keys import key_hashes
from filegate.contract.predicates import mistyped
from filegate.contract.rules import Rule, Unique
from filegate.formats.records import ROW, Fault

_REASON = {"rule": pl.String(), "column": pl.String(), "value": pl.String(), "allowed": pl.String()}
BROKEN = pl.List(pl.Struct(_REASON))
"""The type of `broken`: a struct for each broken rule of a rejected row."""

_OWN = "\0own"
_RANK = "rank"
_WORDS = {"rule": pl.String(), "column": pl.String(), "allowed": pl.String()}
_PAIRS = pl.Schema({ROW: pl.Int64(), _RANK: pl.UInt32(), "value": pl.String(), **_WORDS})


@dataclass(frozen=True)
class Split:
    """One chunk, parted.

    Attributes:
        accepted: `__row__`, the contract's columns in its order and types, and `_rescued` if the chunk has it.
        rejected: `__row__`; `values`, a struct of the raw texts of the same columns; `broken`, a list of
            `{rule, column, value, allowed}` in the contract's order of rules.
        tallies: number of rejected rows by the code of a rule they broke; a row counts for each of its rules.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    tallies: dict[str, int]


@dataclass(frozen=True, eq=False)
class Broken:
    """A rule, and whether each row of a chunk breaks it."""

    rule: Rule
    rows: pl.Series


@dataclass(frozen=True, eq=False)
class Checked:
    """A chunk with every rule on single rows applied; what depends on other rows of the object is still open.

    Attributes:
        rows: `__row__`, the contract's columns, cast, and `_rescued` if the chunk has it.
        raw: gives the same columns of the rows that are true in a mask, as the file's texts.
        present: the contract's columns that the file has.
        doubtful: those of them whose cells were cast.
        cells: the contract's columns with the helper columns that the rules' judges look at.
        broken: the rules on a row by itself that apply to the chunk, in order.
        uniques: the contract's unique columns.
    """

    rows: pl.DataFrame
    raw: Callable[[pl.Series], pl.DataFrame]
    present: Collection[str]
    doubtful: Collection[str]
    cells: pl.DataFrame
    broken: Sequence[Broken]
    uniques: Sequence[Unique]

    def keys(self, columns: Sequence[str]) -> pl.DataFrame:
        """The hashes of each row's key, for finding repeated keys without holding them; see `contract.keys`.

        Rows without values in the key are alike, as in pandera. A cell that failed its cast has no known value, so its
        row is like no other. As in pandera, columns that the file lacks do not count.

        Args:
            columns: columns of the contract.

        Returns:
            `__row__`, and the UInt64 columns `hash_1` and `hash_2`, for every row of the chunk. Equal keys give equal
            hashes in every chunk and process, within one release of polars.
        """
        own = self.rows.lazy().select(ROW, pl.lit("like no other").alias(_OWN))
        present = [name for name in columns if name in self.present]
        if not present:
            return key_hashes(own.collect(), [ROW, _OWN])
        known = key_hashes(self.rows, present)
        flags = [mistyped(name) for name in present if name in self.doubtful]
        if not flags or not (unknown := self.cells.select(pl.any_horizontal(flags)).to_series()).any():
            return known
        others = key_hashes(own.collect(), [ROW, _OWN])
        return known.with_columns(others[name].zip_with(unknown, known[name]) for name in known.columns if name != ROW)

    def split(self, *faults: Sequence[Fault] | pl.DataFrame) -> Split:
        """Part the chunk into accepted and rejected rows.

        Args:
            faults: what was found outside, in any number of portions: faults of the reader, or a frame of `__row__` and
                `rule`, the code of a unique that the row breaks. Rows of other chunks are passed over.

        Raises:
            ValueError: a frame names a rule that is no unique of the contract.
        """
        broken = [*self.broken, *self._repeats(faults)]
        ranks = {each.rule.code: rank for rank, each in enumerate(broken)}
        reports = self._reports(faults, ranks)
        masks = [each.rows for each in broken if each.rows.any()]
        if reports.height:
            masks.append(self.rows[ROW].is_in(reports[ROW].implode()))
        if not masks:
            return Split(self.rows, pl.DataFrame(schema=self._rejected_schema()), {})
        rejects = reduce(or_, masks)
        texts = self.raw(rejects)
        pairs = _pairs(texts, rejects, broken, reports)
        reasons = pairs.group_by(ROW, maintain_order=True).agg(pl.struct(*_REASON).alias("broken"))
        counts = dict(pairs["rule"].value_counts().iter_rows())
        in_order = sorted(counts, key=lambda code: (ranks.get(code, len(ranks)), code))
        return Split(
            accepted=self.rows.filter(~rejects),
            rejected=texts.select(ROW, pl.struct(pl.exclude(ROW)).alias("values"), reasons["broken"]),
            tallies={code: counts[code] for code in in_order},
        )

    def _rejected_schema(self) -> pl.Schema:
        names = [name for name in self.rows.columns if name != ROW]
        return pl.Schema({ROW: pl.Int64(), "values": pl.Struct(dict.fromkeys(names, pl.String())), "broken": BROKEN})

    def _repeats(self, faults: Sequence[Sequence[Fault] | pl.DataFrame]) -> list[Broken]:
        """The uniques, each with the rows that break it."""
        rows = {unique.code: [pl.Series(dtype=pl.Int64)] for unique in self.uniques}
        for portion in faults:
            if isinstance(portion, pl.DataFrame):
                for (code,), group in portion.group_by("rule"):
                    if code not in rows:
                        raise ValueError(f"{code!r} is no unique of the contract, which has {sorted(rows)}.")
                    rows[str(code)].append(group[ROW].cast(pl.Int64))
            else:
                for fault in portion:
                    if fault.rule in rows:
                        rows[fault.rule].append(pl.Series([fault.row], dtype=pl.Int64))
        return [
            Broken(unique.rule, self.rows[ROW].is_in(pl.concat(rows[unique.code]).implode())) for unique in self.uniques
        ]

    def _reports(self, faults: Sequence[Sequence[Fault] | pl.DataFrame], ranks: Mapping[str, int]) -> pl.DataFrame:
        """The reader's faults on rows of this chunk, in the shape of `_pairs`."""
        uniques = {unique.code for unique in self.uniques}
        found = [
            fault
            for portion in faults
            if not isinstance(portion, pl.DataFrame)
            for fault in portion
            if fault.rule not in uniques
        ]
        if not found:
            return pl.DataFrame(schema=_PAIRS)
        # Column by column: from a list of rows, polars needs many times the memory.
        columns = [
            [fault.row for fault in found],
            [ranks.get(fault.rule, len(ranks)) for fault in found],
            [fault.value for fault in found],
            [fault.rule for fault in found],
            [fault.column for fault in found],
            [fault.allowed for fault in found],
        ]
        reports = pl.DataFrame(columns, schema=_PAIRS).unique([ROW, "rule"], keep="first", maintain_order=True)
        return reports.join(self.rows.select(ROW), on=ROW, how="semi")


def _pairs(texts: pl.DataFrame, rejects: pl.Series, broken: Sequence[Broken], reports: pl.DataFrame) -> pl.DataFrame:
    """One row for each rule that each rejected row breaks, in order of rows and rules.

    Args:
        texts: the rejected rows.
        rejects: which ones of the chunk they are.
        broken: all rules, in order.
        reports: the reader's faults, in the shape of the result.
    """
    nothing = pl.Series([None], dtype=pl.String)
    ranks = pl.int_range(len(broken), dtype=pl.UInt32, eager=True).alias(_RANK)
    found = [pl.DataFrame(schema={ROW: pl.Int64, _RANK: pl.UInt32, "value": pl.String})]
    # Series by series: for each small frame polars would take longer to begin than all of this takes.
    for rank, each in enumerate(broken):
        if each.rows.any():
            breakers = each.rows.filter(rejects)
            rows = texts[ROW].filter(breakers)
            column = each.rule.column
            values = nothing.new_from_index(0, len(rows)) if column is None else texts[column].filter(breakers)
            found.append(pl.DataFrame([rows, ranks.new_from_index(rank, len(rows)), values.alias("value")]))
    own = pl.concat(found).sort(ROW, maintain_order=True)
    rules = [each.rule for each in broken]
    words = pl.DataFrame([(rule.code, rule.column, rule.allowed) for rule in rules], _WORDS, orient="row")
    own = own.hstack(words[own[_RANK]])
    if not reports.height:
        return own
    # As with a cell that fails its cast, one whose type the reader refused breaks that rule only.
    refused = reports.filter(pl.col("rule") == pl.col("column") + ":type")
    own = own.join(refused, on=[ROW, "column"], how="anti")
    return pl.concat([own, reports]).sort(ROW, _RANK, maintain_order=True)
