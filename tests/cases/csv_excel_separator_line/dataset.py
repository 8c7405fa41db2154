import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    t: str


dataset = Dataset("csv", schema=Row, source=Csv(delimiter=";"), tolerated_rejects=1.0)
