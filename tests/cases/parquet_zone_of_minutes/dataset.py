import pandera.polars as pa
import polars as pl

from filegate import Dataset, Parquet


class Row(pa.DataFrameModel):
    at: pl.Datetime("us", "UTC")


dataset = Dataset("parquet", schema=Row, source=Parquet(), on_unknown_columns="ignore", tolerated_rejects=1.0)
