"""Laws of the contract, on generated schemas and chunks; pandera itself is the oracle for its checks."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from polars.testing import assert_frame_equal

from filegate.contract import Contract, Split, compile_contract
from filegate.formats.records import ROW

FEW, MANY = settings(max_examples=60), settings(max_examples=150)

INTEGERS = st.integers(-5, 5)
DATES = st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 9))
INSTANTS = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2))  # noqa: DTZ001
DECIMALS = st.decimals(-2, 2, places=1)
FLOATS = st.sampled_from([-1.0, 0.0, 0.5, 2.0, math.inf, -math.inf, math.nan])
TEXTS = st.text("ab", max_size=3)
JUNK = st.sampled_from(["x", " 1", "1.0", "2020-02-30", "1e999", "-", "nan ", "2020-1-1"])

NO_VALUE = st.sampled_from([None, ""])


@dataclass(frozen=True)
class Kind:
    """A type of column: what its values are, and which checks make sense on it."""

    dtype: pl.DataType
    values: st.SearchStrategy[Any]
    checks: list[Callable[..., st.SearchStrategy[pa.Check]]] = field(default_factory=list)


def comparisons(values: st.SearchStrategy[Any]) -> list[Callable[..., st.SearchStrategy[pa.Check]]]:
    single: list[Any] = [pa.Check.eq, pa.Check.ne, pa.Check.gt, pa.Check.ge, pa.Check.lt, pa.Check.le]
    checks: list[Callable[..., st.SearchStrategy[pa.Check]]] = [
        lambda check=check, **options: values.map(lambda value: check(value, **options)) for check in single
    ]
    both = st.lists(values, min_size=2, max_size=2, unique=True).map(sorted)
    flags = st.tuples(st.booleans(), st.booleans())
    several = st.lists(values, min_size=1, max_size=3)
    return [
        *checks,
        lambda **options: st.builds(
            lambda ends, closed: pa.Check.in_range(*ends, include_min=closed[0], include_max=closed[1], **options),
            both,
            flags,
        ),
        lambda **options: several.map(lambda allowed: pa.Check.isin(allowed, **options)),
        lambda **options: several.map(lambda forbidden: pa.Check.notin(forbidden, **options)),
    ]


def texts() -> list[Callable[..., st.SearchStrategy[pa.Check]]]:
    patterns = st.sampled_from(["a", "^b", "a+b?$", "[ab]{2}"])
    return [
        lambda **options: patterns.map(lambda p: pa.Check.str_matches(p, **options)),
        lambda **options: patterns.map(lambda p: pa.Check.str_contains(p, **options)),
        lambda **options: TEXTS.map(lambda t: pa.Check.str_startswith(t, **options)),
        lambda **options: TEXTS.map(lambda t: pa.Check.str_endswith(t, **options)),
        lambda **options: st.integers(0, 3).map(lambda n: pa.Check.str_length(n, n + 1, **options)),
    ]


def custom() -> list[Callable[..., st.SearchStrategy[pa.Check]]]:
    return [
        lambda **options: st.just(
            pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).hash() % 2 == 0), **options)
        ),
        lambda **options: st.just(
            pa.Check(
                lambda data: data.lazyframe.with_columns(odd=pl.col(data.key).hash() % 2).select(pl.col("odd") == 0),
                **options,
            )
        ),
        lambda **options: st.just(pa.Check(lambda value: len(str(value)) % 2 == 0, element_wise=True, **options)),
        lambda **options: st.just(pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_null()), **options)),
    ]


KINDS = {
    "integer": Kind(pl.Int64(), INTEGERS, comparisons(INTEGERS)),
    "small": Kind(pl.Int8(), st.integers(-128, 127), comparisons(INTEGERS)),
    "float": Kind(pl.Float64(), FLOATS, comparisons(FLOATS.filter(lambda value: not math.isnan(value)))),
    "date": Kind(pl.Date(), DATES, comparisons(DATES)),
    "text": Kind(pl.String(), TEXTS, [*comparisons(TEXTS), *texts()]),
    "timestamp": Kind(pl.Datetime("us"), INSTANTS, comparisons(INSTANTS)),
    "decimal": Kind(pl.Decimal(6, 2), DECIMALS, comparisons(DECIMALS)),
    "word": Kind(pl.Enum(["a", "b"]), st.sampled_from("ab"), comparisons(st.sampled_from("ab"))[:2]),
    "truth": Kind(pl.Boolean(), st.booleans()),
}


@st.composite
def schemas(draw: st.DrawFn) -> pa.DataFrameSchema:
    """Columns `c0`, `c1` …; every check has its own `error`, so that pandera's failure cases name it."""
    columns = {}
    number = iter(range(1000))

    def checks(column_checks: list[Callable[..., st.SearchStrategy[pa.Check]]]) -> list[pa.Check]:
        chosen = draw(st.lists(st.sampled_from([*column_checks, *custom()]), max_size=3))
        return [draw(make(error=f"check {next(number)}", ignore_na=draw(st.booleans()))) for make in chosen]

    for index in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        columns[f"c{index}"] = pa.Column(
            KINDS[kind].dtype, checks(KINDS[kind].checks), nullable=draw(st.booleans()), description=kind
        )
    first, last = "c0", f"c{len(columns) - 1}"
    wide = [
        lambda data: data.lazyframe.select(pl.col(first).is_null() | pl.col(last).is_not_null()),
        lambda data: data.lazyframe.select(pl.col(first).is_null(), a=pl.col(last).hash() % 2 == 0),
        lambda data: data.lazyframe.with_columns(n=pl.col(first).is_null()).select(pl.col("n") == False),  # noqa: E712
    ]
    frame_checks = [
        pa.Check(function, error=f"check {next(number)}", ignore_na=draw(st.booleans()))
        for function in draw(st.lists(st.sampled_from(wide), max_size=2))
    ]
    return pa.DataFrameSchema(columns, checks=frame_checks)


