"""Generated datasets, and files for them: good ones, and ones that are wrong in every way that a file can be.

Hypothesis draws the structure, and `random.Random` the rows, which are too many for it. Each choice names first what
has the most to show, since a first batch is made of these.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import zstandard
from hypothesis import strategies as st

NAME = "<name>"
"""Stands for the dataset's name in a module."""
MODULE = """\
import polars as pl
from pandera.polars import Check, Column, DataFrameSchema
from filegate import Csv, Dataset, Json, Parquet

SCHEMA = DataFrameSchema({{{columns}}}{unique})
dataset = Dataset("{name}", schema=SCHEMA, source=[{sources}], {options})
"""
BY_ROW = (
    "transform=lambda rows, _: rows.with_columns(twice=pl.col('id') * 2)",
    "transform=None",
    "transform=lambda rows, _: rows.filter(pl.col('id') != 7)",  # loses a row, if there is one, which is refused
    "transform=lambda rows, _: rows.with_columns(pl.col('id').cast(pl.Int8))",  # may raise
)
BY_OBJECT = (
    "transform=lambda rows, _: rows.sort('id', maintain_order=True), transform_scope='object'",
    "transform=lambda rows, _: rows.filter(pl.col('id') % 3 > 0), transform_scope='object'",
)
UNIQUE = ("exclude_first", "exclude_last", "all", None)
MAX_ROWS = {"csv": 120, "ndjson": 48, "array": 48, "parquet": 40}
"""By format; they make two to four ranges where sizes are `TINY`."""


@dataclass(frozen=True)
class Case:
    """A dataset and a file.

    Attributes:
        module: the text of the dataset's module, with `NAME` for its name.
        file: the file's name.
        data: its bytes.
    """

    module: str
    file: str
    data: bytes

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Short: Hypothesis shows the whole batch, and the test itself the case that differs in full."""
        printer.text(f"<{self.file}, {len(self.data)} bytes>")


@dataclass(frozen=True)
class Sizes:
    """The functions' settings of the same names."""

    chunk_bytes: int
    fan_out_bytes: int


@dataclass(frozen=True)
class Kind:
    """A type of column: how it is declared, which checks it may have, its values, and what it does not take."""

    dtype: str
    checks: Sequence[str]
    value: Callable[[Random], Any]
    odd: Sequence[Any]


KINDS = (
    Kind("str", ["Check.isin(['a', 'b', 'x,y'])", "Check.str_matches('^[abx]')"],
         lambda random: random.choice(["a", "b", "x,y", "two\nlines", 'a "b"', "é"]), ["c", "z" * 30]),
    Kind("int", ["Check.ge(2)", "Check.isin([1, 2, 3, 5, 8])"], lambda random: random.randint(1, 9), [-5, 10**6]),
    Kind("float", ["Check.in_range(0, 5)"], lambda random: random.randint(0, 40) / 8, [-1.5, 1e300, float("nan")]),
    Kind("pl.Date", [], lambda random: dt.date(2026, 1, random.randint(1, 9)), [dt.date(1, 1, 1)]),
    Kind("pl.Datetime('us')", [], lambda random: dt.datetime(2026, 1, 1, random.randint(0, 9)),  # noqa: DTZ001
         [dt.datetime(1900, 1, 1)]),  # noqa: DTZ001
    Kind("pl.Boolean", [], lambda random: random.random() < 0.5, [True]),
    Kind("pl.Decimal(6, 2)", ["Check.le(5)"], lambda random: Decimal(random.randint(0, 900)) / 100, [Decimal("99.5")]),
)  # fmt: skip
JUNK = ("x", "", " 1", "1e999", "2026-02-30", "NA", "null", "-")
"""Texts that most types do not take."""


@dataclass(frozen=True)
class Column:
    """A column of a contract and of the files for it."""

    name: str
    kind: Kind
    check: str | None
    nullable: bool
    options: str = ""

    @property
    def declaration(self) -> str:
        return f'"{self.name}": Column({self.kind.dtype}, {self.check}, nullable={self.nullable}{self.options})'


@dataclass(frozen=True)
class Table:
    """What a file holds before it is written: rows of Python's values, and texts where these were spoilt."""

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]


