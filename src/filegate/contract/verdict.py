"""The verdict on one chunk: which rows are accepted, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import polars as pl

from filegate.contract.judges import Judged, mistyped
from filegate.contract.rules import Rule, Unique
from filegate.formats.model import ROW, Fault
from filegate.keys import key_hashes

_REASON = {"rule": pl.String(), "column": pl.String(), "value": pl.String(), "allowed": pl.String()}
BROKEN = pl.List(pl.Struct(_REASON))
"""The type of `broken`: a struct for each broken rule of a rejected row."""

_OWN = "\0own"
_RANK = "rank"
_WORDS = {"rule": pl.String, "column": pl.String, "allowed": pl.String}
_PAIRS = pl.Schema({ROW: pl.Int64(), _RANK: pl.UInt32(), **_REASON})


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
class Checked:
    """A chunk with every rule on single rows applied; what depends on other rows of the object is still open.

    Attributes:
        rows: `__row__`, the contract's columns, cast, and `_rescued` if the chunk has it.
        raw: gives the same columns of the rows that are true in a mask, as the file's texts.
        present: the contract's columns that the file has.
        doubtful: those of them whose cells were cast.
        cells: the contract's columns with the helper columns that the rules' judges look at.
        judged: the rules on a row by itself that apply to the chunk, in order.
        rejects: whether each row breaks one of them.
        uniques: the contract's unique columns.
    """

    rows: pl.DataFrame
    raw: Callable[[pl.Series], pl.DataFrame]
    present: Collection[str]
    doubtful: Collection[str]
    cells: pl.DataFrame
    judged: Sequence[Judged]
    rejects: pl.Series
    uniques: Sequence[Unique]

    def keys(self, columns: Sequence[str]) -> pl.DataFrame:
        """The hashes of each row's key, for telling repeated keys without holding them; see `filegate.keys`.

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
        reports, repeats = self._reports(faults), self._repeats(faults)
        reported = self.rows[ROW].is_in(reports[ROW].implode())
        rejects = pl.select(pl.any_horizontal(self.rejects, reported, *repeats)).to_series()
        if not rejects.any():
            return Split(self.rows, pl.DataFrame(schema=self._rejected_schema()), {})
        texts = self.raw(rejects)
        broken = self.cells.filter(rejects).select(
            *(each.breaks(self.doubtful).alias(each.rule.code) for each in self.judged),
            *(each.filter(rejects) for each in repeats),
        )
        pairs = self._pairs(texts, broken, reports)
        reasons = pairs.group_by(ROW, maintain_order=True).agg(pl.struct(*_REASON).alias("broken"))
        tallies = pairs.group_by(_RANK, "rule").agg(pl.col(ROW).n_unique().alias("rows")).sort(_RANK, "rule")
        return Split(
            accepted=self.rows.filter(~rejects),
            rejected=texts.select(ROW, pl.struct(pl.exclude(ROW)).alias("values"), reasons["broken"]),
            tallies=dict(tallies.select("rule", "rows").iter_rows()),
        )

    def _rejected_schema(self) -> pl.Schema:
        names = [name for name in self.rows.columns if name != ROW]
        return pl.Schema({ROW: pl.Int64(), "values": pl.Struct(dict.fromkeys(names, pl.String())), "broken": BROKEN})

    def _repeats(self, faults: Sequence[Sequence[Fault] | pl.DataFrame]) -> list[pl.Series]:
        """For each unique that rows break, whether each row of the chunk does."""
        uniques = {unique.code for unique in self.uniques}
        rows: dict[str, list[pl.Series]] = {}
        for portion in faults:
            if isinstance(portion, pl.DataFrame):
                for (code,), group in portion.group_by("rule"):
                    if code not in uniques:
                        raise ValueError(f"{code!r} is no unique of the contract, which has {sorted(uniques)}.")
                    rows.setdefault(str(code), []).append(group[ROW].cast(pl.Int64))
            else:
                for fault in portion:
                    if fault.rule in uniques:
                        rows.setdefault(fault.rule, []).append(pl.Series([fault.row], dtype=pl.Int64))
        return [self.rows[ROW].is_in(pl.concat(found).implode()).alias(code) for code, found in rows.items()]

    def _reports(self, faults: Sequence[Sequence[Fault] | pl.DataFrame]) -> pl.DataFrame:
        """The reader's faults on rows of this chunk, in the shape of `_pairs`."""
        ranks = self._ranks()
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
            [fault.rule for fault in found],
            [fault.column for fault in found],
            [fault.value for fault in found],
            [fault.allowed for fault in found],
        ]
        reports = pl.DataFrame(columns, schema=_PAIRS).unique(
            [ROW, "rule", "column"], keep="first", maintain_order=True
        )
        return reports.join(self.rows.select(ROW), on=ROW, how="semi")

    def _pairs(self, texts: pl.DataFrame, broken: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
        """One row for each rule that each rejected row breaks, in order of rows and rules."""
        rules = self._all_rules()
        rows, nothing = texts[ROW], pl.repeat(None, texts.height, dtype=pl.String, eager=True)
        found = [pl.DataFrame(schema={ROW: pl.Int64, "value": pl.String, _RANK: pl.UInt32})]
        for rank, rule in enumerate(rules):
            if rule.code in broken.columns and broken[rule.code].any():
                values = nothing if rule.column is None else texts[rule.column]
                breakers = pl.DataFrame([rows, values.alias("value")]).filter(broken[rule.code])
                found.append(breakers.with_columns(pl.lit(rank, pl.UInt32).alias(_RANK)))
        own = pl.concat(found)
        words = pl.DataFrame([(rule.code, rule.column, rule.allowed) for rule in rules], _WORDS, orient="row")
        own = own.hstack(words[own[_RANK]]).select(_PAIRS.names())
        if reports.height:
            # As with a cell that fails its cast, one whose type the reader refused breaks that rule only.
            refused = reports.filter(pl.col("rule") == pl.col("column") + ":type")
            own = pl.concat([own.join(refused, on=[ROW, "column"], how="anti"), reports])
            own = own.sort(_RANK, maintain_order=True)
        return own.sort(ROW, maintain_order=True)

    def _all_rules(self) -> list[Rule]:
        return [*(each.rule for each in self.judged), *(unique.rule for unique in self.uniques)]

    def _ranks(self) -> dict[str, int]:
        return {rule.code: rank for rank, rule in enumerate(self._all_rules())}
