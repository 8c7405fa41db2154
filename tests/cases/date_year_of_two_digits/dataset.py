import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    d: pl.Date


dataset = Dataset("date", schema=Row, source=Csv(date_formats={"d": "%d.%m.%Y"}), tolerated_rejects=1.0)
