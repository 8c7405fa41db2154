import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    t: pl.Datetime("ns")


dataset = Dataset("date", schema=Row, source=Csv(), tolerated_rejects=1.0)
