"""Order lines of the TPC-H benchmark (specification 3.0.1, clauses 1.4.1 and 4.2.3), from CSV or Parquet."""

import pandera.polars as pa
import polars as pl
from pandera.polars import Check, Column, PolarsData

from filegate import Csv, Dataset, Parquet, References

MONEY = pl.Decimal(15, 2)


def received_after_shipping(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("l_receiptdate") > pl.col("l_shipdate"))


LINEITEM = pa.DataFrameSchema(
    {
        "l_orderkey": Column(pl.Int64, Check.ge(1)),
        "l_partkey": Column(pl.Int64, Check.ge(1)),
        "l_suppkey": Column(pl.Int64, Check.ge(1)),
        "l_linenumber": Column(pl.Int64, Check.in_range(1, 7), coerce=True),
        "l_quantity": Column(MONEY, Check.in_range(1, 50)),
        "l_extendedprice": Column(MONEY, Check.gt(0)),
        "l_discount": Column(MONEY, [Check.ge(0), Check.le(0.1)]),
        "l_tax": Column(MONEY, [Check.ge(0), Check.le(0.08)]),
        "l_returnflag": Column(pl.String, Check.isin(["A", "N", "R"])),
        "l_linestatus": Column(pl.String, Check.isin(["F", "O"])),
        "l_shipdate": Column(pl.Date),
        "l_commitdate": Column(pl.Date),
        "l_receiptdate": Column(pl.Date),
        "l_shipinstruct": Column(
            pl.String, Check.isin(["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"])
        ),
        "l_shipmode": Column(pl.String, Check.isin(["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"])),
        "l_comment": Column(pl.String, Check.str_length(max_value=44)),
    },
    checks=[Check(received_after_shipping)],
    unique=["l_orderkey", "l_linenumber"],
)


def transform(lines: pl.LazyFrame, _: References) -> pl.LazyFrame:
    # polars gives a product the larger scale of its factors, so one needs the four digits beforehand.
    price = pl.col("l_extendedprice").cast(pl.Decimal(15, 4))
    return lines.with_columns(
        revenue=(price * (1 - pl.col("l_discount"))).cast(pl.Decimal(15, 4)),
        ship_year=pl.col("l_shipdate").dt.year(),
    )


dataset = Dataset(
    "lineitem",
    schema=LINEITEM,
    source=[Csv(), Parquet()],
    transform=transform,
    partition_by=["ship_year"],
)
