"""The verdict on one chunk: which rows are accepted, and why the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from filegate.contract.rules import Rule, Unique
from filegate.formats.model import RESCUED, ROW, Fault
from filegate.keys import key_hashes

_REASON = {"rule": pl.String(), "column": pl.String(), "value": pl.String(), "allowed": pl.String()}
BROKEN = pl.List(pl.Struct(_REASON))
"""The type of `broken`: a struct for each broken rule of a rejected row."""

_OWN = "\0own"
_RANK = "rank"
_REPORTED = "\0reported"
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
        raw: `__row__`, the contract's columns as the file has them, and `_rescued` if the chunk has it.
        typed: the contract's columns, cast.
        mistyped: for each column of the file, whether the cell failed its cast.
        broken: `__row__`, and for each rule, in order, whether the row breaks it.
        rules: the rules of `broken`.
        uniques: the contract's unique columns.
    """

    raw: pl.DataFrame
    typed: pl.DataFrame
    mistyped: pl.DataFrame
    broken: pl.DataFrame
    rules: Sequence[Rule]
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
        own = key_hashes(self.raw.select(ROW, pl.lit("like no other").alias(_OWN)), [ROW, _OWN])
        present = [name for name in columns if name in self.mistyped.columns]
        if not present:
            return own
        known = key_hashes(pl.concat([self.raw.select(ROW), self.typed.select(present)], how="horizontal"), present)
        unknown = self.mistyped.select(pl.any_horizontal(present)).to_series()
        return known.with_columns(own[name].zip_with(unknown, known[name]) for name in known.columns if name != ROW)

    def split(self, *faults: Sequence[Fault] | pl.DataFrame) -> Split:
        """Part the chunk into accepted and rejected rows.

        Args:
            faults: what was found outside, in any number of portions: faults of the reader, or a frame of `__row__` and
                `rule`, the code of a unique that the row breaks. Rows of other chunks are passed over.

        Raises:
            ValueError: a frame names a rule that is no unique of the contract.
        """
        reports = self._reports(faults)
        reported = pl.col(ROW).is_in(reports[ROW].implode()).alias(_REPORTED)
        broken = self.broken.with_columns(reported, *self._repeats(faults))
        rejects = broken.select(pl.any_horizontal(pl.exclude(ROW))).to_series()
        texts = self.raw.filter(rejects).with_columns(pl.exclude(ROW).cast(pl.String))
        pairs = self._pairs(texts, broken.filter(rejects), reports)
        reasons = pairs.group_by(ROW, maintain_order=True).agg(pl.struct(*_REASON).alias("broken"))
        tallies = pairs.group_by(_RANK, "rule").agg(pl.col(ROW).n_unique().alias("rows")).sort(_RANK, "rule")
        rescued = [self.raw.select(RESCUED)] if RESCUED in self.raw.columns else []
        return Split(
            accepted=pl.concat([self.raw.select(ROW), self.typed, *rescued], how="horizontal").filter(~rejects),
            rejected=texts.select(ROW, pl.struct(pl.exclude(ROW)).alias("values"), reasons["broken"]),
            tallies=dict(tallies.select("rule", "rows").iter_rows()),
        )

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
        return [self.raw[ROW].is_in(pl.concat(found).implode()).alias(code) for code, found in rows.items()]

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
        return reports.join(self.raw.select(ROW), on=ROW, how="semi")

    def _pairs(self, texts: pl.DataFrame, broken: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
        """One row for each rule that each rejected row breaks, in order of rows and rules."""
        found = [pl.DataFrame(schema=_PAIRS)]
        for rank, rule in enumerate(self._all_rules()):
            if rule.code in broken.columns and broken[rule.code].any():
                value = pl.lit(None, dtype=pl.String) if rule.column is None else pl.col(rule.column)
                found.append(
                    texts.filter(broken[rule.code]).select(
                        ROW,
                        pl.lit(rank, dtype=pl.UInt32).alias(_RANK),
                        rule=pl.lit(rule.code),
                        column=pl.lit(rule.column, dtype=pl.String),
                        value=value,
                        allowed=pl.lit(rule.allowed),
                    )
                )
        own = pl.concat(found)
        if reports.height:
            # As with a cell that fails its cast, one whose type the reader refused breaks that rule only.
            refused = reports.filter(pl.col("rule") == pl.col("column") + ":type")
            own = pl.concat([own.join(refused, on=[ROW, "column"], how="anti"), reports])
        return own.sort(ROW, _RANK, maintain_order=True)

    def _all_rules(self) -> list[Rule]:
        return [*self.rules, *(unique.rule for unique in self.uniques)]

    def _ranks(self) -> dict[str, int]:
        return {rule.code: rank for rank, rule in enumerate(self._all_rules())}
