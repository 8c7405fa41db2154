"""Cars of 1970 to 1982 with their fuel consumption, a JSON array, as published by StatLib and in vega-datasets."""

import pandera.polars as pa
import polars as pl

from filegate import Dataset, Json, References


class Car(pa.DataFrameModel):
    """One model of one year."""

    Name: str = pa.Field(str_length={"min_value": 1, "max_value": 60})
    Miles_per_Gallon: float = pa.Field(gt=0)
    Cylinders: int = pa.Field(isin=[3, 4, 5, 6, 8])
    Displacement: float = pa.Field(gt=0)
    Horsepower: int = pa.Field(gt=0, nullable=True)
    Weight_in_lbs: int = pa.Field(gt=0)
    Acceleration: float = pa.Field(gt=0)
    Year: pl.Date
    Origin: str = pa.Field(isin=["Europe", "Japan", "USA"])


def transform(cars: pl.LazyFrame, _: References) -> pl.LazyFrame:
    return cars.select(
        pl.all().name.to_lowercase(), litres_per_100_km=(235.214583 / pl.col("Miles_per_Gallon")).round(2)
    )


dataset = Dataset("cars", schema=Car, source=Json(), transform=transform, partition_by=["origin"])
