import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    t: pl.Datetime("us", "Europe/Berlin")


dataset = Dataset("date", schema=Row, source=Csv(date_formats={"t": "%G-W%V-%u"}), tolerated_rejects=1.0)