@st.composite
def chunks(draw: st.DrawFn, schema: pa.DataFrameSchema) -> pl.DataFrame:
    rows = draw(st.integers(0, 12))
    columns = {ROW: pl.Series(range(1, rows + 1), dtype=pl.Int64)}
    for name, column in schema.columns.items():
        cell = st.one_of(KINDS[column.description].values.map(str), JUNK, NO_VALUE)
        columns[name] = pl.Series(draw(st.lists(cell, min_size=rows, max_size=rows)), dtype=pl.String)
    return pl.DataFrame(columns)


@st.composite
def schemas_and_chunks(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, pl.DataFrame]:
    schema = draw(schemas())
    return schema, draw(chunks(schema))


def failure_cases(schema: pa.DataFrameSchema, typed: pl.DataFrame) -> set[tuple[int, str, str]]:
    """(row from 0, column or "*", check) as pandera finds them on a typed frame."""
    try:
        schema.validate(typed, lazy=True)
    except SchemaErrors as errors:
        found = errors.failure_cases.select("index", "column", "check")
        names = pl.when(pl.col("column").is_in(list(schema.columns))).then("column").otherwise(pl.lit("*"))
        return set(found.with_columns(names.alias("column")).rows())
    return set()


def broken_rules(contract: Contract, split: Split) -> set[tuple[int, str, str]]:
    """The same of ours: the rule's words are the check's error; not_null is pandera's not_nullable."""
    found = set()
    for row, broken in split.rejected.select(ROW, "broken").iter_rows():
        for reason in broken:
            what = reason["rule"].split(":")[1]
            name = "not_nullable" if what == "not_null" else what if what == "type" else reason["allowed"]
            found.add((row - 1, reason["column"] or "*", name))
    return found


@given(schemas_and_chunks())
@MANY
def test_the_broken_rules_are_pandera_s_failure_cases_on_the_typed_rows(case):
    schema, frame = case
    contract = compile_contract(schema, dataset="d")
    checked = contract.check(frame)
    ours = broken_rules(contract, checked.split())
    mistyped = {(row, column) for row, column, what in ours if what == "type"}
    if frame.is_empty():
        assert not ours
        return
    # For pandera a cell of the wrong type is a null of the right one; here it breaks its type rule alone.
    theirs = {case for case in failure_cases(schema, checked.rows.drop(ROW)) if case[:2] not in mistyped}
    assert {case for case in ours if case[2] != "type"} == theirs


@given(schemas_and_chunks(), st.data())
@FEW
def test_where_an_object_is_cut_makes_no_difference(case, data):
    schema, frame = case
    contract = compile_contract(schema, dataset="d")
    whole = contract.check(frame)
    cuts = sorted(data.draw(st.lists(st.integers(0, frame.height), max_size=3)))
    bounds = zip([0, *cuts], [*cuts, frame.height], strict=True)
    parts = [contract.check(frame[start:end]) for start, end in bounds]
    assert_frame_equal(pl.concat(part.split().accepted for part in parts), whole.split().accepted)
    assert_frame_equal(pl.concat(part.split().rejected for part in parts), whole.split().rejected)
    names = list(schema.columns)
    assert_frame_equal(pl.concat(part.keys(names) for part in parts), whole.keys(names))


