"""What the rows of both tables must honour, in words that each candidate says in its own language.

Filegate says it in `benchmarks/datasets/lineitem.py` and `datasets/flights.py`. A rule's code is Filegate's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["int", "money", "text", "date", "instant"]
"""A 64-bit integer, a decimal with 15 digits of which two are behind the point, a text, a day, a moment in UTC."""


@dataclass(frozen=True)
class Column:
    """A column and the rules on it, besides that a value is of its kind (`<column>:type`).

    Attributes:
        kind: what its values are.
        nullable: whether it may lack a value; else `<column>:not_null`.
        eq, ge, gt: the value is that, at least that, more than that.
        in_range: it is one of these two numbers, or between them.
        isin: it is one of these.
        str_length: the text has so many characters, from and to.
        str_matches: the text matches this regular expression.
    """

    kind: Kind
    nullable: bool = False
    eq: int | None = None
    ge: int | None = None
    gt: int | None = None
    in_range: tuple[float, float] | None = None
    isin: tuple[str, ...] | None = None
    str_length: tuple[int, int] | None = None
    str_matches: str | None = None


@dataclass(frozen=True)
class Table:
    """Attributes:
    columns: as in the file.
    key: of accepted rows with the same, the first is published.
    partition_by: the column of the result that becomes folders.
    row_rule: the code of the one rule on the whole row.
    null: the text that means "no value", besides none at all.
    """

    columns: Mapping[str, Column]
    key: tuple[str, ...]
    partition_by: str
    row_rule: str
    null: str = ""


LINEITEM = Table(
    {
        "l_orderkey": Column("int", ge=1),
        "l_partkey": Column("int", ge=1),
        "l_suppkey": Column("int", ge=1),
        "l_linenumber": Column("int", in_range=(1, 7)),
        "l_quantity": Column("money", in_range=(1, 50)),
        "l_extendedprice": Column("money", gt=0),
        "l_discount": Column("money", in_range=(0, 0.1)),
        "l_tax": Column("money", in_range=(0, 0.08)),
        "l_returnflag": Column("text", isin=("A", "N", "R")),
        "l_linestatus": Column("text", isin=("F", "O")),
        "l_shipdate": Column("date"),
        "l_commitdate": Column("date"),
        "l_receiptdate": Column("date"),
        "l_shipinstruct": Column("text", isin=("COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN")),
        "l_shipmode": Column("text", isin=("AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK")),
        "l_comment": Column("text", str_length=(0, 44)),
    },
    key=("l_orderkey", "l_linenumber"),
    partition_by="ship_year",
    row_rule="*:received_after_shipping",
)
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
FLIGHTS = Table(
    {
        "year": Column("int", eq=2013),
        "month": Column("int", in_range=(1, 12)),
        "day": Column("int", in_range=(1, 31)),
        "dep_time": Column("int", nullable=True, in_range=(1, 2400)),
        "sched_dep_time": Column("int", in_range=(0, 2359)),
        "dep_delay": Column("int", nullable=True),
        "arr_time": Column("int", nullable=True, in_range=(1, 2400)),
        "sched_arr_time": Column("int", in_range=(0, 2359)),
        "arr_delay": Column("int", nullable=True),
        "carrier": Column("text", isin=CARRIERS),
        "flight": Column("int", ge=1),
        "tailnum": Column("text", nullable=True, str_matches=r"^N[0-9A-Z]{4,5}$"),
        "origin": Column("text", isin=("EWR", "JFK", "LGA")),
        "dest": Column("text", str_length=(3, 3)),
        "air_time": Column("int", nullable=True, gt=0),
        "distance": Column("int", gt=0),
        "hour": Column("int", in_range=(0, 23)),
        "minute": Column("int", in_range=(0, 59)),
        "time_hour": Column("instant"),
    },
    key=("time_hour", "carrier", "flight"),
    partition_by="month",
    row_rule="*:arrived_flights_have_an_air_time",
    null="NA",
)
TABLES = {"lineitem": LINEITEM, "flights": FLIGHTS}
