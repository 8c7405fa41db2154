"""dataframely: its schemas' `filter`, which parts the rows and tells of each rule whether a row breaks it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import dataframely as dy
import polars as pl

from benchmarks.candidates import Work, polars_text
from benchmarks.candidates.polars_text import ROW
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from benchmarks.tables import CARRIERS, TABLES


class LineItem(dy.Schema):
    row = dy.UInt32()
    l_orderkey = dy.Int64(min=1)
    l_partkey = dy.Int64(min=1)
    l_suppkey = dy.Int64(min=1)
    l_linenumber = dy.Int64(min=1, max=7)
    l_quantity = dy.Decimal(15, 2, min=1, max=50)
    l_extendedprice = dy.Decimal(15, 2, min_exclusive=0)
    l_discount = dy.Decimal(15, 2, min=0, max=Decimal("0.1"))
    l_tax = dy.Decimal(15, 2, min=0, max=Decimal("0.08"))
    l_returnflag = dy.String(check=lambda flag: flag.is_in(["A", "N", "R"]))
    l_linestatus = dy.String(check=lambda status: status.is_in(["F", "O"]))
    l_shipdate = dy.Date()
    l_commitdate = dy.Date()
    l_receiptdate = dy.Date()
    l_shipinstruct = dy.String(
        check=lambda how: how.is_in(["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"])
    )
    l_shipmode = dy.String(check=lambda mode: mode.is_in(["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"]))
    l_comment = dy.String(max_length=44)

    @dy.rule()
    def received_after_shipping(cls) -> pl.Expr:  # noqa: N805 - a class method, says dataframely
        return cls.l_receiptdate.col > cls.l_shipdate.col


class Flight(dy.Schema):
    row = dy.UInt32()
    year = dy.Int64(is_in=[2013])
    month = dy.Int64(min=1, max=12)
    day = dy.Int64(min=1, max=31)
    dep_time = dy.Int64(nullable=True, min=1, max=2400)
    sched_dep_time = dy.Int64(min=0, max=2359)
    dep_delay = dy.Int64(nullable=True)
    arr_time = dy.Int64(nullable=True, min=1, max=2400)
    sched_arr_time = dy.Int64(min=0, max=2359)
    arr_delay = dy.Int64(nullable=True)
    carrier = dy.String(check=lambda carrier: carrier.is_in(CARRIERS))
    flight = dy.Int64(min=1)
    tailnum = dy.String(nullable=True, regex=r"^N[0-9A-Z]{4,5}$")
    origin = dy.String(check=lambda origin: origin.is_in(["EWR", "JFK", "LGA"]))
    dest = dy.String(min_length=3, max_length=3)
    air_time = dy.Int64(nullable=True, min_exclusive=0)
    distance = dy.Int64(min_exclusive=0)
    hour = dy.Int64(min=0, max=23)
    minute = dy.Int64(min=0, max=59)
    time_hour = dy.Datetime(time_zone="UTC", time_unit="us")

    @dy.rule()
    def arrived_flights_have_an_air_time(cls) -> pl.Expr:  # noqa: N805
        return cls.arr_time.col.is_null() | cls.air_time.col.is_not_null()


SCHEMAS: dict[str, type[dy.Schema]] = {"lineitem": LineItem, "flights": Flight}


def ready(job: Job, output: Path) -> Work:
    schema = SCHEMAS[job.table]

    def work(_: Phases) -> None:
        polars_text.publish(job, _accepted(job, schema, output), output)

    return work


def _accepted(job: Job, schema: type[dy.Schema], output: Path) -> pl.DataFrame:
    """The rows that break no rule; the others are written."""
    texts = polars_text.read_text(job)
    rows = texts.select(ROW, *polars_text.typed(job))
    mistyped = polars_text.mistyped(job, texts, rows)
    valid, failure = schema.filter(rows)
    polars_text.write_rejected(texts, polars_text.broken(mistyped, _invalid(job, failure)), output)
    return valid.join(mistyped, on=ROW, how="anti", maintain_order="left").drop(ROW)


def _invalid(job: Job, failure: dy.FailureInfo) -> pl.DataFrame:
    """`row` and `code` of each rule that a row breaks."""
    columns = TABLES[job.table].columns
    details = failure.details()
    verdicts = details.select(ROW, pl.exclude(ROW, *columns)).unpivot(index=ROW, variable_name="rule")
    broken = verdicts.filter(pl.col("value") == "invalid")
    codes = {rule: _code(rule, job) for rule in broken["rule"].unique()}
    return broken.select(ROW, code=pl.col("rule").replace_strict(codes, return_dtype=pl.String))


def _code(rule: str, job: Job) -> str:
    """The benchmark's code of a rule of dataframely's, which has two for what is from here to there."""
    name, _, kind = rule.partition("|")
    if not kind:
        return TABLES[job.table].row_rule
    declared = TABLES[job.table].columns[name].rule
    return f"{name}:{'not_null' if kind == 'nullability' or declared is None else declared[0]}"
