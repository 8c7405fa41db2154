"""pyarrow by hand: a stream of record batches, each cast, judged, parted and written before the next one is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet

from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from benchmarks.tables import CARRIERS, TABLES, Kind, Table

BLOCK = 16 << 20

TYPES: dict[Kind, pa.DataType] = {
    "int": pa.int64(),
    "money": pa.decimal128(15, 2),
    "date": pa.date32(),
    "instant": pa.timestamp("us", "UTC"),
}
# What a cast takes without an error, but for the days that no calendar has.
FORMS: dict[Kind, str] = {
    "int": r"^[+-]?[0-9]{1,18}$",
    "money": r"^[+-]?[0-9]{1,13}(\.[0-9]{1,2})?$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "instant": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}
CALENDARS: dict[Kind, str] = {"date": "%Y-%m-%d", "instant": "%Y-%m-%dT%H:%M:%SZ"}

RULES: dict[str, Callable[[pa.Array, Any], pa.Array]] = {
    "eq": pc.equal,
    "ge": pc.greater_equal,
    "gt": pc.greater,
    "in_range": lambda values, bounds: pc.and_(pc.greater_equal(values, bounds[0]), pc.less_equal(values, bounds[1])),
    "isin": lambda values, allowed: pc.or_(pc.is_in(values, pa.array(allowed)), pc.is_null(values)),
    "str_length": lambda values, bounds: RULES["in_range"](pc.utf8_length(values), bounds),
    "str_matches": pc.match_substring_regex,
}
ROW_RULES: dict[str, Callable[[dict[str, pa.Array]], pa.Array]] = {
    "lineitem": lambda rows: pc.greater(rows["l_receiptdate"], rows["l_shipdate"]),
    "flights": lambda rows: pc.or_(pc.is_null(rows["arr_time"]), pc.is_valid(rows["air_time"])),
}


def ready(job: Job, output: Path) -> Work:
    table = TABLES[job.table]
    finish = {"lineitem": _priced, "flights": _named}[job.table](job)
    (output / "rejected").mkdir()
    texts = {"row": pa.int64()} | dict.fromkeys(table.columns, pa.string())
    schema = pa.schema(texts | {"broken": pa.list_(pa.string())})

    def work(_: Phases) -> None:
        with pyarrow.parquet.ParquetWriter(output / "rejected" / "all.parquet", schema, compression="zstd") as rejected:
            seen: set[int] = set()
            accepted = (_accepted(job.table, batch, rejected) for batch in _batches(job, table))
            published = (finish(_unseen(rows, KEYS[job.table](rows), seen)) for rows in accepted)
            first = next(published)
            parquet = pyarrow.dataset.ParquetFileFormat()
            partition = pa.schema([first.schema.field(table.partition_by)])
            pyarrow.dataset.write_dataset(
                chain([first], published),
                output / "published",
                schema=first.schema,
                format=parquet,
                file_options=parquet.make_write_options(compression="zstd", store_decimal_as_integer=True),
                partitioning=pyarrow.dataset.partitioning(partition, flavor="hive"),
                min_rows_per_group=100_000,
            )

    return work


def _batches(job: Job, table: Table) -> Iterator[pa.RecordBatch]:
    """`row`, from 1, and all columns as text; null where there is no value."""
    reader = pyarrow.csv.open_csv(
        job.input,
        read_options=pyarrow.csv.ReadOptions(block_size=BLOCK),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(table.columns, pa.string()),
            strings_can_be_null=True,
            null_values=["", table.null],
            quoted_strings_can_be_null=False,
        ),
    )
    row = 1
    for batch in reader:
        yield batch.add_column(0, "row", pa.array(range(row, row + batch.num_rows), pa.int64()))
        row += batch.num_rows


def _accepted(name: str, texts: pa.RecordBatch, rejected: pyarrow.parquet.ParquetWriter) -> pa.RecordBatch:
    """The rows that break no rule; the others are written."""
    table = TABLES[name]
    rows: dict[str, pa.Array] = {}
    broken: dict[str, pa.Array] = {}
    for column_name, column in table.columns.items():
        text = texts[column_name]
        values = rows[column_name] = _cast(text, column.kind)
        if not column.nullable and text.null_count:
            broken[f"{column_name}:not_null"] = pc.is_null(text)
        if values.null_count > text.null_count:
            broken[f"{column_name}:type"] = pc.and_(pc.is_null(values), pc.is_valid(text))
        if column.rule is not None:
            rule, bound = column.rule
            broken[f"{column_name}:{rule}"] = _not(RULES[rule](values, bound))
    broken[table.row_rule] = _not(ROW_RULES[name](rows))
    broken = {code: mask for code, mask in broken.items() if mask.true_count}
    accepted = pa.RecordBatch.from_pydict(rows)
    if not broken:
        return accepted
    rejects, *others = broken.values()
    for mask in others:
        rejects = pc.or_(rejects, mask)
    _write_rejected(texts.filter(rejects), {code: mask.filter(rejects) for code, mask in broken.items()}, rejected)
    return accepted.filter(pc.invert(rejects))


def _not(holds: pa.Array) -> pa.Array:
    """Where a rule is broken: what it cannot decide, because a value is missing, it accepts."""
    return pc.fill_null(pc.invert(holds), False)


def _write_rejected(texts: pa.RecordBatch, broken: dict[str, pa.Array], file: pyarrow.parquet.ParquetWriter) -> None:
    nothing = pa.scalar(None, pa.string())
    codes = [pc.if_else(mask, code, nothing) for code, mask in broken.items()]
    joined = pc.binary_join_element_wise(*codes, "|", null_handling="skip")
    file.write_batch(texts.append_column("broken", pc.split_pattern(joined, "|")))


def _cast(text: pa.Array, kind: Kind) -> pa.Array:
    """The values; null where a text is none."""
    if kind == "text":
        return text
    try:
        return pc.cast(text, TYPES[kind])
    except pa.ArrowInvalid:  # some text is no value: each different one is looked at
        encoded = text.dictionary_encode()
        words = encoded.dictionary
        sound = pc.match_substring_regex(words, FORMS[kind])
        if kind in CALENDARS:  # strptime makes a day of March of the 30th of February
            moments = pc.strptime(words, format=CALENDARS[kind], unit="s", error_is_null=True)
            sound = pc.and_(sound, pc.equal(pc.strftime(moments, format=CALENDARS[kind]), words))
        values = pc.cast(pc.if_else(sound, words, pa.scalar(None, pa.string())), TYPES[kind])
        return values.take(encoded.indices)


def _unseen(rows: pa.RecordBatch, keys: pa.Array, seen: set[int]) -> pa.RecordBatch:
    """The rows whose key is not in `seen`, where it is then."""
    fresh = []
    for key in keys.to_pylist():
        fresh.append(key not in seen)
        seen.add(key)
    return rows if all(fresh) else rows.filter(pa.array(fresh))


def _lineitem_key(rows: pa.RecordBatch) -> pa.Array:
    """One number for both: a line's number is 7 at most."""
    return pc.add_checked(pc.multiply_checked(rows["l_orderkey"], 8), rows["l_linenumber"])


