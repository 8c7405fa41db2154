"""Transform: the dataset's business logic over the accepted rows, into hive-partitioned output parts.

A row-wise transform runs over the rows of some chunks at a time: in one invocation, or, where the object is large, in
one a range of chunks. A transform over the whole object is one invocation's.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import polars as pl

from filegate.contract.partitions import NotAFolder, folder
from filegate.errors import ConservationError, TransformFailed
from filegate.formats.records import ROW
from filegate.pipeline import fan_out
from filegate.pipeline.context import Context
from filegate.pipeline.handover import ACCEPTED, read_manifest
from filegate.pipeline.parquet import parquet_bytes
from filegate.pipeline.progress import ProgressReporter
from filegate.runs.manifests import AcceptedManifest, AcceptedPart, OutputManifest, OutputPart, RangeOutcome
from filegate.runs.run import Range, Run, Transformed
from filegate.runs.states import State
from filegate.storage.objects import write_document

MAX_PARTITIONS = 1_000
"""How many folders one part may be spread over: each is a file, and S3 is slow with many small ones."""
OBJECT_PART_ROWS = 1_000_000
"""Rows of one output part where the transform ran over the whole object."""
MAX_KEY_BYTES = 1024  # bytes of UTF-8, says S3
Partitions = dict[str, list[pl.DataFrame]]
"""Rows by the folders that the columns to partition by give: values that are spelled alike are one."""
OUTCOMES = "transformed"
"""The folder of the ranges' outcomes in the staging bucket."""


def transform(run: Run, context: Context) -> Run:
    """Writes the output parts and their manifest.

    Raises:
        TransformFailed: the dataset's transform raised, or did not return its rows.
        ConservationError: rows got lost between validate and the output.
    """
    accepted = read_manifest(run, context, ACCEPTED, AcceptedManifest)
    context.ledger.enter(run, State.TRANSFORM, context.now(), context.used(run), chunks=len(accepted.parts))
    transformer = _Transformer(run, context)
    if context.registry[run.request.dataset].transform_scope == "object":
        with tempfile.TemporaryDirectory(prefix="filegate-") as scratch:
            parts = list(transformer.of_object(accepted.parts, Path(scratch)))
    else:
        parts = list(transformer.of_rows(accepted.parts, ProgressReporter(run, context)))
    return _concluded(run, context, parts)


def transform_range(run: Run, context: Context) -> Run:
    """Does for the accepted parts of one range what `transform` does for all."""

    def work(range_: Range) -> RangeOutcome:
        accepted = read_manifest(run, context, ACCEPTED, AcceptedManifest)
        parts = tuple(_Transformer(run, context).of_rows(fan_out.until_deadline(accepted.parts, context)))
        return RangeOutcome(
            range=range_,
            used=context.meter.invocation(),
            chunks_done=len(accepted.parts),
            rows_done=sum(done.rows for done in accepted.parts),
            parts=parts,
        )

    return fan_out.run_range(run, context, OUTCOMES, work)


def reduce_transformed(run: Run, context: Context) -> Run:
    """Brings the output parts of all ranges together.

    Raises:
        TransformFailed: as in one of the ranges.
        ConservationError: rows got lost, or a range did.
    """
    run, ranges = fan_out.collect(run, context, OUTCOMES)
    return _concluded(run, context, [part for outcome in ranges for part in outcome.parts])


def _concluded(run: Run, context: Context, parts: Sequence[OutputPart]) -> Run:
    """Proves that no row was lost, and writes the manifest of the output."""
    assert run.validated is not None
    validated = run.validated
    rows = sum(part.rows for part in parts)
    by_row = context.registry[run.request.dataset].transform_scope == "rows"
    if by_row and validated.rows_accepted != rows + validated.rows_repeated:
        raise ConservationError(
            f"{validated.rows_accepted} accepted rows became {rows}, and {validated.rows_repeated} repeated ones were "
            "left out."
        )
    if len({part.target for part in parts}) != len(parts):
        raise ConservationError("Two parts would be published under one key.")
    manifest = OutputManifest(
        run_id=run.run_id, dataset=run.request.dataset, object=str(run.request.address), parts=tuple(parts)
    )
    address = context.staged_output(run)
    write_document(context.store, address, manifest)
    return run.with_transformed(
        Transformed(
            rows_out=rows,
            rows_deduplicated=validated.rows_repeated,
            bytes_out=sum(part.bytes for part in parts),
            parts=len(parts),
            manifest=address.key,
        )
    )