@given(schemas_and_chunks(), st.data())
@FEW
def test_accepted_and_rejected_rows_are_all_rows_and_each_once(case, data):
    schema, frame = case
    schema.unique = list(schema.columns)
    contract = compile_contract(schema, dataset="d")
    repeated = data.draw(st.lists(st.sampled_from(frame[ROW].to_list() or [1]), max_size=3))
    faults = pl.DataFrame({ROW: repeated, "rule": contract.uniques[0].code}, schema={ROW: pl.Int64, "rule": pl.String})
    split = contract.check(frame).split(faults)
    together = pl.concat([split.accepted[ROW], split.rejected[ROW]]).sort()
    assert together.to_list() == frame[ROW].to_list()
    assert set(repeated) & set(frame[ROW]) <= set(split.rejected[ROW])
    assert split.rejected["broken"].list.len().min() in (None, *range(1, 100))
    assert (
        split.rejected["values"].struct.unnest().rows()
        == frame.join(split.rejected, on=ROW, how="semi").drop(ROW).rows()
    )
    counted = split.rejected.explode("broken").select(pl.col("broken").struct["rule"]).to_series().value_counts()
    assert dict(counted.rows()) == split.tallies


NUMBER_TEXTS = st.one_of(
    st.text("0123456789+-.eE_ infaN", max_size=8), st.floats().map(repr), st.integers().map(str), st.decimals().map(str)
)


@given(st.lists(NUMBER_TEXTS, max_size=20))
@MANY
def test_numbers_are_those_python_reads_exactly(texts):
    dtypes = {"i": pl.Int16(), "f": pl.Float64(), "d": pl.Decimal(8, 2)}
    schema = pa.DataFrameSchema({name: pa.Column(dtype, nullable=True) for name, dtype in dtypes.items()})
    frame = pl.DataFrame({ROW: range(len(texts)), **dict.fromkeys(dtypes, texts)}, schema_overrides={ROW: pl.Int64})
    frame = frame.with_columns(pl.col(*dtypes).cast(pl.String))
    typed = compile_contract(schema, dataset="d").check(frame).rows.drop(ROW)
    for text, (whole, real, decimal) in zip(texts, typed.iter_rows(), strict=True):
        assert whole == python_int(text), text
        expected = python_float(text)
        assert real == expected or (expected is not None and math.isnan(expected) and math.isnan(real)), text
        assert decimal == python_decimal(text), text


def python_int(text: str) -> int | None:
    if "_" in text or text != text.strip():
        return None
    try:
        value = int(text)
    except ValueError:
        return None
    return value if -(2**15) <= value < 2**15 else None


def python_float(text: str) -> float | None:
    if "_" in text or text != text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isinf(value) and "n" not in text.lower() else value


def python_decimal(text: str) -> Decimal | None:
    if "_" in text or "e" in text.lower() or text != text.strip():
        return None
    try:
        value = Decimal(text)
        exact = value == round(value, 2) and abs(value) < 10**6
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return value if value.is_finite() and exact else None


@given(st.lists(st.one_of(st.text("0123456789-+/ T:", max_size=11), st.dates().map(str)), max_size=20))
@MANY
def test_dates_are_those_of_iso_8601_in_full(texts):
    schema = pa.DataFrameSchema({"d": pa.Column(pl.Date, nullable=True)})
    frame = pl.DataFrame({ROW: range(len(texts)), "d": texts}, schema={ROW: pl.Int64, "d": pl.String})
    typed = compile_contract(schema, dataset="d").check(frame).rows
    assert typed["d"].to_list() == [python_date(text) for text in texts]


def python_date(text: str) -> dt.date | None:
    try:
        value = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return value if value.isoformat() == text else None


@given(st.lists(st.datetimes(), max_size=10), st.sampled_from("T "))
@FEW
def test_every_timestamp_survives_its_own_text(instants, separator):
    schema = pa.DataFrameSchema({"t": pa.Column(pl.Datetime("us"))})
    texts = [instant.isoformat(separator) for instant in instants]
    frame = pl.DataFrame({ROW: range(len(texts)), "t": texts}, schema={ROW: pl.Int64, "t": pl.String})
    split = compile_contract(schema, dataset="d").check(frame).split()
    assert split.accepted["t"].to_list() == instants