def _flights_key(rows: pa.RecordBatch) -> pa.Array:
    """One number for all three: seconds have 32 bits for long yet, and there are 16 carriers."""
    seconds = pc.cast(pc.cast(rows["time_hour"], pa.timestamp("s", "UTC")), pa.int64())
    carrier = pc.cast(pc.index_in(rows["carrier"], pa.array(CARRIERS)), pa.int64())
    moment = pc.add_checked(pc.multiply_checked(seconds, 16), carrier)
    return pc.add_checked(pc.multiply_checked(rows["flight"], 1 << 36), moment)


KEYS: dict[str, Callable[[pa.RecordBatch], pa.Array]] = {"lineitem": _lineitem_key, "flights": _flights_key}

Finish = Callable[[pa.RecordBatch], pa.RecordBatch]


def _priced(job: Job) -> Finish:
    suppliers = pyarrow.parquet.read_table(job.data.suppliers).combine_chunks()
    keys, nations = (suppliers[name].chunk(0) for name in ("s_suppkey", "s_nationkey"))
    one = pa.scalar(Decimal(1), pa.decimal128(3, 2))

    def finish(lines: pa.RecordBatch) -> pa.RecordBatch:
        revenue = pc.multiply(lines["l_extendedprice"], pc.subtract(one, lines["l_discount"]))
        return (
            lines.append_column("s_nationkey", nations.take(pc.index_in(lines["l_suppkey"], keys)))
            .append_column("revenue", pc.cast(revenue, pa.decimal128(15, 4)))
            .append_column("ship_year", pc.year(lines["l_shipdate"]))
        )

    return finish


def _named(job: Job) -> Finish:
    airlines = pyarrow.csv.read_csv(job.data.airlines).combine_chunks()
    carriers, names = (airlines[name].chunk(0) for name in ("carrier", "name"))

    def finish(flights: pa.RecordBatch) -> pa.RecordBatch:
        miles_an_hour = pc.divide(pc.cast(pc.multiply(flights["distance"], 60), pa.float64()), flights["air_time"])
        return (
            flights.append_column("airline", names.take(pc.index_in(flights["carrier"], carriers)))
            .append_column("cancelled", pc.is_null(flights["dep_time"]))
            .append_column("miles_per_hour", pc.round(miles_an_hour, 1))
        )

    return finish