class _Transformer:
    """Makes output parts of accepted ones."""

    def __init__(self, run: Run, context: Context) -> None:
        self._run = run
        self._context = context
        self._dataset = context.registry.dataset(run.request.dataset)
        self._references = context.registry.references(run.request.dataset)

    def of_rows(self, parts: Iterable[AcceptedPart], progress: ProgressReporter | None = None) -> Iterator[OutputPart]:
        """Part by part, where each row gives one row; what some parts give together becomes one part a partition."""
        for index, group in groupby(parts, key=lambda part: part.index // fan_out.GROUP_CHUNKS):
            partitions: Partitions = {}
            for part in group:
                rows = self._distinct(part)
                result = self._transformed(rows.lazy())
                if result.height != rows.height:
                    raise TransformFailed(
                        f"The transform of {self._dataset.name} made {result.height:,} rows of {rows.height:,}.",
                        advice='Declare transform_scope="object" if it filters, joins to several rows, or aggregates.',
                    )
                self._sort_into(partitions, result)
                if progress is not None:
                    progress.done(chunks=1, rows=part.rows)
            yield from self._write(index, partitions)

    def of_object(self, parts: Sequence[AcceptedPart], scratch: Path) -> Iterator[OutputPart]:
        """From all rows at once, which are on disk until the transform asks for them."""
        folder = scratch / "rows"
        folder.mkdir()
        for part in parts:
            self._distinct(part).write_parquet(folder / f"{part.index:05d}.parquet", compression="lz4")
        result = self._transformed(pl.scan_parquet(sorted(folder.iterdir())))
        for index, rows in enumerate(result.iter_slices(OBJECT_PART_ROWS)):
            partitions: Partitions = {}
            self._sort_into(partitions, rows)
            yield from self._write(index, partitions)

    def _distinct(self, part: AcceptedPart) -> pl.DataFrame:
        """The part's rows without those whose key an earlier row of the object has."""
        rows = self._read(part.key)
        if rows.height != part.rows:
            raise ConservationError(f"{part.key} holds {rows.height} rows; validate wrote {part.rows}.")
        if part.repeated:
            rows = rows.filter(~pl.col(ROW).is_in(self._read(part.repeats)[ROW].implode()))
        return rows.drop(ROW)

    def _read(self, key: str) -> pl.DataFrame:
        return pl.read_parquet(self._context.store.read(self._context.staged_key(key)))

    def _transformed(self, rows: pl.LazyFrame) -> pl.DataFrame:
        if self._dataset.transform is None:
            return rows.collect()
        try:
            return self._dataset.transform(rows, self._references).collect(engine="streaming")
        except (Exception, pl.exceptions.PanicException) as error:
            raise TransformFailed(
                f"The transform of {self._dataset.name} raised {_described(error, self._context.registry.folder)}.",
                advice="Fix it until `filegate try` succeeds; then a run that failed in a deployment can be replayed.",
            ) from None  # the cause's text may hold row values

    def _sort_into(self, partitions: Partitions, rows: pl.DataFrame) -> None:
        """Adds the rows to the partitions they belong to."""
        by = list(self._dataset.partition_by)
        if missing := [name for name in by if name not in rows.columns]:
            raise TransformFailed(
                f"The transform of {self._dataset.name} gave no column {', '.join(missing)} to partition by.",
                advice="Keep it in the result, or change partition_by.",
            )
        for group in rows.partition_by(by, maintain_order=True) if by else [rows]:
            folders = "".join(f"{self._folder(name, group[name])}/" for name in by)
            partitions.setdefault(folders, []).append(group.drop(by))
        if len(partitions) > MAX_PARTITIONS:
            raise TransformFailed(
                f"{self._dataset.name}: {sum(rows.height for found in partitions.values() for rows in found):,} rows "
                f"fall into more than {MAX_PARTITIONS:,} partitions by {', '.join(by)}.",
                advice="Partition by a column with fewer values.",
            )

    def _folder(self, name: str, values: pl.Series) -> str:
        try:
            return folder(name, values)
        except NotAFolder as reason:
            raise TransformFailed(
                f"{self._dataset.name}: a value of {name}, which it is partitioned by, {reason}.",
                advice="Replace such values in the transform, or reject their rows by a check of the contract.",
            ) from None

    def _write(self, index: int, partitions: Partitions) -> Iterator[OutputPart]:
        for folders, frames in partitions.items():
            target = f"{self._dataset.name}/{folders}{self._run.run_id}-{index:05d}.parquet"
            staged = self._context.staged(self._run, f"out/{folders}{index:05d}.parquet")
            longest = max(len(key.encode()) for key in (target, staged.key))
            if longest > MAX_KEY_BYTES:
                raise TransformFailed(
                    f"{self._dataset.name}: values of {', '.join(self._dataset.partition_by)} make a key of "
                    f"{longest:,} bytes; S3 takes {MAX_KEY_BYTES:,}.",
                    advice="Partition by columns with short values.",
                )
            rows = self._together(frames)
            data = parquet_bytes(rows, compression="zstd")
            self._context.store.write(staged, data)
            yield OutputPart(
                key=staged.key,
                target=target,
                rows=rows.height,
                bytes=len(data),
            )

    def _together(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        try:
            return pl.concat(frames)
        except pl.exceptions.PolarsError:
            raise TransformFailed(
                f"The transform of {self._dataset.name} gave other columns or types for some rows than for others.",
                advice="Let it give the same columns, of the same types, whatever the rows hold.",
            ) from None


def _described(error: BaseException, datasets: Path) -> str:
    """The error without its text, which may hold row values: its class, and the last line of the dataset's module."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == datasets]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
