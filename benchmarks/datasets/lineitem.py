"""TPC-H order lines as the benchmark declares them: a join with their suppliers, and each key once."""

import pandera.polars as pa
import polars as pl
from pandera.polars import Check, Column, PolarsData

from filegate import Csv, Dataset, References

MONEY = pl.Decimal(15, 2)


def received_after_shipping(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("l_receiptdate") > pl.col("l_shipdate"))


LINEITEM = pa.DataFrameSchema(
    {
        "l_orderkey": Column(pl.Int64, Check.ge(1)),
        "l_partkey": Column(pl.Int64, Check.ge(1)),
        "l_suppkey": Column(pl.Int64, Check.ge(1)),
        "l_linenumber": Column(pl.Int64, Check.in_range(1, 7)),
        "l_quantity": Column(MONEY, Check.in_range(1, 50)),
        "l_extendedprice": Column(MONEY, Check.gt(0)),
        "l_discount": Column(MONEY, Check.in_range(0, 0.1)),
        "l_tax": Column(MONEY, Check.in_range(0, 0.08)),
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
)


def transform(lines: pl.LazyFrame, references: References) -> pl.LazyFrame:
    # polars gives a product the larger scale of its factors, so one needs the four digits beforehand.
    price = pl.col("l_extendedprice").cast(pl.Decimal(15, 4))
    suppliers = references["suppliers"]
    return lines.join(suppliers, left_on="l_suppkey", right_on="s_suppkey", how="left", maintain_order="left").select(
        pl.all(),
        revenue=(price * (1 - pl.col("l_discount"))).cast(pl.Decimal(15, 4)),
        ship_year=pl.col("l_shipdate").dt.year(),
    )


dataset = Dataset(
    "lineitem",
    schema=LINEITEM,
    source=Csv(),
    transform=transform,
    references={"suppliers": "references/suppliers.parquet"},
    key=["l_orderkey", "l_linenumber"],
    partition_by=["ship_year"],
    tolerated_rejects=1.0,
)
