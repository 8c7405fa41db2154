import pandera.polars as pa
import polars as pl

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    d: pl.Date


dataset = Dataset("date", schema=Row, source=Json(date_formats={"d": "%a, %d %b %Y"}), tolerated_rejects=1.0)
