"""What the rows of both tables must honour, in words that each candidate says in its own language.

Filegate says it in `benchmarks/datasets/lineitem.py` and `datasets/flights.py`. A rule's code is Filegate's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

Kind = Literal["int", "money", "text", "date", "instant"]
"""A 64-bit integer, a decimal with 15 digits of which two are behind the point, a text, a day, a moment in UTC."""


@dataclass(frozen=True)
class Column:
    """A column and what its values must honour.

    Attributes:
        kind: what its values are (else `<column>:type` is broken).
        nullable: whether it may lack a value (else `<column>:not_null`).
        rule: a rule on its values, by name and bound (else `<column>:<name>`):
            eq, ge, gt: the value is that number, at least, or more;
            in_range: it is one of two numbers, or between them;
            isin: it is one of these texts;
            str_length: the least and the most characters of the string;
            str_matches: the text matches a regular expression.
    """

    kind: Kind
    nullable: bool = False
    rule: tuple[str, Any] | None = None


@dataclass(frozen=True)
class Table:
    """Attributes:
    columns: as in the file.
    added: columns that what is published has besides: the joined one first.
    key: of accepted rows with the same, the first is published.
    partition_by: the column of the result that becomes folders.
    row_rule: the code of the one rule on the whole row.
    null: the text that means "no value", besides none at all.
    """

    columns: Mapping[str, Column]
    added: Mapping[str, Any]
    key: tuple[str, ...]
    partition_by: str
    row_rule: str
    null: str = ""


LINEITEM = Table(
    {
        "l_orderkey": Column("int", rule=("ge", 1)),
        "l_partkey": Column("int", rule=("ge", 1)),
        "l_suppkey": Column("int", rule=("ge", 1)),
        "l_linenumber": Column("int", rule=("in_range", (1, 7))),
        "l_quantity": Column("money", rule=("in_range", (1, 50))),
        "l_extendedprice": Column("money", rule=("gt", 0)),
        "l_discount": Column("money", rule=("in_range", (0, 0.1))),
        "l_tax": Column("money", rule=("in_range", (0, 0.08))),
        "l_returnflag": Column("text", rule=("isin", ("A", "N", "R"))),
        "l_linestatus": Column("text", rule=("isin", ("F", "O"))),
        "l_shipdate": Column("date"),
        "l_commitdate": Column("date"),
        "l_receiptdate": Column("date"),
        "l_shipinstruct": Column(
            "text", rule=("isin", ("COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"))
        ),
        "l_shipmode": Column("text", rule=("isin", ("AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"))),
        "l_comment": Column("text", rule=("str_length", (0, 44))),
    },
    added={"s_nationkey": pl.Int64, "revenue": pl.Decimal(15, 4), "ship_year": pl.Int64},
    key=("l_orderkey", "l_linenumber"),
    partition_by="ship_year",
    row_rule="*:received_after_shipping",
)
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
FLIGHTS = Table(
    {
        "year": Column("int", rule=("eq", 2013)),
        "month": Column("int", rule=("in_range", (1, 12))),
        "day": Column("int", rule=("in_range", (1, 31))),
        "dep_time": Column("int", nullable=True, rule=("in_range", (1, 2400))),
        "sched_dep_time": Column("int", rule=("in_range", (0, 2359))),
        "dep_delay": Column("int", nullable=True),
        "arr_time": Column("int", nullable=True, rule=("in_range", (1, 2400))),
        "sched_arr_time": Column("int", rule=("in_range", (0, 2359))),
        "arr_delay": Column("int", nullable=True),
        "carrier": Column("text", rule=("isin", CARRIERS)),
        "flight": Column("int", rule=("ge", 1)),
        "tailnum": Column("text", nullable=True, rule=("str_matches", r"^N[0-9A-Z]{4,5}$")),
        "origin": Column("text", rule=("isin", ("EWR", "JFK", "LGA"))),
        "dest": Column("text", rule=("str_length", (3, 3))),
        "air_time": Column("int", nullable=True, rule=("gt", 0)),
        "distance": Column("int", rule=("gt", 0)),
        "hour": Column("int", rule=("in_range", (0, 23))),
        "minute": Column("int", rule=("in_range", (0, 59))),
        "time_hour": Column("instant"),
    },
    added={"airline": pl.String, "cancelled": pl.Boolean, "miles_per_hour": pl.Float64},
    key=("time_hour", "carrier", "flight"),
    partition_by="month",
    row_rule="*:arrived_flights_have_an_air_time",
    null="NA",
)
POLARS: dict[Kind, Any] = {
    "int": pl.Int64,
    "money": pl.Decimal(15, 2),
    "text": pl.String,
    "date": pl.Date,
    "instant": pl.Datetime("us", "UTC"),
}


def published_types(table: Table) -> dict[str, Any]:
    """Of the rows that are published, with the column that became folders."""
    return {name: POLARS[column.kind] for name, column in table.columns.items()} | dict(table.added)


def rejected_types(table: Table) -> dict[str, Any]:
    """Of the rejected rows: their number in the file from 1, what was received, the codes of the broken rules."""
    return {"row": pl.Int64, **dict.fromkeys(table.columns, pl.String), "broken": pl.List(pl.String)}


TABLES = {"lineitem": LINEITEM, "flights": FLIGHTS}