@st.composite
def columns(draw: st.DrawFn, uniques: Sequence[str | None]) -> list[Column]:
    """The column `id`, and some more."""
    unique = draw(st.sampled_from(uniques))
    options = "" if unique is None else f", unique=True, report_duplicates={unique!r}"
    found = [Column("id", Kind("int", [], lambda _: 0, []), None, nullable=False, options=options)]
    for number in range(draw(st.sampled_from([2, 1, 3]))):
        kind = draw(st.sampled_from(KINDS))
        check = draw(st.sampled_from([*kind.checks, None]))
        options = draw(st.sampled_from(["", ", coerce=True", ", required=False"]))
        found.append(Column(f"c{number}", kind, check, nullable=draw(st.booleans()), options=options))
    return found


@st.composite
def tables(draw: st.DrawFn, declared: Sequence[Column], form: str) -> Table:
    """Rows, some of which break the contract."""
    typed = form == "parquet"
    random = Random(draw(st.integers(0, 1 << 32)))
    spoilt = draw(st.sampled_from([0.02, 0.0, 0.3]))
    repeated = draw(st.sampled_from([0.1, 0.0, 0.6]))
    count = draw(st.sampled_from([MAX_ROWS[form], MAX_ROWS[form], MAX_ROWS[form] // 2, 1, 0]))

    def value(column: Column, row: int) -> Any:
        if column.name == "id":
            known = random.randint(1, row) if random.random() < repeated else row
            return "x" if not typed and random.random() < spoilt / 2 else known
        if random.random() < spoilt:
            return random.choice([*column.kind.odd, None, *([] if typed else JUNK)])
        return column.kind.value(random)

    rows = [[value(column, row) for column in declared] for row in range(1, count + 1)]
    names = [column.name for column in declared]
    match draw(st.sampled_from([*["as declared"] * 6, "reordered", "one more", "one lacks", "renamed"])):
        case "reordered":
            names, rows = names[::-1], [row[::-1] for row in rows]
        case "one lacks":
            names, rows = names[:-1], [row[:-1] for row in rows]
        case "one more":
            names, rows = [*names, "more"], [[*row, row[0]] for row in rows]
        case "renamed":
            names = ["ID", *names[1:]]
    return Table(names, rows)


@st.composite
def csv_files(draw: st.DrawFn, declared: Sequence[Column]) -> tuple[str, bytes]:
    """How the source is declared, and a file's bytes; as the next two."""
    table = draw(tables(declared, "csv"))
    random = Random(draw(st.integers(0, 1 << 32)))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quote, header = draw(st.sampled_from(['"', "'", None])), draw(st.sampled_from([True, True, False]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quotechar=quote or '"', lineterminator=end)
    records = []
    for record in [table.names] * header + [*table.rows]:
        if quote is None:
            records.append(delimiter.join("" if value is None else str(value) for value in record) + end)
        else:
            writer.writerow(record)
            records.append(text.getvalue())
            text.seek(text.truncate(0))
    trailing = draw(st.sampled_from([False, False, False, True]))
    if trailing:
        records = [record.removesuffix(end) + delimiter + end for record in records]
    for _ in range(draw(st.sampled_from([2, 0, 0, 20])) if table.rows else 0):
        bad = random.choice(["7", f"7{delimiter}a{delimiter}b{delimiter}c{delimiter}d{delimiter}e", 'a"b', '"a"b', ""])
        records.insert(random.randint(header, len(records)), bad + end)
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    data = "".join(records).removesuffix(end if draw(st.booleans()) else "").encode(encoding)
    dialect = f"delimiter={delimiter!r}, quote={quote!r}, header={header}, trailing_delimiter={trailing}"
    nulls = draw(st.sampled_from(["['NA', 'null']", "[]"]))
    option = ", encoding='cp1252'" if encoding == "cp1252" else ""
    return f"Csv({dialect}, null_values={nulls}{option})", draw(damaged(data))


@st.composite
def json_files(draw: st.DrawFn, declared: Sequence[Column], form: str) -> tuple[str, bytes]:
    array = form == "array"
    table = draw(tables(declared, form))
    random = Random(draw(st.integers(0, 1 << 32)))
    records = [
        json.dumps(dict(zip(table.names, row, strict=True)), default=_json_value, ensure_ascii=random.random() < 0.5)
        for row in table.rows
    ]
    for _ in range(draw(st.sampled_from([2, 0, 0, 20])) if records else 0):
        bad = ['{"id": 7}', '{"id": 7, "other": [1, {}]}', "[7]", '"text"', '{"id": {"a": 1}}']
        broken = [] if array else ['{"id": 7,', "", "no JSON", '{"id": 7} {"id": 8}']
        records.insert(random.randint(0, len(records)), random.choice([*bad, *broken]))
    space = draw(st.sampled_from(["\n", "", " \n  "])) if array else "\n"
    text = f"[{space}{f',{space}'.join(records)}]" if array else "".join(f"{record}\n" for record in records)
    return "Json()", draw(damaged(text.encode()))


@st.composite
def parquet_files(draw: st.DrawFn, declared: Sequence[Column]) -> tuple[str, bytes]:
    table = draw(tables(declared, "parquet"))
    types = {column.name: _TYPES[column.kind.dtype] for column in declared}
    values: Mapping[str, list[Any]] = {name: [row[at] for row in table.rows] for at, name in enumerate(table.names)}
    frame = pl.DataFrame([pl.Series(name, found, types.get(name, pl.Int64())) for name, found in values.items()])
    if draw(st.sampled_from([False, False, True])):
        frame = frame.with_columns(pl.col(frame.columns[-1]).cast(pl.String))
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=draw(st.sampled_from([16, 10_000])))
    cut = draw(st.sampled_from([0, 0, 0, 0, 5]))
    return "Parquet()", file.getvalue()[: len(file.getvalue()) - cut]


_TYPES: Mapping[str, pl.DataType] = {
    "str": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "pl.Date": pl.Date(),
    "pl.Datetime('us')": pl.Datetime("us"),
    "pl.Boolean": pl.Boolean(),
    "pl.Decimal(6, 2)": pl.Decimal(6, 2),
}


def _json_value(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value.isoformat()


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes of a text, perhaps compressed, and perhaps broken."""
    packed = draw(st.sampled_from([lambda data: data, gzip.compress, zstandard.ZstdCompressor().compress]))(data)
    match draw(st.sampled_from([*["whole"] * 12, "truncated", "no text", "empty"])):
        case "truncated":
            return packed[: len(packed) * 2 // 3]
        case "no text":
            return packed[: len(packed) // 2] + bytes([0, 255, 0xFE]) + packed[len(packed) // 2 :]
        case "empty":
            return b""
    return packed


@st.composite
def cases(draw: st.DrawFn, form: str, transforms: Sequence[str], uniques: Sequence[str | None]) -> Case:
    declared = draw(columns(uniques))
    match form:
        case "csv":
            source, data = draw(csv_files(declared))
        case "parquet":
            source, data = draw(parquet_files(declared))
        case _:
            source, data = draw(json_files(declared, form))
    others = [other for other in ("Csv()", "Json()", "Parquet()") if other[:3] != source[:3]]
    sources = [source, *draw(st.sampled_from([[], others[:1], others]))]
    keys = ["['id']", "[]", *(["['id', 'c0']"] if not declared[1].nullable else [])]
    wide = draw(st.sampled_from(["", "", ", unique=['id', 'c0'], report_duplicates='all'"]))
    options = [
        draw(st.sampled_from(transforms)),
        f"key={draw(st.sampled_from(keys))}",
        f"partition_by={draw(st.sampled_from([['c0'], []]))}",
        f"tolerated_rejects={draw(st.sampled_from([1.0, 1.0, 0.5, 0.05, 0.0]))}",
        f"on_unknown_columns={draw(st.sampled_from(['reject', 'rescue', 'ignore']))!r}",
    ]
    module = MODULE.format(
        columns=", ".join(column.declaration for column in declared),
        unique=wide,
        name=NAME,
        sources=", ".join(sources),
        options=", ".join(options),
    )
    return Case(module, f"file.{form}", data)


BATCHES = st.tuples(
    *(cases(form, BY_ROW, UNIQUE) for form in MAX_ROWS), *(cases(form, BY_OBJECT, UNIQUE[::-1]) for form in MAX_ROWS)
)
"""Two cases of each format."""
TINY = st.builds(Sizes, chunk_bytes=st.integers(64, 90), fan_out_bytes=st.just(1))
"""Files of some kilobytes fan out."""
SMALL = st.builds(Sizes, chunk_bytes=st.integers(100, 2_000), fan_out_bytes=st.sampled_from([1 << 20, 1_500]))
"""Some do, and some are a single invocation's many chunks."""
DEFAULT = st.just(Sizes(chunk_bytes=6 << 20, fan_out_bytes=512 << 20))
