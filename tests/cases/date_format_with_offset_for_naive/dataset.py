import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    t: pl.Datetime


dataset = Dataset("date", schema=Row, source=Csv(date_formats={"t": "%Y-%m-%dT%H:%M:%S%z"}), tolerated_rejects=1.0)
