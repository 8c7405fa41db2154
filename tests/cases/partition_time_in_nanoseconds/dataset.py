import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    k: int
    t: pl.Time


dataset = Dataset("partition", schema=Row, source=Csv(), partition_by=["t"])
