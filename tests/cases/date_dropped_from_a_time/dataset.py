import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    t: pl.Time


dataset = Dataset("date", schema=Row, source=Csv(date_formats={"t": "%Y-%m-%d %H:%M"}), tolerated_rejects=1.0)
