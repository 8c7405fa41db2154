"""What a data engineer writes: one `Dataset` for each kind of incoming file. What of it is data: its `Declaration`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, get_args

import polars as pl

from filegate.contract import Contract, UnsupportedFormat, compile_contract
from filegate.contract.partitions import NotAFolder, check_name, check_type
from filegate.errors import DeclarationError
from filegate.formats.records import RESCUED, ExpectedColumn, Scalar, UnknownColumns
from filegate.formats.sources import Source, TextSource

if TYPE_CHECKING:
    import pandera.polars as pa

TransformScope = Literal["rows", "object"]


class References(Mapping[str, pl.LazyFrame]):
    """The reference tables a transform may join: `references["airlines"]` is a LazyFrame.

    A table is a CSV, NDJSON or Parquet file beside the dataset's module, read once a process.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)
        self._frames: dict[str, pl.DataFrame] = {}

    def __getitem__(self, name: str) -> pl.LazyFrame:
        if name not in self._frames:
            self._frames[name] = _READERS[self._files[name].suffix](self._files[name])
        return self._frames[name].lazy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": pl.read_csv,
    ".ndjson": pl.read_ndjson,
    ".parquet": pl.read_parquet,
}

Transform = Callable[[pl.LazyFrame, References], pl.LazyFrame]

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
HOUR, MAX_DUE_EVERY = timedelta(hours=1), timedelta(days=7)
STRICT = {True: "reject", "filter": "ignore"}
"""What pandera's `strict` says of unknown columns; its default, False, leaves it to the dataset."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a dataset declares of its files, as data: all but the schema and the transform, which are its module's code.

    Attributes: see `Dataset`.
    """

    name: str
    contract: Contract = field(repr=False)
    sources: tuple[Source, ...] = field(repr=False)
    transform_scope: TransformScope = "rows"
    references: Mapping[str, str] = field(default_factory=dict)
    key: Sequence[str] = ()
    partition_by: Sequence[str] = ()
    on_unknown_columns: UnknownColumns = "reject"
    tolerated_rejects: float = 0.05
    due_every: timedelta | None = None

    @property
    def needs_whole_object(self) -> bool:
        """Whether a row's fate depends on the object's other rows, so that a part of them cannot be run alone."""
        return bool(self.key or self.contract.uniques) or self.transform_scope == "object"

    @cached_property
    def expected_columns(self) -> tuple[ExpectedColumn, ...]:
        """The contract's columns, as the readers of the formats need to know them."""
        return tuple(
            ExpectedColumn(column.name, column.required, _scalar(column.dtype), column.coerce, column.dtype)
            for column in self.contract.columns
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the accepted rows' columns, in order."""
        rescued = (RESCUED,) if self.on_unknown_columns == "rescue" else ()
        return (*(column.name for column in self.contract.columns), *rescued)


@dataclass(frozen=True)
class Dataset(Declaration):
    """One kind of file: the contract its rows must honour, and what becomes of them.

    Attributes:
        name: lower-case word; objects under `<name>/` in the raw bucket belong to this dataset.
        schema: a pandera `DataFrameModel` or `DataFrameSchema` (from `pandera.polars`).
        source: how the files are written; several if the dataset is delivered in several formats.
        transform: `(rows, references) -> rows`, on polars LazyFrames; None publishes the accepted rows as they are.
        transform_scope: "rows" runs the transform on one part at a time, and each row must give one row;
            "object" runs it once over all rows of the object, which must fit in memory then; their number may change.
        references: file name of each reference table, relative to the dataset's module.
        key: columns that identify a row; of accepted rows with the same key only the first is published.
        partition_by: columns of the transform's result that become folders (`month=1/`) of the output.
        on_unknown_columns: what a column that the contract does not name means: "reject" the object (for JSON the
            row), "ignore" the column, or "rescue" its values as JSON text in a column `_rescued`.
        tolerated_rejects: share of rejected rows, 0 to 1, up to which the accepted ones are published (PARTIAL);
            above it nothing is (REJECTED).
        due_every: within what time a file of this dataset is due after the one before; an alarm goes off if none came.
            Whole hours, from one hour to seven days; None expects nothing.
        contract: the compiled schema.
        sources: `source`, always as a tuple.

    Raises:
        DeclarationError: something of it cannot work; the message says what, and what to write instead.
    """

    name: str
    schema: type[pa.DataFrameModel] | pa.DataFrameSchema
    source: Source | Sequence[Source]
    transform: Transform | None = None
    contract: Contract = field(init=False, repr=False)
    sources: tuple[Source, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            self._refuse(f"the name must match {NAME.pattern}", "It becomes the first part of object keys.")
        self._check_lists()
        as_they_are = self.partition_by if self.transform is None else ()
        contract = compile_contract(self.schema, dataset=self.name, partition_by=as_they_are)
        object.__setattr__(self, "contract", contract)
        sources = (self.source,) if isinstance(self.source, Source) else tuple(self.source)
        object.__setattr__(self, "sources", sources)
        self._check_sources()
        self._check_columns("key", self.key)
        self._check_policies()

    def declaration(self) -> Declaration:
        """The part of it that is data."""
        return Declaration(**{each.name: getattr(self, each.name) for each in fields(Declaration)})

    def result_schema(self, references: References) -> pl.Schema:
        """The columns of the transform's result, found by running it on no rows.

        Raises:
            DeclarationError: the transform fails on an empty frame, returns something else than a LazyFrame, or lacks
                a partition column.
        """
        schema = {column.name: column.dtype for column in self.contract.columns}
        if RESCUED in self.columns:
            schema[RESCUED] = pl.String()
        rows = pl.LazyFrame(schema=schema)
        try:
            result = rows if self.transform is None else self.transform(rows, references)
            if not isinstance(result, pl.LazyFrame):
                self._refuse(f"transform returned {type(result).__name__}", "Return a polars LazyFrame.")
            found = result.collect().schema
        except DeclarationError:
            raise
        except Exception as error:
            self._refuse(f"transform fails on an empty frame: {type(error).__name__}: {error}", "Fix the transform.")
        if missing := [name for name in self.partition_by if name not in found]:
            self._refuse(f"partition_by names {missing}, which the result lacks", f"It has {list(found)}.")
        for name in self.partition_by:
            try:
                check_type(found[name])
            except NotAFolder as reason:
                self._refuse(
                    f"partition_by names {name!r}, which {reason}", "Partition by single values of other types."
                )
        if len(found) == len(self.partition_by):
            self._refuse("partition_by names every column of the result", "Leave at least one to be written.")
        return found

    def _check_lists(self) -> None:
        for name in ("key", "partition_by"):
            value = getattr(self, name)
            if isinstance(value, str):
                self._refuse(f"{name}={value!r} is one string", f"Write a list: {name}=[{value!r}].")
            if len(set(value)) < len(value):
                self._refuse(f"{name} names a column twice: {list(value)}", "Name each column once.")
        for name in self.partition_by:
            try:
                check_name(name)
            except NotAFolder as reason:
                self._refuse(f"partition_by names {name!r}, which {reason}", "Rename it in the transform.")

    def _check_sources(self) -> None:
        if not self.sources:
            self._refuse("no source is declared", "Use Csv(), Json() or Parquet().")
        kinds = [type(source).__name__ for source in self.sources]
        if len(set(kinds)) < len(kinds):
            self._refuse(f"sources {kinds} repeat a format", "An object's format decides which source reads it.")
        for source in self.sources:
            if isinstance(source, TextSource):
                self._check_columns("date_formats", tuple(source.date_formats))
                self._check_date_formats(source)
                if isinstance(source.null_values, Mapping):
                    self._check_columns("null_values", tuple(source.null_values))

    def _check_date_formats(self, source: TextSource) -> None:
        for name, date_format in source.date_formats.items():
            if not self.contract.dtypes[name].is_temporal():
                self._refuse(f"date_formats names {name!r}, which is not a date or time", "Drop it.")
            if not isinstance(date_format, str):
                self._refuse(f"date format {date_format!r} of {name!r} is not a string", "Give one format a column.")
            try:
                self.contract.with_date_formats({name: date_format})
            except UnsupportedFormat as error:
                self._refuse(f"date format {date_format!r} of {name!r} {error.problem}", error.advice)

    def _check_columns(self, what: str, names: Sequence[str]) -> None:
        columns = {column.name: column for column in self.contract.columns}
        for name in names:
            if name not in columns:
                self._refuse(f"{what} names {name!r}, which is not a column", f"The contract has {list(columns)}.")
            if what == "key" and columns[name].nullable:
                self._refuse(f"key column {name!r} is nullable", "A row without its key cannot be told from others.")

    def _check_policies(self) -> None:
        if self.on_unknown_columns not in get_args(UnknownColumns):
            self._refuse(
                f"on_unknown_columns={self.on_unknown_columns!r}", f"Use one of {list(get_args(UnknownColumns))}."
            )
        if self.transform_scope not in get_args(TransformScope):
            self._refuse(f"transform_scope={self.transform_scope!r}", f"Use one of {list(get_args(TransformScope))}.")
        if not isinstance(self.tolerated_rejects, int | float) or not 0 <= self.tolerated_rejects <= 1:
            self._refuse(f"tolerated_rejects={self.tolerated_rejects!r}", "Give a share between 0 and 1.")
        self._check_due_every()
        strict = STRICT.get(self.contract.strict)
        if strict is not None and strict != self.on_unknown_columns:
            self._refuse(
                f"the schema's strict={self.contract.strict!r} contradicts on_unknown_columns="
                f"{self.on_unknown_columns!r}",
                f"Drop strict from the schema, or say on_unknown_columns={strict!r}.",
            )
        for name, file in self.references.items():
            if Path(file).suffix not in _READERS:
                self._refuse(f"reference {name!r} is {file!r}", f"Its file must end with one of {list(_READERS)}.")

    def _check_due_every(self) -> None:
        if self.due_every is None:
            return
        if not isinstance(self.due_every, timedelta):
            self._refuse(f"due_every={self.due_every!r} is not a timedelta", "Write it like timedelta(hours=24).")
        if self.due_every % HOUR or not HOUR <= self.due_every <= MAX_DUE_EVERY:
            self._refuse(
                f"due_every is {self.due_every}",
                "Give whole hours, at least one, and at most seven days: an alarm looks no further back.",
            )

    def _refuse(self, problem: str, advice: str) -> NoReturn:
        raise DeclarationError(f"Dataset {self.name!r}: {problem}.", advice=advice)


def _scalar(dtype: pl.DataType) -> Scalar:
    """What a value of this type is in JSON."""
    if dtype.is_temporal():
        return "temporal"
    if dtype.is_numeric():
        return "number"
    return "boolean" if dtype == pl.Boolean else "text"
