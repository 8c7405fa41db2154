"""Explain what a run rejected: by rule, the values that broke it most often, and the first rows that did."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from filegate.formats.text import open_text
from filegate.operations.quarantine import RejectedRow, to_rows
from filegate.operations.result import rules
from filegate.runs.address import Address
from filegate.runs.manifests import Layout, QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.storage.objects import FileBlob, ObjectStore, read_document

MAX_VALUES = 5
MAX_EXAMPLES = 3
MAX_PARTS = 32
"""How many quarantine parts are read: the beginning of a large object explains enough."""

_MAX_COUNTED = 1_000  # values a rule that are counted on from part to part; rarer ones are forgotten
_BLOCK = 1 << 20
_SMALL = ["row", "broken"]
_COUNTS = pl.Schema({"rule": pl.String(), "value": pl.String(), "rows": pl.UInt32()})


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
    """What a run rejected, by rule, the most broken first; nothing if it rejected no rows.

    The quarantine is read part by part, `MAX_PARTS` at most: values are counted, and examples found, in these.

    Args:
        run: a run that has ended.
        store: holds its quarantine.
        file: the local file that was delivered, for line numbers; it must be unchanged.

    Raises:
        ObjectGone: the quarantine was deleted.
        AccessDenied: this user may not read it.
    """
    if not run.quarantine:
        return []
    address = Address.parse(run.quarantine)
    manifest = read_document(store, address, QuarantineManifest)
    counts = pl.DataFrame(schema=_COUNTS)
    found: dict[str, Explanation] = {}
    for part in manifest.parts[:MAX_PARTS]:
        data = store.read(Address(address.bucket, part.key))
        broken = pl.read_parquet(data, columns=_SMALL).explode("broken").unnest("broken")
        counts = _most_frequent(pl.concat([counts, _counted(broken)]))
        _add_examples(found, data, broken, run.rules)
    values = {
        rule: tuple(ReceivedValue(*pair) for pair in of_rule.select("value", "rows").head(MAX_VALUES).iter_rows())
        for (rule,), of_rule in counts.group_by("rule", maintain_order=True)
    }
    explanations = [replace(found[rule], values=values.get(rule, ())) for rule in rules(run) if rule in found]
    return explanations if file is None else _with_lines(explanations, file, manifest.layout)


def _counted(broken: pl.DataFrame) -> pl.DataFrame:
    """The values of a part that broke a rule, each with its number of rows; rules about no value are left out."""
    received = broken.filter(pl.col("column").is_not_null() | pl.col("value").is_not_null())
    return received.group_by("rule", "value").agg(rows=pl.len().cast(pl.UInt32))


def _most_frequent(counts: pl.DataFrame) -> pl.DataFrame:
    """The counts added up, the highest first, and of each rule as many as are counted on."""
    totals = counts.group_by("rule", "value").agg(pl.col("rows").sum())
    ranked = totals.sort("rows", "value", descending=[True, False])
    return ranked.group_by("rule", maintain_order=True).head(_MAX_COUNTED).select(_COUNTS.names())


def _add_examples(found: dict[str, Explanation], data: bytes, broken: pl.DataFrame, totals: dict[str, int]) -> None:
    """Adds the rules of a part that are new, and its first rows of those that have not enough examples yet."""
    facts = broken.group_by("rule", maintain_order=True).agg(
        pl.col("column", "allowed").first(), pl.col("row").head(MAX_EXAMPLES)
    )
    wanted: dict[str, list[int]] = {}
    for rule, column, allowed, numbers in facts.iter_rows():
        known = found.setdefault(rule, Explanation(rule, column, allowed, totals.get(rule, 0), (), ()))
        if missing := numbers[: MAX_EXAMPLES - len(known.examples)]:
            wanted[rule] = missing
    if not wanted:
        return
    chosen = pl.read_parquet(data).filter(
        pl.col("row").is_in([*{row for numbers in wanted.values() for row in numbers}])
    )
    rows = {row.row: row for row in to_rows(chosen)}
    for rule, numbers in wanted.items():
        examples = tuple(Example(None, rows[number]) for number in numbers)
        found[rule] = replace(found[rule], examples=found[rule].examples + examples)


def _with_lines(explanations: Iterable[Explanation], file: Path, layout: Layout) -> list[Explanation]:
    """The same with the line of each example's row."""
    explanations = list(explanations)
    rows = [example.row for explanation in explanations for example in explanation.examples]
    lines = line_numbers(file, layout, {row.byte_offset for row in rows if row.byte_offset is not None})

    def placed(example: Example) -> Example:
        offset = example.row.byte_offset
        return example if offset is None else replace(example, line=lines[offset])

    return [replace(one, examples=tuple(map(placed, one.examples))) for one in explanations]


def line_numbers(file: Path, layout: Layout, offsets: Iterable[int]) -> dict[int, int]:
    """The lines of a file, from 1, that bytes of its text are on. The text is read as far as the last of them.

    A line ends with LF or CRLF; with CR only where the text up to there has no LF.

    Args:
        file: a text file.
        layout: how it is written.
        offsets: places in its decompressed UTF-8 text, in bytes.
    """
    ends = {offset: [0, 0] for offset in offsets}  # LF and CR before each
    counts, at, text = [0, 0], 0, b""
    with closing(open_text(FileBlob(file), layout.compression, layout.encoding, guessed=True)) as stream:
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
