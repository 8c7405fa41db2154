"""Read the rows that a run rejected, and explain them by rule: what was received most often, and the first rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from filegate.errors import WrongUse
from filegate.formats.text import open_text
from filegate.operations.artefacts import quarantine_of
from filegate.operations.result import rules
from filegate.runs.address import Address
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import Layout
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.storage.folder import FileBlob
from filegate.storage.objects import ObjectStore

MAX_VALUES = 5
MAX_EXAMPLES = 3
MAX_PARTS = 32
"""How many quarantine parts are read to explain a run: the beginning of a large object explains enough."""

_MAX_COUNTED = 1_000  # values a rule that are counted on from part to part; rarer ones are forgotten
_BLOCK = 1 << 20
_COUNTS = pl.Schema({"rule": pl.String(), "value": pl.String(), "rows": pl.UInt32()})


@dataclass(frozen=True)
class RejectedRow:
    """A row in quarantine.

    Attributes:
        row: its number in the object, from 1.
        byte_offset: where it starts in the object's decompressed UTF-8 text; None for Parquet.
        values: each column's value as a string; None if the record could not be split into values.
        raw: the record's bytes (at most the first 64 KiB) in that case; else None.
        broken: every rule it broke.
    """

    row: int
    byte_offset: int | None
    values: dict[str, str | None] | None
    raw: bytes | None
    broken: tuple[BrokenRule, ...]

    def to_json(self) -> dict[str, Any]:
        r"""The same names; bytes that are not UTF-8 are written as `\xff`."""
        raw = None if self.raw is None else self.raw.decode(errors="backslashreplace")
        return {**vars(self), "raw": raw, "broken": [asdict(broken) for broken in self.broken]}


def rejected_rows(run: RunRecord, store: ObjectStore, *, rule: str | None = None) -> Iterator[RejectedRow]:
    """The rows that a run rejected, in the object's order, part by part; all of them, or those that broke a rule.

    Raises:
        WrongUse: no row broke that rule.
        ObjectGone: the quarantine was deleted.
    """
    if rule is not None and rule not in run.rules:
        raise WrongUse(
            f"No row of run {short(run.run_id)} broke a rule {rule!r}.",
            advice=f"Broken were {', '.join(run.rules)}." if run.rules else "It rejected no rows.",
        )
    quarantine = quarantine_of(run, store)
    return iter(()) if quarantine is None else _read(quarantine.parts, store, rule)


def _read(parts: Iterable[Address], store: ObjectStore, rule: str | None) -> Iterator[RejectedRow]:
    for part in parts:
        frame = pl.read_parquet(store.read(part))
        if rule is not None:
            broke = pl.col("broken").list.eval(pl.element().struct.field("rule") == rule).list.any()
            frame = frame.filter(broke)
        yield from _rows(frame)


def _rows(frame: pl.DataFrame) -> Iterator[RejectedRow]:
    """The rows of a quarantine part."""
    for row in frame.iter_rows(named=True):
        yield RejectedRow(**{**row, "broken": tuple(BrokenRule(**broken) for broken in row["broken"])})


@dataclass(frozen=True)
class ReceivedValue:
    """A value that broke a rule, as text (None: null), and in how many rows."""

    value: str | None
    rows: int


@dataclass(frozen=True)
class Example:
    """A rejected row, and the line of the file that it starts on, from 1; None where there is no file, or no lines."""

    line: int | None
    row: RejectedRow

    def to_json(self) -> dict[str, Any]:
        """`line`, `row`, `byte_offset`, `values`, `raw`, `broken`."""
        return {"line": self.line, **self.row.to_json()}


@dataclass(frozen=True)
class Explanation:
    """What broke a rule.

    Attributes:
        rule: its code.
        column: its column; None: the whole record.
        allowed: what it accepts, in words.
        rows: how many rows broke it.
        values: the values received most often; empty if the rule is not about a value.
        examples: the first rows that broke it.
    """

    rule: str
    column: str | None
    allowed: str
    rows: int
    values: tuple[ReceivedValue, ...]
    examples: tuple[Example, ...]

    def to_json(self) -> dict[str, Any]:
        """The same names."""
        values, examples = [vars(value) for value in self.values], [example.to_json() for example in self.examples]
        return {**vars(self), "values": values, "examples": examples}


def explain(run: RunRecord, store: ObjectStore, file: Path | None = None) -> list[Explanation]:
    """What a run that has ended rejected, by rule, the most broken first; nothing if it rejected no rows.

    The quarantine is read part by part, `MAX_PARTS` at most: values are counted, and examples found, in these.

    With the local file that was delivered, which must be unchanged, examples have line numbers.

    Raises:
        ObjectGone: the quarantine was deleted.
        AccessDenied: this user may not read it.
    """
    quarantine = quarantine_of(run, store)
    if quarantine is None:
        return []
    counts = pl.DataFrame(schema=_COUNTS)
    facts: dict[str, tuple[str | None, str]] = {}  # column, and what is allowed
    examples: defaultdict[str, list[RejectedRow]] = defaultdict(list)
    for part in quarantine.parts[:MAX_PARTS]:
        data = store.read(part)
        broken = pl.read_parquet(data, columns=["row", "broken"]).explode("broken").unnest("broken")
        counts = _most_frequent(pl.concat([counts, _counted(broken)]))
        wanted: dict[str, list[int]] = {}
        for rule, column, allowed, numbers in _first_rows(broken).iter_rows():
            facts.setdefault(rule, (column, allowed))
            wanted[rule] = numbers[: MAX_EXAMPLES - len(examples[rule])]
        if chosen := {number for numbers in wanted.values() for number in numbers}:
            rows = {row.row: row for row in _rows(pl.read_parquet(data).filter(pl.col("row").is_in([*chosen])))}
            for rule, numbers in wanted.items():
                examples[rule] += [rows[number] for number in numbers]
    values = {
        rule: tuple(ReceivedValue(*pair) for pair in of_rule.select("value", "rows").head(MAX_VALUES).iter_rows())
        for (rule,), of_rule in counts.group_by("rule", maintain_order=True)
    }
    starts = {row.byte_offset for rows in examples.values() for row in rows if row.byte_offset is not None}
    lines = line_numbers(file, quarantine.layout, starts) if file is not None and starts else {}

    def example(row: RejectedRow) -> Example:
        return Example(None if row.byte_offset is None else lines.get(row.byte_offset), row)

    return [
        Explanation(
            rule, *facts[rule], rows=count, values=values.get(rule, ()), examples=tuple(map(example, examples[rule]))
        )
        for rule, count in rules(run).items()
        if rule in facts
    ]


def _first_rows(broken: pl.DataFrame) -> pl.DataFrame:
    """Of each rule of a part its column, what it allows, and the numbers of the first rows that broke it."""
    by_rule = broken.group_by("rule", maintain_order=True)
    return by_rule.agg(pl.col("column", "allowed").first(), pl.col("row").head(MAX_EXAMPLES))


def _counted(broken: pl.DataFrame) -> pl.DataFrame:
    """The values of a part that broke a rule, each with its number of rows; rules about no value are left out."""
    received = broken.filter(pl.col("column").is_not_null() | pl.col("value").is_not_null())
    return received.group_by("rule", "value").agg(rows=pl.len().cast(pl.UInt32))


def _most_frequent(counts: pl.DataFrame) -> pl.DataFrame:
    """The counts added up, the highest first, and of each rule as many as are counted on."""
    totals = counts.group_by("rule", "value").agg(pl.col("rows").sum())
    ranked = totals.sort("rows", "value", descending=[True, False])
    return ranked.group_by("rule", maintain_order=True).head(_MAX_COUNTED).select(_COUNTS.names())


def line_numbers(file: Path, layout: Layout, offsets: Iterable[int]) -> dict[int, int]:
    """The lines of a file, from 1, that bytes of its text are on. The text is read as far as the last of them.

    A line ends with LF or CRLF; with CR only where the text up to there has no LF. Offsets are in bytes of the file's
    decompressed UTF-8 text.
    """
    ends = {offset: [0, 0] for offset in offsets}  # LF and CR before each
    counts, at, text = [0, 0], 0, b""
    with closing(open_text(FileBlob(file), layout.compression, layout.encoding)) as stream:
        for offset in sorted(ends):
            while at + len(text) < offset:
                counts = [counts[0] + text.count(b"\n"), counts[1] + text.count(b"\r")]
                at, text = at + len(text), stream.read(_BLOCK)
                if not text:
                    break
            before = offset - at
            ends[offset] = [counts[0] + text.count(b"\n", 0, before), counts[1] + text.count(b"\r", 0, before)]
    has_lf = any(lf for lf, _ in ends.values())
    return {offset: 1 + (lf if has_lf else cr) for offset, (lf, cr) in ends.items()}
