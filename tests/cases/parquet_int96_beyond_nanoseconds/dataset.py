import pandera.polars as pa
import polars as pl

from filegate import Dataset, Parquet


class Row(pa.DataFrameModel):
    id: int
    ts: pl.Datetime("ns")


dataset = Dataset("parquet", schema=Row, source=Parquet(), tolerated_rejects=1.0)
