import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    x: float
    y: int


dataset = Dataset("number", schema=Row, source=Csv(delimiter=";"), tolerated_rejects=1.0)
