"""Read the rows that a run rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from filegate.errors import WrongUse
from filegate.operations.find import short
from filegate.runs.address import Address
from filegate.runs.broken_rule import BrokenRule
from filegate.runs.manifests import QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.storage.objects import ObjectStore, read_document


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
    if not run.quarantine:
        return iter(())
    address = Address.parse(run.quarantine)
    manifest = read_document(store, address, QuarantineManifest)
    return _rows(manifest, address.bucket, store, rule)


def to_rows(frame: pl.DataFrame) -> Iterator[RejectedRow]:
    """The rows of a quarantine part."""
    for row in frame.iter_rows(named=True):
        yield RejectedRow(**{**row, "broken": tuple(BrokenRule(**broken) for broken in row["broken"])})


def _rows(manifest: QuarantineManifest, bucket: str, store: ObjectStore, rule: str | None) -> Iterator[RejectedRow]:
    for part in manifest.parts:
        frame = pl.read_parquet(store.read(Address(bucket, part.key)))
        if rule is not None:
            broke = pl.col("broken").list.eval(pl.element().struct.field("rule") == rule).list.any()
            frame = frame.filter(broke)
        yield from to_rows(frame)
