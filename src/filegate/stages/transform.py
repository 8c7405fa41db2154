"""Transform: the dataset's business logic over the accepted rows, into hive-partitioned output parts."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl

from filegate.dataset import Dataset
from filegate.errors import ConservationError, TransformFailed
from filegate.formats.model import ROW
from filegate.keys import KeyIndex, key_hashes
from filegate.manifests import (
    AcceptedManifest,
    AcceptedPart,
    OutputManifest,
    OutputPart,
    read_manifest,
    write_manifest,
)
from filegate.parquet import parquet_bytes
from filegate.runs import Run, Transformed
from filegate.stages.context import Context

MAX_PARTITIONS = 1_000
"""How many folders one part may be spread over: each is a file, and S3 is slow with many small ones."""
OBJECT_PART_ROWS = 1_000_000
"""Rows of one output part where the transform ran over the whole object."""
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
LONGEST_KEY = 1024  # bytes of UTF-8, says S3


def transform(run: Run, context: Context) -> Run:
    """Writes the output parts and their manifest.

    Raises:
        TransformFailed: the dataset's transform raised, or did not return its rows.
        ConservationError: rows got lost between validate and the output.
    """
    context.ledger.enter(run, "TransformState", context.now(), context.used(run))
    accepted = read_manifest(context.store, context.staged(run, "accepted.json"), AcceptedManifest)
    with context.scratch() as scratch:
        work = _Transformation(run, context, accepted, scratch)
        parts = tuple(work.parts())
    work.prove_conservation(sum(part.rows for part in parts))
    manifest = OutputManifest(
        run_id=run.run_id, dataset=run.request.dataset, object=str(run.request.address), parts=parts
    )
    address = context.staged(run, "output.json")
    write_manifest(context.store, address, manifest)
    return run.having(
        transformed=Transformed(
            rows_out=sum(part.rows for part in parts),
            rows_deduplicated=work.deduplicated,
            bytes_out=sum(part.bytes for part in parts),
            parts=len(parts),
            manifest=address.key,
        )
    )


class _Transformation:
    """One pass over a run's accepted parts."""

    def __init__(self, run: Run, context: Context, accepted: AcceptedManifest, scratch: Path) -> None:
        self._run = run
        self._context = context
        self._accepted = accepted
        self._scratch = scratch
        self._dataset: Dataset = context.registry[run.request.dataset]
        self._references = context.registry.references(run.request.dataset)
        self._keys: KeyIndex | None = None
        self._targets: set[str] = set()
        self.deduplicated = 0

    def parts(self) -> Iterator[OutputPart]:
        """Writes the output parts, one after another."""
        if self._dataset.key:
            self._keys = self._index()
        if self._dataset.transform_scope == "rows":
            for part in self._accepted.parts:
                rows = self._distinct(part)
                result = self._transformed(rows.lazy())
                if result.height != rows.height:
                    raise TransformFailed(
                        f"The transform of {self._dataset.name} made {result.height:,} rows of {rows.height:,}.",
                        advice='Declare transform_scope="object" if it filters, joins to several rows, or aggregates.',
                    )
                yield from self._write(part.index, result)
        else:
            result = self._transformed(self._whole_object())
            for index, rows in enumerate(result.iter_slices(OBJECT_PART_ROWS)):
                yield from self._write(index, rows)

    def prove_conservation(self, rows_out: int) -> None:
        """`rows_accepted = rows_out + rows_deduplicated`, where the transform is row by row."""
        rows = sum(part.rows for part in self._accepted.parts)
        if self._dataset.transform_scope == "rows" and rows != rows_out + self.deduplicated:
            raise ConservationError(
                f"{rows} accepted rows became {rows_out} and {self.deduplicated} repeated ones were left out."
            )

    def _index(self) -> KeyIndex:
        keys = KeyIndex(self._scratch / "keys", keep="first")
        for part in self._accepted.parts:
            keys.add(part.index, key_hashes(self._read(part), self._dataset.key))
        keys.settle()
        return keys

    def _read(self, part: AcceptedPart) -> pl.DataFrame:
        rows = pl.read_parquet(self._context.store.read(self._context.staged_key(part.key)))
        if rows.height != part.rows:
            raise ConservationError(f"{part.key} holds {rows.height} rows; validate wrote {part.rows}.")
        return rows

    def _distinct(self, part: AcceptedPart) -> pl.DataFrame:
        """The part's rows without those whose key an earlier row of the object has."""
        rows = self._read(part)
        if self._keys is not None:
            repeats = self._keys.repeats(part.index)
            self.deduplicated += repeats.len()
            rows = rows.filter(~pl.col(ROW).is_in(repeats.implode()))
        return rows.drop(ROW)

    def _whole_object(self) -> pl.LazyFrame:
        """All rows of the object, on disk until the transform asks for them."""
        folder = self._scratch / "rows"
        folder.mkdir()
        for part in self._accepted.parts:
            self._distinct(part).write_parquet(folder / f"{part.index:05d}.parquet", compression="lz4")
        return pl.scan_parquet(sorted(folder.iterdir()))

    def _transformed(self, rows: pl.LazyFrame) -> pl.DataFrame:
        if self._dataset.transform is None:
            return rows.collect()
        try:
            return self._dataset.transform(rows, self._references).collect(engine="streaming")
        except (Exception, pl.exceptions.PanicException) as error:
            raise TransformFailed(
                f"The transform of {self._dataset.name} raised {_described(error, self._context.registry.folder)}.",
                advice="Mend it, try it with `filegate check` and `filegate drop`, then replay.",
            ) from None  # the cause's text may hold row values

    def _write(self, index: int, rows: pl.DataFrame) -> Iterator[OutputPart]:
        by = list(self._dataset.partition_by)
        if missing := [name for name in by if name not in rows.columns]:
            raise TransformFailed(
                f"The transform of {self._dataset.name} gave no column {', '.join(missing)} to partition by.",
                advice="Keep it in the result, or change partition_by.",
            )
        groups = rows.partition_by(by, as_dict=True, include_key=False, maintain_order=True) if by else {(): rows}
        if len(groups) > MAX_PARTITIONS:
            raise TransformFailed(
                f"{self._dataset.name}: part {index} falls into {len(groups):,} partitions by {', '.join(by)}; at most "
                f"{MAX_PARTITIONS:,} are written.",
                advice="Partition by a column with fewer values.",
            )
        for values, group in groups.items():
            folder = "".join(f"{name}={_hive(value)}/" for name, value in zip(by, values, strict=True))
            target = f"{self._dataset.name}/{folder}{self._run.run_id}-{index:05d}.parquet"
            if len(target.encode()) > LONGEST_KEY:
                raise TransformFailed(
                    f"{self._dataset.name}: a value of {', '.join(by)} makes a key of {len(target.encode()):,} bytes; "
                    f"S3 takes {LONGEST_KEY:,}.",
                    advice="Partition by a column with short values.",
                )
            if target in self._targets:
                raise ConservationError(f"Two partitions of part {index} would be written to one key.")
            self._targets.add(target)
            data = parquet_bytes(group, compression="zstd")
            staged = self._context.staged(self._run, f"out/{folder}{index:05d}.parquet")
            self._context.store.write(staged, data)
            yield OutputPart(
                key=staged.key,
                target=target,
                rows=group.height,
                bytes=len(data),
            )


def _hive(value: object) -> str:
    """A partition value as Hive spells it in a path."""
    if value is None:
        return HIVE_NULL
    text = quote(str(value).lower() if isinstance(value, bool) else str(value), safe=" ")
    return text if text != HIVE_NULL else text.replace("_", "%5F", 1)


def _described(error: BaseException, datasets: Path) -> str:
    """The error without its text, which may hold row values: its class, and the last line of the dataset's module."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == datasets]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
